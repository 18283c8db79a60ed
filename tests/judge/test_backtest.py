"""Rules about Outlay itself, replayed by what the state keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from outlay.core.monitoring import ApiSpend, Stale
from outlay.core.span import Period
from outlay.judge.backtest import of_runs
from outlay.state import Limits, Run, State
from outlay.state import books as booking
from tests.judge.costs import day

DAYS = Period(day(1), day(11))
STALE = Stale.model_validate({"kind": "stale", "name": "stale", "warning": 24, "critical": 72})
SPEND = ApiSpend.model_validate({"kind": "api-spend", "name": "calls", "warning": 1})


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with closing(State(f"sqlite:///{tmp_path}/state.db")) as found:
        yield found


def ran(state: State, number: int, source: str = "aws", error: str | None = None) -> None:
    """At noon of a day of November."""
    state.record_run(Run(source, source, datetime(2026, 11, number, 12, tzinfo=UTC), 1.0, error=error))


def test_a_source_that_was_not_refreshed_for_days(state: State) -> None:
    for number in (2, 3, 8, 9, 10):
        ran(state, number)
    for number in (4, 5, 6, 7):
        ran(state, number, error="no answer")
    ran(state, 2, "gone")
    found = of_runs(STALE, state, DAYS, ["aws"])
    assert found.known_from == day(2)
    assert [(each.day, str(each.step), each.verdict.title) for each in found.events] == [
        (day(4), "fire", "aws not refreshed for 36 hours, over 24 (stale)"),
        (day(6), "escalate", "aws not refreshed for 84 hours, over 72 (stale)"),
        (day(8), "resolve", "aws is refreshed again (stale)"),
    ]


def test_what_calls_cost_month_by_month(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    ran(state, 1)
    for number in (1, 3, 5):
        monkeypatch.setattr(booking, "now", lambda number=number: datetime(2026, 11, number, 12))  # noqa: DTZ001
        state.books("aws", Limits()).pay("GetCostAndUsage", Decimal("0.40"))
    found = of_runs(SPEND, state, Period(day(1), day(1, 12) + timedelta(days=1)), ())
    assert [(each.day, str(each.step), each.verdict.amount) for each in found.events] == [
        (day(5), "fire", Decimal("1.20")),
        (day(1, 12), "resolve", Decimal(0)),
    ]


def test_before_the_first_run_nothing_is_known(state: State) -> None:
    assert of_runs(STALE, state, DAYS, ()).known_from is None
    assert of_runs(SPEND, state, DAYS, ()).events == []
