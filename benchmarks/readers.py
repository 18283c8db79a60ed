"""Sixteen readers at once, alone and beside a process that writes without a pause.

As a child process: `python -m benchmarks.readers STORE` reads and prints JSON; with `write` it writes until told.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from benchmarks import processes
from benchmarks.bills import LAST_MONTH, THIRTY_DAYS
from benchmarks.report import Line
from benchmarks.stores import Store
from outlay.core.query import CostQuery
from outlay.core.span import Period, Span, next_month

if TYPE_CHECKING:
    import pyarrow as pa

READERS = 16
SECONDS = 4.0
TURNS = 3
SHARE = 0.6
ROWS = 2_000  # of three days of an API's source, as `replaces` has it
DAYS = Period(LAST_MONTH, LAST_MONTH.replace(day=4))
QUESTION = CostQuery(THIRTY_DAYS, ("provider",))


def lines(store: Store, name: str, size: str) -> list[Line]:
    """Answers per second beside a writer, as a share of those without."""
    found, _ = processes.child("readers", store)
    return [
        Line(
            f"{READERS} readers beside a writer ({found['written']:.0f} replaces/s), {name}, {size}",
            found["beside"],
            "answers/s",
            "alone",
            found["alone"],
            SHARE,
            "least",
        )
    ]


# -- in the child ------------------------------------------------------------------------------------


def measure(store: Store) -> dict[str, float]:
    """Answers per second, by turns alone and beside a writer, and how often that replaced."""
    warehouse = store.open()
    warehouse.query(QUESTION)
    found: dict[str, list[float]] = {"alone": [], "beside": [], "written": []}
    for _ in range(TURNS):
        found["alone"].append(_read(warehouse))
        command = [sys.executable, "-m", "benchmarks.readers", str(store), "write"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()  # it has begun
            found["beside"].append(_read(warehouse))
            written, _ = writer.communicate("enough")
            found["written"].append(float(written))
    return {name: max(each) for name, each in found.items()}


def _read(warehouse: Any) -> float:
    end = time.perf_counter() + SECONDS

    def one(_: int) -> int:
        answers = 0
        while time.perf_counter() < end:
            if not warehouse.query(QUESTION).num_rows:
                raise AssertionError("no answer")
            answers += 1
        return answers

    with ThreadPoolExecutor(READERS) as pool:
        return sum(pool.map(one, range(READERS))) / SECONDS


def write(store: Store) -> float:
    """Replace three days again and again until there is something on stdin; how often in a second."""
    from select import select

    warehouse, rows = store.open(), _rows()
    warehouse.replace(Span.of_days("api", DAYS), [rows])
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    started, count = time.perf_counter(), 0
    while not select([sys.stdin], [], [], 0)[0]:
        warehouse.replace(Span.of_days("api", DAYS), [rows])
        count += 1
    return count / (time.perf_counter() - started)


def _rows() -> pa.RecordBatch:
    from tests.charges import charge, midnight

    from outlay.core import focus

    days = list(DAYS.each_day())
    period: dict[str, Any] = {"billing_period_end": midnight(next_month(LAST_MONTH))}
    return focus.batch(
        charge(days[n % len(days)], f"0.{n:06}", "api", service_name=f"Service {n % 50}", **period) for n in range(ROWS)
    )


if __name__ == "__main__":
    asked = Store.of(sys.argv[1])
    sys.stdout.write(f"{write(asked)}\n" if sys.argv[2:] == ["write"] else json.dumps(measure(asked)))
