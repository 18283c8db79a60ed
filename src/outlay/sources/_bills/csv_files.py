"""CSV bills: their header, how they are read, and which line of the file an entry is."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
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
    with _text(file, compression) as text:
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
    with _text(file, header.compression, "replace") as text:
        reader = csv.reader(text, delimiter=header.delimiter)
        for _ in itertools.islice(reader, entry - 1):
            pass
        return reader.line_num + 1


def line_of_row(file: IO[bytes], header: Header, row: int) -> int:
    """The line on which a row starts: 1 is the first after the header, and empty lines are none."""
    with _text(file, header.compression, "replace") as text:
        reader = csv.reader(text, delimiter=header.delimiter)
        rows, start = -1, 1
        for fields in reader:
            rows += bool(fields)
            if rows == row:
                break
            start = reader.line_num + 1
        return start


def read_to_end(file: IO[bytes], compression: Compression, stop: Event) -> None:
    """Unpack the whole file, unless told to stop. Raises EOFError for what is cut short or damaged."""
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(pa.PythonFile(file), compression) as unpacked:
            while not stop.is_set() and unpacked.read(1 << 20):
                pass
    except OSError as error:
        if error.errno is not None:
            raise
        raise EOFError from None  # Arrow's own word for what does not unpack


@contextmanager
def _text(file: IO[bytes], compression: Compression, errors: str = "strict") -> Iterator[io.TextIOWrapper]:
    with _unpacked(file, compression) as unpacked:
        text = io.TextIOWrapper(unpacked, "utf-8-sig", errors, newline="")
        try:
            yield text
        finally:
            text.detach()  # the file belongs to who opened it


@contextmanager
def _unpacked(file: IO[bytes], compression: Compression) -> Iterator[Any]:
    if compression == "gzip":
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield unpacked
    elif compression == "zstd":
        import pyarrow as pa

        with io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(file), "zstd")) as stream:
            yield stream
    else:
        yield file


def _unique(names: list[str]) -> list[str]:
    """Names that the engine tells apart: it ignores their case, and wants none empty."""
    keys: dict[str, str] = {}
    for index, name in enumerate(names):
        key = name.strip()
        unique = key if key and key.lower() not in keys else f"{key}#{index}"
        keys[unique.lower()] = unique
    return list(keys.values())
