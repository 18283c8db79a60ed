"""Several processes at one store: no update is lost, no read is mixed, and whoever is killed leaves no trace."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from decimal import Decimal

import pytest

from outlay.core.ports import Warehouse
from outlay.core.query import CostQuery
from outlay.core.span import Period, Span
from tests.contracts.conftest import NewStore
from tests.contracts.model import answer
from tests.contracts.stores import Kind, Store
from tests.contracts.worker import Job, Worker, charges, worker

FIRST, SECOND = date(2026, 10, 1), date(2026, 10, 2)
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
MONTH = Span("prod", OCTOBER)
DAILY = CostQuery(OCTOBER, ("date",))
DAY = timedelta(days=1)
ROWS = 3


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Worker, Worker]]:
    """Two workers that wait for jobs."""
    with worker() as first, worker() as second:
        for each in (first, second):
            each.expect("ready")
        yield first, second


def finish(*workers: Worker) -> None:
    for each in workers:
        each.expect("started")
    for each in workers:
        each.expect("done")


def test_two_writers_of_different_days_of_a_month_lose_no_update(
    warehouse: Warehouse, store: Store, kind: Kind, pair: tuple[Worker, Worker]
) -> None:
    costs = tuple(str(turn) for turn in range(1, kind.turns + 1))
    for each, day in zip(pair, (FIRST, SECOND), strict=True):
        days = Period(day, day + DAY)
        each.start(Job(store, Span("prod", OCTOBER, days), days, costs, ROWS))
    seen = {FIRST: Decimal(0), SECOND: Decimal(0)}
    reads, whole = 0, {Decimal(cost) * ROWS for cost in costs}
    while any(cost != kind.turns * ROWS for cost in seen.values()) and reads < 10_000:
        for (day,), cost in answer(warehouse, DAILY).items():
            assert cost in whole, "a read of a part"
            assert cost >= seen[day], "an update was lost"
            seen[day] = cost
        reads += 1
    finish(*pair)
    assert answer(store.open(), DAILY) == {(FIRST,): kind.turns * ROWS, (SECOND,): kind.turns * ROWS}
    assert reads > 1


def test_two_first_writers_of_a_month_never_double_it(
    new_store: NewStore, kind: Kind, pair: tuple[Worker, Worker]
) -> None:
    for turn in range(kind.turns):
        # Nobody prepared the store: these two make it, too.
        store = new_store()
        for each, cost in zip(pair, ("1", "2"), strict=True):
            each.start(Job(store, MONTH, Period(FIRST, SECOND + DAY), (cost,), ROWS))
        finish(*pair)
        found = set(answer(store.open(), DAILY).items())
        assert found in ({((FIRST,), cost), ((SECOND,), cost)} for cost in (Decimal(ROWS), Decimal(2 * ROWS))), turn


def test_a_writer_killed_at_any_moment_leaves_the_old_state_or_the_new(
    warehouse: Warehouse, store: Store, kind: Kind
) -> None:
    rows, days = 50, Period(FIRST, FIRST + 4 * DAY)
    job = Job(store, MONTH, days, ("1", "2") * 1000, rows)
    whole = [{(day,): Decimal(cost) * rows for day in days.each_day()} for cost in (1, 2)]
    warehouse.replace(MONTH, [charges(MONTH, days, "1", rows)])
    with ExitStack() as running:
        # The next one starts while this one is killed.
        waiting = [running.enter_context(worker()) for _ in range(2)]
        for kill in range(kind.kills):
            victim = waiting.pop(0)
            victim.expect("ready")
            victim.start(job)
            victim.expect("started")
            end = time.monotonic() + random.uniform(0, 0.15)
            while time.monotonic() < end:
                assert answer(warehouse, DAILY) in whole
            victim.process.kill()
            victim.process.wait()
            if kill + 2 < kind.kills:
                waiting.append(running.enter_context(worker()))
            assert answer(warehouse, DAILY) in whole
    other = charges(MONTH, Period(SECOND, SECOND + DAY), "7", 1)
    assert warehouse.replace(MONTH, [other]).rows == 1
    assert answer(store.open(), DAILY) == {(SECOND,): 7}
