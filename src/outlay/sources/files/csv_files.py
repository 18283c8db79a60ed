"""CSV bills: their header, how they are read, and which line of the file an entry is."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Literal

from outlay.objects import literal

Compression = Literal["gzip", "zstd", "none"]

_LINE_BYTES = 2 << 20  # what the engine takes as one row
csv.field_size_limit(_LINE_BYTES)  # its default is less than some tags
_NULLS = ("NULL", "null", "Null", "")


@dataclass(frozen=True, slots=True)
class Header:
    """What a file's first two records tell: its columns, delimiter and packing, whether its rows stop early."""

    names: list[str]
    delimiter: str
    short_rows: bool
    compression: Compression


def header(file: IO[bytes], compression: Compression) -> Header:
    """The header of a file. Raises OSError, EOFError, UnicodeDecodeError, zlib.error or csv.Error."""
    text = _text(file, compression)
    first = text.readline(_LINE_BYTES)
    delimiter = max(",;\t|", key=first.count)
    records = csv.reader(itertools.chain([first], text), delimiter=delimiter)
    names, row = next(records, []), next(records, [])
    return Header(_unique(names), delimiter, 0 < len(row) < len(names), compression)


def table(path: str, columns: Mapping[str, str], header: Header) -> str:
    """The DuckDB table function that reads the file, `columns` being the names and types of all of its columns."""
    described = ", ".join(f"{literal(name)}: {literal(known)}" for name, known in columns.items())
    # Some reports leave off trailing empty fields, on every row. Elsewhere a short row is a file cut short.
    padding = ", null_padding = true" if header.short_rows else ""
    return (
        f"read_csv({literal(path)}, auto_detect = false, header = true, delim = {literal(header.delimiter)},"
        f" quote = '\"', escape = '\"', nullstr = [{', '.join(map(literal, _NULLS))}],"
        f" compression = {literal(header.compression)}{padding}, columns = {{{described}}})"
    )


def line_of_entry(file: IO[bytes], header: Header, entry: int) -> int:
    """The line on which an entry starts: 1 is the header's, and empty lines are entries."""
    return _nth((start for start, _ in _starts(file, header)), entry)


def line_of_row(file: IO[bytes], header: Header, row: int) -> int:
    """The line on which a row starts: 1 is the first after the header, and empty lines are none."""
    return _nth((start for start, fields in _starts(file, header) if fields), row + 1)


def read_to_end(file: IO[bytes], compression: Compression) -> None:
    """Unpack the whole file: what is cut short or damaged raises OSError, EOFError or zlib.error."""
    with _unpacked(file, compression) as unpacked:
        while unpacked.read(1 << 20):
            pass


def _nth(starts: Iterator[int], number: int) -> int:
    return next(itertools.islice(starts, number - 1, None), number)


def _starts(file: IO[bytes], header: Header) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(_text(file, header.compression, "replace"), delimiter=header.delimiter)
    start = 1
    for fields in reader:
        yield start, fields
        start = reader.line_num + 1


def _text(file: IO[bytes], compression: Compression, errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedReader(_unpacked(file, compression)), "utf-8-sig", errors, newline="")


def _unpacked(file: IO[bytes], compression: Compression) -> Any:
    if compression == "zstd":
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(file), "zstd")
    return gzip.GzipFile(fileobj=file) if compression == "gzip" else file


def _unique(names: list[str]) -> list[str]:
    """Names that the engine tells apart: it ignores their case, and wants none empty."""
    keys: dict[str, str] = {}
    for index, name in enumerate(names):
        key = name.strip()
        unique = key if key and key.lower() not in keys else f"{key}#{index}"
        keys[unique.lower()] = unique
    return list(keys.values())
