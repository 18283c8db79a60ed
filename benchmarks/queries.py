"""Questions to each store, beside the same SQL run by DuckDB on the lake's files.

As a child process: `python -m benchmarks.queries LAKE STORE` prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import processes
from benchmarks.bills import ALL_DAYS, THIRTY_DAYS
from benchmarks.report import Line
from benchmarks.stores import Store
from outlay.core.query import DIMENSIONS, TAG, CostQuery

MULTIPLE = 1.5
RUNS = 9

QUESTIONS = {
    "30 days by provider": CostQuery(THIRTY_DAYS, ("provider",)),
    "13 months by service": CostQuery(ALL_DAYS, ("service",)),
    "30 days, top 50 resources": CostQuery(THIRTY_DAYS, ("resource",), limit=50),
    "13 months, top 50 resources": CostQuery(ALL_DAYS, ("resource",), limit=50),
    "30 days by a tag": CostQuery(THIRTY_DAYS, ("tag:Environment",)),
    "13 months by a tag": CostQuery(ALL_DAYS, ("tag:Environment",)),
}


def lines(lake: Path, stores: Mapping[str, Store], size: str) -> list[Line]:
    """The time of each question as a multiple of DuckDB's; a goal is set for the lake alone."""
    told = []
    for name, store in stores.items():
        found, _ = processes.child("queries", lake, store)
        goal = MULTIPLE if store.plugin == "lake" else None
        told += [
            Line(f"{what}, {name}, {size}", each["ours"], "s", "DuckDB", each["peer"], goal, "most")
            for what, each in found.items()
        ]
    return told


# -- in the child ------------------------------------------------------------------------------------


def measure(folder: Path, store: Store) -> dict[str, dict[str, float]]:
    """The median seconds of every question, ours and the peer's in turns, both warmed up."""
    from outlay import reports

    warehouse = store.open()
    found = {}
    for what, query in QUESTIONS.items():
        ours, peer = partial(reports.costs, warehouse, query), _peer(folder, query)
        if sorted(row["cost"] for row in ours().rows) != sorted(row[-1] for row in peer()):
            raise AssertionError(f"{what}: not the amounts that DuckDB finds")
        found[what] = _in_turns(ours, peer)
    return found


def _peer(folder: Path, query: CostQuery) -> Callable[[], Any]:
    """The SQL that a person would write for the question, over the files of the table's newest version.

    Files without a row of the days are left out beforehand, and DuckDB may keep what it learns of the others.
    """
    import duckdb

    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET parquet_metadata_cache = true")
    sql = _sql(query, _files(con, folder, query))
    return lambda: con.sql(sql).fetchall()


def _files(con: Any, folder: Path, query: CostQuery) -> str:
    from deltalake import DeltaTable

    uris = [f"'{uri}'" for uri in DeltaTable(str(folder / "charges")).file_uris()]
    days = f"charge_date >= '{query.days.start}' AND charge_date < '{query.days.end}'"
    held = con.sql(f"SELECT DISTINCT filename FROM read_parquet([{', '.join(uris)}], filename = true) WHERE {days}")
    return ", ".join(f"'{row[0]}'" for row in held.fetchall())


def _sql(query: CostQuery, files: str) -> str:
    name = query.dimensions[0]
    key = f"tags['{name.removeprefix(TAG)}']" if name.startswith(TAG) else DIMENSIONS[name]
    return (
        f"SELECT {key} AS k, billing_currency, sum(billed_cost) AS cost FROM read_parquet([{files}])"
        f" WHERE charge_date >= DATE '{query.days.start}' AND charge_date < DATE '{query.days.end}'"
        f" GROUP BY ALL ORDER BY cost DESC{f' LIMIT {query.limit}' if query.limit else ''}"
    )


def _in_turns(ours: Callable[[], Any], peer: Callable[[], Any]) -> dict[str, float]:
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(RUNS):
        for name, work in (("ours", ours), ("peer", peer)):
            started = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - started)
    return {name: median(each) for name, each in seconds.items()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(Path(sys.argv[1]), Store.of(sys.argv[2]))))
