"""Which days may still change, as measured: what `history` says of costs that are provisional."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from outlay import history, reports
from outlay.core.errors import StoreError
from outlay.core.ports import DayChange
from outlay.core.query import CostQuery, Filter
from outlay.core.span import Period, Span, month_of
from outlay.state import Run, Settling, State, ledgered
from outlay.warehouses.lake import Lake
from tests.charges import charge, put

TODAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "today", lambda: TODAY)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    found = State(f"sqlite:///{tmp_path}/state.db")
    yield found
    found.close()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(path=str(tmp_path / "lake"))


def collected_daily(state: State, patch: pytest.MonkeyPatch, days: int, late: int) -> None:
    """A source asked every noon for its last ten days; a day is half known at first, and whole after `late` days."""
    first = TODAY - timedelta(days=days)
    for number in range(days + 1):
        today = first + timedelta(days=number)
        at = datetime.combine(today, time(12), UTC)
        changes = [DayChange(today - timedelta(days=1), "USD", None, Decimal(50))]
        if number >= late:
            changes.append(DayChange(today - timedelta(days=late), "USD", Decimal(50), Decimal(100)))
        patch.setattr(ledgered, "now", lambda at=at: at.replace(tzinfo=None))
        span = Span.of_days("aws", Period(max(month_of(today), today - timedelta(days=10)), today + timedelta(days=1)))
        state.record_run(Run("aws", str(span), at, 0.0), changes)


def test_days_are_provisional_until_they_are_as_old_as_it_takes(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    collected_daily(state, monkeypatch, days=40, late=4)

    history.measure(state, lookback_days=2)

    # Looked at 3.5 days after its end a day is whole: known at the age of 4 days, not yet at 3.
    assert [(point.age, point.median) for point in history.settling_curve(state, "aws")][:5] == [
        (1, Decimal("0.5")),
        (2, Decimal("0.5")),
        (3, Decimal("0.5")),
        (4, Decimal(1)),
        (5, Decimal(1)),
    ]
    assert state.past.settling() == {"aws": Settling(4, TODAY - timedelta(days=4))}
    assert history.provisional_from(state) == {"aws": TODAY - timedelta(days=4)}


def test_with_nothing_measured_it_is_what_is_asked_for_again(state: State) -> None:
    at = datetime.combine(TODAY, time(6), UTC)
    state.record_run(Run("aws", "aws 2026-10-21..2026-11-19", at, 1.0))
    state.record_run(Run("files", "files everything", at, 1.0))
    state.record_run(Run("old", "old 2026-08..2026-09", at, 1.0))
    state.record_run(Run("bad", "bad 2026-11", at, 1.0, error="no"))
    state.record_run(Run("new", "", at, 1.0))

    history.measure(state, lookback_days=3)

    young = Settling(3, TODAY - timedelta(days=3))
    assert state.past.settling() == {"aws": young, "files": young, "old": Settling(3, date(2026, 10, 1))}


def test_the_answer_says_from_when_on_it_is_provisional(lake: Lake) -> None:
    days = [TODAY - timedelta(days=number) for number in (5, 3, 1)]
    put(lake, [charge(day, "1") for day in days] + [charge(days[1], "1", "azure", "Microsoft")])
    query = CostQuery(Period(days[0], TODAY), ("provider",))

    def first(unsettled: dict[str, date], query: CostQuery = query) -> date | None:
        return history.costs(lake, query, unsettled).provisional_from

    assert first({}) is None
    assert first({"prod": days[1]}) == days[1]
    assert first({"prod": days[1] + timedelta(days=1)}) == days[2]
    assert first({"prod": TODAY}) is None
    assert first({"prod": TODAY, "azure": days[0]}) == days[1]
    assert first({"azure": days[0]}, replace(query, filters=(Filter("provider", ("aws",)),))) is None
    assert first({"prod": days[0]}, replace(query, days=Period(days[0], days[0] + timedelta(days=1)))) == days[0]
    assert history.costs(lake, replace(query, limit=1), {"prod": days[2]}).totals == {"USD": 4}


def test_the_sources_own_flag_counts_too(lake: Lake) -> None:
    days = [TODAY - timedelta(days=number) for number in (5, 3, 1)]
    put(lake, [charge(day, "1", provisional=day > days[0]) for day in days])
    query = CostQuery(Period(days[0], TODAY))

    assert history.costs(lake, query, {"prod": days[2]}).provisional_from == days[1]
    assert history.costs(lake, query, {"prod": days[0]}).provisional_from == days[0]


def test_a_state_that_cannot_be_read_hides_no_costs(
    state: State, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lost(_past: object) -> dict[str, Settling]:
        raise StoreError("cannot use the state")

    monkeypatch.setattr(ledgered.Past, "settling", lost)
    assert history.provisional_from(state) == {}
    assert "cannot use the state" in caplog.text
