"""One billing file: its format, its columns and its layout, told by what is in it."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from outlay.core.errors import BillError
from outlay.objects import connect, literal
from outlay.sources._bills import azure, buckets, csv_files, cur, focus, oci
from outlay.sources._bills.faults import fault_of

Kind = Literal["parquet", "gzip", "zstd", "none"]
LAYOUTS = {"FOCUS": focus, "AWS CUR": cur, "OCI cost report": oci, "Azure": azure}

_MAGIC: Mapping[bytes, Kind] = {
    b"PAR1": "parquet",
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
}


@dataclass(frozen=True, slots=True)
class Bill:
    """One file: its path or URL, its size in bytes, and what tells one version of it from the next.

    `files`: the fsspec file system of a bucket (it needs `cat_file` and `info`), None for a file of this machine.
    """

    path: str
    size: int
    version: str
    files: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a bill is read.

    `table`        the DuckDB table function that reads it
    `columns`      the file's columns and the types they are read as
    `expressions`  the SQL of each column of CHARGES
    `header`       of a CSV; None for Parquet
    """

    name: str
    table: str
    columns: Mapping[str, str]
    expressions: dict[str, str]
    header: csv_files.Header | None = None


def understood(bill: Bill) -> Layout:
    """The layout of a bill, from its columns alone. Raises BillError when it has none that is known."""
    with opened(bill) as file:
        magic = file.read(4)
        file.seek(0)
        kind: Kind = next((kind for start, kind in _MAGIC.items() if magic.startswith(start)), "none")
        header = None if kind == "parquet" else csv_files.header(file, kind)
    return _parquet(bill) if header is None else _csv(bill, header)


@contextmanager
def opened(bill: Bill) -> Iterator[IO[bytes]]:
    """The bill's bytes; what goes wrong while they are read is a BillError."""
    try:
        if bill.files is not None:
            with buckets.opened(bill.files, bill.path, bill.size) as remote:
                yield remote
        else:
            with Path(bill.path).open("rb") as local:
                yield local
    except UnicodeDecodeError:
        raise BillError(f"{bill.path}: neither Parquet nor UTF-8 text") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise BillError(f"{bill.path}: the compressed file is cut short or damaged") from None
    except Exception as error:
        if bill.files is not None or isinstance(error, OSError | csv.Error):
            words = getattr(error, "strerror", None) or fault_of(error, {}).words
            raise BillError(f"{bill.path}: cannot be read: {words}") from None
        raise


def _parquet(bill: Bill) -> Layout:
    import duckdb

    # Some writers leave unsaid that their binary columns are text.
    table = f"read_parquet({literal(bill.path)}, hive_partitioning = false, binary_as_string = true)"
    try:
        with closing(connect(bill.files)) as con:
            rows = con.sql(f"DESCRIBE SELECT * FROM {table}").fetchall()  # noqa: S608 - quoted path
    except duckdb.Error as error:
        raise BillError(f"{bill.path}: {fault_of(error, {}).words}") from None
    columns = {row[0]: row[1] for row in rows}
    name = _layout_of(bill, columns)
    return Layout(name, table, columns, LAYOUTS[name].expressions(columns))


def _csv(bill: Bill, header: csv_files.Header) -> Layout:
    columns = dict.fromkeys(header.names, "VARCHAR")
    name = _layout_of(bill, columns)
    columns |= LAYOUTS[name].types(columns)
    table = csv_files.table(bill.path, columns, header)
    return Layout(name, table, columns, LAYOUTS[name].expressions(columns), header)


def _layout_of(bill: Bill, columns: Mapping[str, str]) -> str:
    for name, layout in LAYOUTS.items():
        if layout.matches(columns):
            return name
    some = ", ".join([*columns][:6] + ["..."] * (len(columns) > 6))
    missing = ", ".join(focus.missing(columns))
    raise BillError(
        f"{bill.path}: no known billing layout ({', '.join(LAYOUTS)}); for FOCUS it lacks {missing};"
        f" its columns are: {some or 'none'}"
    )
