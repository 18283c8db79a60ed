"""What PostgreSQL's indexes are worth: what they are for, as the planner does it (EXPLAIN), and with no index allowed.

As a child process: `python -m benchmarks.indexes URL` prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import processes
from benchmarks.bills import LAST_DAY, LAST_MONTH, THIRTY_DAYS
from benchmarks.report import Line
from benchmarks.stores import Store

if TYPE_CHECKING:
    import psycopg

RUNS = 5
_FIRST = LAST_DAY - timedelta(days=2)
_30 = f"'{THIRTY_DAYS.start}' AND '{LAST_DAY}'"

# Each index, and the statement that it is there for, as a question.
USES = {
    "charges_source_day": "SELECT count(*) FROM charges WHERE source = 'files'"
    f" AND month = '{LAST_MONTH}' AND charge_date BETWEEN '{_FIRST}' AND '{LAST_DAY}'",
    "charges_by_day_day": "SELECT provider, sum(billed_cost) FROM charges_by_day"
    f" WHERE charge_date BETWEEN {_30} GROUP BY provider",
    "charges_by_day_source_month": "SELECT sum(charges) FROM charges_by_day"
    f" WHERE source = 'files' AND month = '{LAST_MONTH}'",
    "charge_days_day": f"SELECT DISTINCT source, month, cut FROM charge_days WHERE charge_date BETWEEN {_30}",
    "cloud_costs_day": "SELECT cloud_provider, sum(cost_usd) FROM cloud_costs"
    f" WHERE usage_date BETWEEN {_30} GROUP BY cloud_provider",
}


def lines(store: Store, size: str) -> list[Line]:
    """The time of each use beside that without any index; it says how the planner goes about it."""
    found, _ = processes.child("indexes", store.settings["url"])
    return [
        Line(f"{index}, by {each['plan']}, {size}", each["with"], "s", "no index", each["without"], 1.1, "most")
        for index, each in found.items()
    ]


# -- in the child ------------------------------------------------------------------------------------


def measure(url: str) -> dict[str, dict[str, Any]]:
    """By index: how it is used, and the median seconds with and without."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")
        return {index: _use(connection, index, sql) for index, sql in USES.items()}


def _use(connection: psycopg.Connection[Any], index: str, sql: str) -> dict[str, Any]:
    connection.execute("RESET ALL")
    row = connection.execute(f"EXPLAIN (FORMAT JSON) {sql}").fetchone()
    assert row is not None
    scans = sorted(set(_scans(row[0][0]["Plan"])))
    found: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(RUNS):
        for way, seconds in found.items():
            for kind in ("indexscan", "bitmapscan", "indexonlyscan"):
                connection.execute(f"SET enable_{kind} = {'on' if way == 'with' else 'off'}")
            started = time.perf_counter()
            connection.execute(sql).fetchall()
            seconds.append(time.perf_counter() - started)
    return {"plan": ", ".join(scans), **{way: median(each) for way, each in found.items()}}


def _scans(plan: dict[str, Any]) -> Iterator[str]:
    """How the tables are read: the leaves of a plan."""
    if "Scan" in plan["Node Type"] and plan["Node Type"] != "Bitmap Index Scan":
        yield plan["Node Type"]
    for inner in plan.get("Plans", ()):
        yield from _scans(inner)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(sys.argv[1])))
