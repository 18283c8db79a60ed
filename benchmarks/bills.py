"""Generated bills: thirteen months of FOCUS 1.2 of three clouds, as one Parquet and one gzipped CSV file.

As a child process: `python -m benchmarks.bills MILLIONS` makes the files of so many million rows.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from outlay.core.focus import FOCUS
from outlay.core.span import Period, next_month

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DATA = Path(__file__).parent / ".data"
PROVIDERS = ("aws", "azure", "gcp")
MONTHS = 13
ROWS_PER_PROVIDER = 25_642  # three times thirteen of these are a million
SEED = 20_260_501

# The billing month that the generator writes; the twelve before it are shifted copies.
LAST_MONTH = date(2026, 5, 1)
FIRST_MONTH = date(2025, 5, 1)
LAST_DAY = date(2026, 5, 28)  # the generator charges nothing after the 28th

THIRTY_DAYS = Period(LAST_DAY - timedelta(days=29), LAST_DAY + timedelta(days=1))
ALL_DAYS = Period(FIRST_MONTH, next_month(LAST_MONTH))

_PERIODS = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")


def bill(millions: int, kind: str) -> Path:
    """Where the bill of so many million rows is; `kind`: parquet or csv.gz."""
    return DATA / f"focus-{millions}M.{kind}"


def make(millions: int) -> None:
    """Generate what is not there yet. The order is that of monthly exports put one after the other."""
    import duckdb

    DATA.mkdir(exist_ok=True)
    base, parquet, csv = DATA / "base.parquet", bill(millions, "parquet"), bill(millions, "csv.gz")
    con = duckdb.connect()
    if not base.exists():
        con.execute(f"COPY (SELECT * FROM {_generated()}) TO '{base}'")
    if not parquet.exists():
        copies = ", ".join([f"'{base}'"] * (MONTHS * millions))
        columns = ", ".join(f'{_varied(c.spec or "", c.kind, millions)} AS "{c.spec}"' for c in FOCUS)
        rows = f"SELECT {columns} FROM read_parquet([{copies}])"
        _write(con, rows, parquet, "FORMAT parquet, COMPRESSION snappy")
    if not csv.exists():
        columns = ", ".join(f'{_as_text(c.spec or "", c.kind)} AS "{c.spec}"' for c in FOCUS)
        _write(con, f"SELECT {columns} FROM '{parquet}'", csv, "FORMAT csv, HEADER, COMPRESSION gzip")


def _generated() -> str:
    """One month of each cloud by focus-data-toolkit, as DuckDB reads it."""
    tool = Path(sys.executable).with_name("focus-toolkit")
    for provider in PROVIDERS:
        arguments = ["--provider", provider, "--focus-version", "1.2", "--rows", ROWS_PER_PROVIDER, "--seed", SEED]
        command = [str(each) for each in (tool, "generate", *arguments, "--out", DATA / provider)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    files = ", ".join(f"'{DATA / provider}/*.csv'" for provider in PROVIDERS)
    return f"read_csv([{files}], all_varchar = true, union_by_name = true)"


def _varied(name: str, kind: str, millions: int) -> str:
    """The SQL of a column of one copy: file_index counts the copies, `millions` of them for each month."""
    month, copy = f"(file_index // {millions})", f"(file_index % {millions})"
    if name in _PERIODS:
        return f'"{name}"::TIMESTAMP - to_months({MONTHS - 1} - {month}::INTEGER)'
    if name.endswith("Cost"):
        return f'("{name}"::DECIMAL(38,18) + (file_index * 0.000001)::DECIMAL(38,18))::DECIMAL(38,18)'
    if kind == "decimal":
        return f'"{name}"::DECIMAL(38,18)'
    if name == "ResourceId":
        return f""""ResourceId" || '-' || {copy}"""
    return f"""from_json("{name}", '"MAP(VARCHAR,VARCHAR)"')""" if kind == "tags" else f'"{name}"'


def _as_text(name: str, kind: str) -> str:
    """A column as providers write it in CSV."""
    if kind == "timestamp":
        return f"""strftime("{name}", '%Y-%m-%dT%H:%M:%SZ')"""
    if kind == "decimal":
        return f'''rtrim(rtrim("{name}"::VARCHAR, '0'), '.')'''
    return f'to_json("{name}")::VARCHAR' if kind == "tags" else f'"{name}"'


def _write(con: DuckDBPyConnection, rows: str, path: Path, how: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    con.execute(f"COPY ({rows}) TO '{partial}' ({how})")
    partial.rename(path)


if __name__ == "__main__":
    make(int(sys.argv[1]))
