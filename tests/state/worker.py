"""A process that does to states what it is told to by lines of JSON: one of several that share them.

`{"url", "name", "runs", "books", "cap"}` records so many runs, books so many calls of a cent under a cap in USD, and
answers how many were booked. With `"hang"` it stops in the middle of its first write, for somebody to kill it.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from outlay.core.errors import SpendError
from outlay.core.ports import Coverage, DayChange
from outlay.core.reading import Reading
from outlay.state import Books, Limits, Run, State
from outlay.state.database import Database
from outlay.state.tables import COVERAGE


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        if "hang" in told:
            hang(told["url"])
        with closing(State(told["url"])) as state:
            print(json.dumps(work(state, told)), flush=True)


def work(state: State, told: dict[str, Any]) -> int:
    name = told["name"]
    books = state.books(name, Limits(Decimal(told["cap"])))
    booked = 0
    for turn in range(max(told["runs"], told["books"])):
        if turn < told["books"]:
            booked += pays(books)
        if turn < told["runs"]:
            run = Run(name, str(turn), datetime.now(UTC), 0.1)
            state.record_run(run, [DayChange(date(2026, 10, 1), "USD", Decimal(turn), Decimal(turn + 1))] * 3)
            assert state.runs(name, 1)[0].span == str(turn)
            # Of these all processes write the same.
            state.record_coverage("shared", Coverage(str(turn), frozenset({"1", "2"})))
            state.record_readings("shared", date(2026, 10, 1), [Reading("size", Decimal(turn), "dyno")] * 2)
            books.keep("shared", b"answer")
            books.settle([date(2026, 10, 1)])
            books.stored()
    return booked


def pays(books: Books) -> bool:
    try:
        books.pay("Ask", Decimal("0.01"))
    except SpendError:
        return False
    return True


def hang(url: str) -> None:
    def write(connection: sa.Connection) -> None:
        connection.execute(COVERAGE.insert().values(source="half", account="", members=[]))
        print("in the middle", flush=True)
        time.sleep(600)

    Database(url).write(write)


if __name__ == "__main__":
    main()
