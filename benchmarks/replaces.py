"""Replacing what an API reports, beside a big delivery in the same table.

As a child process: `python -m benchmarks.replaces LAKE` prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import processes
from benchmarks.bills import LAST_DAY, LAST_MONTH
from benchmarks.report import Line
from outlay.core import focus
from outlay.core.span import Period, Span, next_month

if TYPE_CHECKING:
    import pyarrow as pa

    from outlay.warehouses.lake import Lake

SECONDS = 0.15
ROWS = 20_000  # of one month of an API's source: 30 days of 670 combinations
RUNS = 7
MONTH = Period(LAST_MONTH, next_month(LAST_MONTH))
THREE_DAYS = 3


def lines(lake: Path, size: str) -> list[Line]:
    """The median time of a replace. Rewriting days inside a delivered month has no goal: no source of ours does it."""
    found, _ = processes.child("replaces", lake)
    return [
        Line(
            f"replace {each['what']}, {size}",
            each["seconds"],
            "s",
            "limit",
            SECONDS,
            goal=1.0 if each["source"] == "api" else None,
            cpu_seconds=each["cpu_seconds"],
        )
        for each in found
    ]


# -- in the child ------------------------------------------------------------------------------------


def measure(folder: Path) -> list[dict[str, Any]]:
    """The median seconds of each kind of replace, by one process that has the lake open."""
    from outlay.warehouses.lake import Lake

    lake = Lake(path=str(folder))
    lake.replace(Span.of_days("api", MONTH), _rows(lake, "api", MONTH, ROWS))
    # As collecting day after day does: each run replaces two days of the run before it, and one new.
    ends = [LAST_DAY - timedelta(days=RUNS - 1 - run) for run in range(RUNS)]
    sliding = [Period(end - timedelta(days=THREE_DAYS - 1), end + timedelta(days=1)) for end in ends]
    return [
        _median("month of an API's source", lake, "api", [MONTH] * RUNS, ROWS),
        _median(f"{THREE_DAYS} days of it", lake, "api", sliding, ROWS * THREE_DAYS // LAST_DAY.day),
        _median(f"{THREE_DAYS} days inside a delivered month", lake, "files", sliding[-1:], None),
    ]


def _median(what: str, lake: Lake, source: str, runs: list[Period], most: int | None) -> dict[str, Any]:
    wall, cpu, count = [], [], 0
    for days in runs:
        rows = _rows(lake, source, days, most)
        started, used = time.perf_counter(), time.process_time()
        count = lake.replace(Span.of_days(source, days), rows).rows
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    told = f"{what} ({count:,} rows)"
    return {"what": told, "source": source, "seconds": median(wall), "cpu_seconds": median(cpu)}


def _rows(lake: Lake, source: str, days: Period, most: int | None) -> list[pa.RecordBatch]:
    """Charges of these days out of the delivery, as `source` would yield them."""
    import duckdb
    from deltalake import DeltaTable

    uris = ", ".join(f"'{uri}'" for uri in DeltaTable(f"{lake.path}/charges").file_uris() if "source=files/" in uri)
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    columns = ", ".join("$source AS source" if name == "source" else name for name in focus.NAMES)
    found = con.sql(
        f"SELECT {columns} FROM read_parquet([{uris}], hive_partitioning = true, hive_types = {{'month': DATE}})"
        f" WHERE month = DATE '{LAST_MONTH}' AND charge_date >= $start AND charge_date < $end"
        f" LIMIT {most or 'NULL'}",
        params={"source": source, "start": days.start, "end": days.end},
    ).to_arrow_table()
    batches: list[pa.RecordBatch] = found.cast(focus.schema()).to_batches(16_384)
    return batches


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(Path(sys.argv[1]))))
