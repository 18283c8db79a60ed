"""One billing file: its format, its columns, its layout, and its rows as a stream of CHARGES."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from outlay.core import focus
from outlay.core.errors import BillError
from outlay.core.span import END_MONTH, FIRST_MONTH, Period
from outlay.objects import connect, filesystem, identifier, is_remote, literal
from outlay.sources.files import csv_files, cur, focus_files
from outlay.sources.files.faults import fault_of

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

LAYOUTS = {"FOCUS": focus_files, "AWS CUR": cur}
ROWS_PER_BATCH = 16_384  # larger batches cost more in page faults than they save

_MAGIC: Mapping[bytes, Literal["parquet", "gzip", "zstd"]] = {
    b"PAR1": "parquet",
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_STARTS = ("billing_period_start", "charge_period_start")


@dataclass(frozen=True, slots=True)
class Bill:
    """One file: its path or URL, its size in bytes, and what tells one version of it from the next."""

    path: str
    size: int
    version: str


@dataclass(frozen=True, slots=True)
class Layout:
    """How a bill is read.

    `table`        the DuckDB table function that reads it
    `columns`      the file's columns and the types they are read as
    `expressions`  the SQL of each column of CHARGES
    `header`       of a CSV, with its `compression`; None for Parquet
    """

    name: str
    table: str
    columns: Mapping[str, str]
    expressions: dict[str, str]
    header: csv_files.Header | None = None
    compression: csv_files.Compression = "none"


def understood(bill: Bill, options: Mapping[str, str]) -> Layout:
    """The layout of a bill, from its columns alone. Raises BillError when it has none that is known."""
    with _opened(bill, options) as file:
        magic = file.read(4)
    kind = next((kind for start, kind in _MAGIC.items() if magic.startswith(start)), "none")
    return _parquet(bill, options) if kind == "parquet" else _csv(bill, kind, options)


def read_bill(
    bill: Bill, layout: Layout, columns: Mapping[str, str], months: Period | None, options: Mapping[str, str]
) -> Iterator[pa.RecordBatch]:
    """The bill's charges, batch by batch; with `months` only those billed in them. Raises BillError.

    `columns` is the SQL of every column of CHARGES, in its order, over the bill's own columns.
    """
    import duckdb
    import pyarrow as pa

    selected = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in columns.items())
    query = f"SELECT {selected} FROM {layout.table}"  # noqa: S608 - names and paths are quoted
    if months is not None:
        start = columns["billing_period_start"]
        query += f" WHERE {start} >= TIMESTAMPTZ '{months.start}' AND {start} < TIMESTAMPTZ '{months.end}'"
    with closing(connect(options, bill.path)) as con:
        con.execute("SET preserve_insertion_order = false")
        con.execute("SET memory_limit = '512MB'")
        try:
            for batch in con.sql(query).to_arrow_reader(ROWS_PER_BATCH):
                _refuse(batch, bill, layout, columns, con, options)
                yield batch.cast(focus.schema())
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise BillError(_explained(bill, layout, error, options)) from None


def _parquet(bill: Bill, options: Mapping[str, str]) -> Layout:
    import duckdb

    # Some writers leave unsaid that their binary columns are text.
    table = f"read_parquet({literal(bill.path)}, hive_partitioning = false, binary_as_string = true)"
    try:
        with closing(connect(options, bill.path)) as con:
            rows = con.sql(f"DESCRIBE SELECT * FROM {table}").fetchall()  # noqa: S608 - quoted path
    except duckdb.Error as error:
        raise BillError(f"{bill.path}: {fault_of(error, {}).words}") from None
    columns = {row[0]: row[1] for row in rows}
    name = _layout_of(bill, columns)
    return Layout(name, table, columns, LAYOUTS[name].expressions(columns))


def _csv(bill: Bill, compression: csv_files.Compression, options: Mapping[str, str]) -> Layout:
    with _opened(bill, options) as file:
        header = csv_files.header(file, compression)
    columns = dict.fromkeys(header.names, "VARCHAR")
    name = _layout_of(bill, columns)
    columns |= LAYOUTS[name].types(columns)
    table = csv_files.table(bill.path, compression, columns, header)
    return Layout(name, table, columns, LAYOUTS[name].expressions(columns), header, compression)


def _layout_of(bill: Bill, columns: Mapping[str, str]) -> str:
    for name, layout in LAYOUTS.items():
        if layout.matches(columns):
            return name
    some = ", ".join([*columns][:6] + ["..."] * (len(columns) > 6))
    missing = ", ".join(focus_files.missing(columns))
    raise BillError(
        f"{bill.path}: no known billing layout ({', '.join(LAYOUTS)}); for FOCUS it lacks {missing};"
        f" its columns are: {some or 'none'}"
    )


@contextmanager
def _opened(bill: Bill, options: Mapping[str, str]) -> Iterator[IO[bytes]]:
    """The bill's bytes; what goes wrong while they are read is a BillError."""
    try:
        if is_remote(bill.path):
            # Told the size, it does not ask for it; and asking is what it cannot fail at without noise.
            with filesystem(bill.path, options).open(bill.path, "rb", size=bill.size) as remote:
                yield remote
        else:
            with Path(bill.path).open("rb") as local:
                yield local
    except UnicodeDecodeError:
        raise BillError(f"{bill.path}: neither Parquet nor UTF-8 text") from None
    except (EOFError, zlib.error):
        raise BillError(f"{bill.path}: the compressed file is cut short or damaged") from None
    except Exception as error:
        if is_remote(bill.path) or isinstance(error, OSError | csv.Error):
            words = getattr(error, "strerror", None) or fault_of(error, {}).words
            raise BillError(f"{bill.path}: cannot be read: {words}") from None
        raise


def _refuse(
    batch: pa.RecordBatch,
    bill: Bill,
    layout: Layout,
    columns: Mapping[str, str],
    con: DuckDBPyConnection,
    options: Mapping[str, str],
) -> None:
    """Raise BillError for charges without what every charge has, and for times that only look like some."""
    for column in focus.CHARGES:
        if not column.nullable and batch.column(column.name).null_count:
            where = f"{columns[column.name]} IS NULL"
            place = _place(bill, layout, _first_row(con, layout, where), options)
            raise BillError(f"{place}: a charge has no {column.spec or column.name}")
    for name in _STARTS:
        if not _plausible(batch.column(name)):
            sql = columns[name]
            where = f"NOT {sql} BETWEEN TIMESTAMPTZ '{FIRST_MONTH}' AND TIMESTAMPTZ '{END_MONTH}'"
            place = _place(bill, layout, _first_row(con, layout, where), options)
            spec = focus.BY_NAME[name].spec
            raise BillError(f"{place}: {spec} is outside {FIRST_MONTH.year}..{END_MONTH.year}; write 2026-10-31")


def _plausible(times: Sequence[Any] | Any) -> bool:
    """Whether all times are of our age: `5/1/25` is read as January of the year 5."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bounds = pc.min_max(times)
    first, last = (pa.scalar(day, times.type) for day in (FIRST_MONTH, END_MONTH))
    return not times or (bounds["min"] >= first and bounds["max"] < last)
