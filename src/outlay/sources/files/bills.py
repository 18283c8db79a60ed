"""One billing file: its format, its columns, its layout, and its rows as a stream of CHARGES."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, cast

from outlay.core import focus
from outlay.core.errors import BillError
from outlay.core.span import Period
from outlay.objects import connect, filesystem, is_remote, literal, plain
from outlay.sources.files import cur, focus_files

if TYPE_CHECKING:
    import pyarrow as pa

LAYOUTS = {"FOCUS": focus_files, "AWS CUR": cur}
ROWS_PER_BATCH = 16_384  # larger batches cost more in page faults than they save

_GZIP, _ZSTD, _PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"


@dataclass(frozen=True, slots=True)
class Bill:
    """One file: its path or URL, its size in bytes, and what tells one version of it from the next."""

    path: str
    size: int
    version: str


@dataclass(frozen=True, slots=True)
class Layout:
    """How a bill is read: `table` is the DuckDB table function, `expressions` the SQL of each column of CHARGES."""

    name: str
    table: str
    columns: Mapping[str, str]
    expressions: dict[str, str]


def understood(bill: Bill, options: Mapping[str, str]) -> Layout:
    """The layout of a bill, from its columns alone. Raises BillError when it has none that is known."""
    kind = _kind(bill, options)
    header = None if kind == "parquet" else _header(bill, kind, options)
    there = _parquet_columns(bill, options) if header is None else dict.fromkeys(header.names, "VARCHAR")
    for name, layout in LAYOUTS.items():
        if layout.matches(there):
            columns = there if header is None else there | layout.types(there)
            table = _parquet_table(bill) if header is None else _csv_table(bill, kind, columns, header)
            return Layout(name, table, columns, layout.expressions(columns))
    some = ", ".join(list(there)[:6]) or "none"
    raise BillError(f"{bill.path}: no known billing layout ({', '.join(LAYOUTS)}); its columns are: {some}, ...")


def read_bill(
    bill: Bill, columns: list[str], months: Period | None, options: Mapping[str, str]
) -> Iterator[pa.RecordBatch]:
    """The bill's charges, batch by batch; with `months` only those billed in them. Raises BillError."""
    import duckdb

    layout = understood(bill, options)
    sql = f"SELECT {', '.join(columns)} FROM {layout.table}"  # noqa: S608 - names and paths are quoted
    if months is not None:
        start = layout.expressions["billing_period_start"]
        sql += f" WHERE {start} >= TIMESTAMPTZ '{months.start}' AND {start} < TIMESTAMPTZ '{months.end}'"
    with closing(connect(options, bill.path)) as con:
        con.execute("SET preserve_insertion_order = false")
        con.execute("SET memory_limit = '512MB'")
        try:
            for batch in con.sql(sql).to_arrow_reader(ROWS_PER_BATCH):
                _refuse_nulls(batch, bill)
                yield batch.cast(focus.schema())
        except (duckdb.Error, OSError) as error:
            raise BillError(_explained(bill, error)) from None
        except Exception as error:
            if type(error).__module__.startswith("pyarrow"):
                raise BillError(_explained(bill, error)) from None
            raise


def _refuse_nulls(batch: pa.RecordBatch, bill: Bill) -> None:
    for column in focus.CHARGES:
        if not column.nullable and batch.column(column.name).null_count:
            raise BillError(f"{bill.path}: a charge has no {column.spec or column.name}")


def _kind(bill: Bill, options: Mapping[str, str]) -> Literal["parquet", "gzip", "zstd", "none"]:
    with _opened(bill, options) as file:
        magic = file.read(4)
    if magic == _PARQUET:
        return "parquet"
    return "gzip" if magic[:2] == _GZIP else "zstd" if magic == _ZSTD else "none"


def _opened(bill: Bill, options: Mapping[str, str]) -> IO[bytes]:
    try:
        if is_remote(bill.path):
            return cast("IO[bytes]", filesystem(bill.path, options).open(bill.path, "rb"))
        return Path(bill.path).open("rb")
    except OSError as error:
        raise BillError(f"{bill.path}: {error.strerror or plain(error)}") from None


def _parquet_columns(bill: Bill, options: Mapping[str, str]) -> dict[str, str]:
    import duckdb

    try:
        with closing(connect(options, bill.path)) as con:
            rows = con.sql(f"DESCRIBE SELECT * FROM {_parquet_table(bill)}").fetchall()  # noqa: S608 - quoted path
    except duckdb.Error as error:
        raise BillError(_explained(bill, error)) from None
    return {row[0]: row[1] for row in rows}


def _parquet_table(bill: Bill) -> str:
    return f"read_parquet({literal(bill.path)}, hive_partitioning = false)"


@dataclass(frozen=True, slots=True)
class _Header:
    """What a CSV file's first two records tell: its columns, its delimiter, whether its rows stop early."""

    names: list[str]
    delimiter: str
    short_rows: bool


def _header(bill: Bill, kind: str, options: Mapping[str, str]) -> _Header:
    with _opened(bill, options) as raw:
        try:
            text = io.TextIOWrapper(io.BufferedReader(_unpacked(raw, kind)), "utf-8-sig", newline="")
            first = text.readline(4 << 20)
            delimiter = max(",;\t|", key=first.count)
            records = csv.reader(itertools.chain([first], text), delimiter=delimiter)
            names, row = next(records, []), next(records, [])
        except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
            raise BillError(f"{bill.path}: cannot read its first lines: {plain(error)}") from None
    keys: dict[str, str] = {}  # by lower case: the engine ignores the case of names
    for index, name in enumerate(names):
        key = name.strip()
        unique = key if key and key.lower() not in keys else f"{key}#{index}"
        keys[unique.lower()] = unique
    return _Header(list(keys.values()), delimiter, 0 < len(row) < len(names))


def _unpacked(raw: IO[bytes], kind: str) -> Any:
    if kind == "zstd":
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(raw), "zstd")
    return gzip.GzipFile(fileobj=raw) if kind == "gzip" else raw


def _csv_table(bill: Bill, kind: str, columns: Mapping[str, str], header: _Header) -> str:
    described = ", ".join(f"{literal(name)}: {literal(known)}" for name, known in columns.items())
    # Some reports leave off trailing empty fields, on every row. Elsewhere a short row is a file cut short.
    padding = ", null_padding = true" if header.short_rows else ""
    return (
        f"read_csv({literal(bill.path)}, auto_detect = false, header = true, delim = {literal(header.delimiter)},"
        f" quote = '\"', escape = '\"', nullstr = ['NULL', 'null', ''], compression = {literal(kind)}{padding},"
        f" columns = {{{described}}})"
    )


_LINE = re.compile(r"Line:? (\d+)")
_COLUMN = re.compile(r'column "([^"]+)"')
_VALUE = re.compile(r"Could not convert string [\"'](.*?)[\"'] to")
_FIELDS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")


def _explained(bill: Bill, error: Exception) -> str:
    """What is wrong with a bill: file, line, column and value where the reader tells them."""
    said = str(error)
    line, column, value, fields = (each.search(said) for each in (_LINE, _COLUMN, _VALUE, _FIELDS))
    place = bill.path + (f" line {line[1]}" if line else "")
    if value:
        return f"{place}: {column[1] if column else 'a value'} is no amount or time: {value[1]!r}"
    if fields:
        return f"{place}: {fields[2]} fields where the header has {fields[1]}; the file may be cut short"
    if re.search("gzip|decompress|zlib|zstd", said, re.IGNORECASE):
        return f"{place}: the compressed file is cut short or damaged"
    return f"{place}: {plain(error).removeprefix('Invalid Input Error: ')}"
