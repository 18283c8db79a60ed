"""What is wrong with a bill, from what its reader says: the entry, the column, the value, in words for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from outlay.objects import plain

SHOWN = 60  # characters of a bad value: enough to find it

_ENTRY = re.compile(r"^(?:\w+ )*Error: CSV Error on Line: (\d+)$", re.MULTILINE)
_VALUE = re.compile(
    r"""(?:convert string|Casting value|timestamp field format:|value) (["'])(.*?)\1(?:,| to | is )""", re.DOTALL
)
_COLUMN = re.compile(r'^Error when converting column "(.+?)"\. |casting from source column (\S+)$', re.MULTILINE)
_POINTED = re.compile(r'"([^"]+)"(?:::\w+)*$')  # what stands before the place that a query's error points at
_TYPE = re.compile(r"Unimplemented type for cast \((.+?) -> (\w+)")
_FIELDS = re.compile(r"^Expected Number of Columns: (\d+) Found: (\d+)$", re.MULTILINE)
_PHRASES = {
    r"^Value with unterminated quote": "a quote is opened and not closed, or text goes on after it",
    r"^Invalid unicode": "it is not UTF-8 text",
    r"Invalid string encoding found in Parquet": "it is not UTF-8 text; the file may be damaged",
    r"^Maximum line size": "a row of more than 2 MB; a quote may be opened and not closed",
    r"^(IO Error: )?Unexpected end of (GZIP|ZSTD)": "the compressed file is cut short",
    r"magic bytes|too small to be a Parquet|Footer length|[Tt]hrift|decompression failure": (
        "the Parquet file is cut short or damaged"
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong; in a CSV, with which entry: 1 is the header, empty lines count, quoted line ends do not."""

    words: str
    entry: int | None = None


def fault_of(error: Exception, columns: Mapping[str, str]) -> Fault:
    """The fault that an error of the reader tells. `columns`: the file's, with the types they are read as."""
    said = str(error)
    entry = _ENTRY.search(said)
    return Fault(_words(said, columns) or unsigned(plain(error)), int(entry[1]) if entry else None)


def unsigned(text: str) -> str:
    """`text` without the query strings of URLs: they hold signatures."""
    return re.sub(r"(://\S+?)\?\S+", r"\1", text)


def _words(said: str, columns: Mapping[str, str]) -> str | None:
    fields, value = _FIELDS.search(said), _VALUE.search(said)
    if fields:
        return f"{fields[2]} fields where the header has {fields[1]}; the file may be cut short"
    for pattern, words in _PHRASES.items():
        if re.search(pattern, said, re.MULTILINE):
            return words
    column, wrong_type = _column(said), _TYPE.search(said)
    timed = columns.get(column, "").startswith("TIMESTAMP") or "timestamp" in said.partition("\n")[0].lower()
    kind = "time" if timed else "amount"
    if wrong_type:
        return f"{column} is {wrong_type[1]}, which is no {kind}"
    if value:
        text = value[2] if len(value[2]) <= SHOWN else f"{value[2][:SHOWN]}..."
        return f"{column} is no {kind}: {text!r}" + ("; write it as 2026-10-31T00:00:00Z" if timed else "")
    return None


def _column(said: str) -> str:
    named = _COLUMN.search(said)
    if named:
        return named[1] or named[2]
    above, _, carets = said.rpartition("\n")
    before = above.rpartition("\n")[2][: len(carets) - len(carets.lstrip())]
    pointed = _POINTED.search(before)
    return pointed[1] if pointed else "a value"
