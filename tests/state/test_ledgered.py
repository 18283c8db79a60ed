"""The ledger: what was believed at any moment, exactly, and what was looked at when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from outlay.core.ports import DayChange
from outlay.core.span import Period
from outlay.state import Run, Settling, State, ledgered

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
FIRST, SECOND = date(2026, 10, 1), date(2026, 10, 2)
OCTOBER = Period(FIRST, date(2026, 11, 1))
EXACT = Decimal("99999999999999999999.000000000000000001")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    found = State(f"sqlite:///{tmp_path}/state.db")
    yield found
    found.close()


@pytest.fixture
def told(state: State, monkeypatch: pytest.MonkeyPatch) -> State:
    """Two days of aws, of which the second changes twice, and one of gcp; a change every noon."""
    changes = [
        ("aws", DayChange(FIRST, "USD", None, Decimal(1))),
        ("aws", DayChange(SECOND, "USD", None, Decimal(2))),
        ("aws", DayChange(SECOND, "USD", Decimal(2), EXACT)),
        ("gcp", DayChange(SECOND, "EUR", None, Decimal(7))),
        ("aws", DayChange(SECOND, "USD", EXACT, Decimal(0))),
    ]
    for number, (source, change) in enumerate(changes):
        at = (NOON + timedelta(days=number)).replace(tzinfo=None)
        monkeypatch.setattr(ledgered, "now", lambda at=at: at)
        state.past.record(source, [change])
    return state


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (-1, []),
        (0, [("aws", FIRST, Decimal(1))]),
        (1, [("aws", FIRST, Decimal(1)), ("aws", SECOND, Decimal(2))]),
        (2, [("aws", FIRST, Decimal(1)), ("aws", SECOND, EXACT)]),
        (3, [("aws", FIRST, Decimal(1)), ("aws", SECOND, EXACT), ("gcp", SECOND, Decimal(7))]),
        (4, [("aws", FIRST, Decimal(1)), ("aws", SECOND, Decimal(0)), ("gcp", SECOND, Decimal(7))]),
    ],
)
def test_what_was_believed_at_a_moment(told: State, days: int, expected: list[object]) -> None:
    found = told.past.believed(NOON + timedelta(days=days), OCTOBER)
    assert [(each.source, each.day, each.after) for each in found] == expected


def test_of_some_days_and_sources(told: State) -> None:
    late = NOON + timedelta(days=9)
    assert [each.day for each in told.past.believed(late, Period(FIRST, SECOND))] == [FIRST]
    assert [each.source for each in told.past.believed(late, OCTOBER, ["gcp"])] == ["gcp"]


def test_restatements_leave_first_beliefs_out(told: State) -> None:
    assert [each.before for each in told.past.restated()] == [EXACT, Decimal(2)]
    assert [each.after for each in told.past.restated(limit=1)] == [0]
    assert told.past.restated(["gcp"]) == []
    assert told.past.restated(days=Period(FIRST, SECOND)) == []
    assert len(told.past.beliefs("aws", FIRST)) == 4
    assert len(told.past.beliefs("aws", SECOND)) == 3


def test_looks_are_runs_that_came_to_an_end(state: State) -> None:
    runs = [Run("aws", f"aws {minutes}", NOON + timedelta(minutes=minutes), 30.0) for minutes in range(4)]
    state.record_run(runs[0])
    state.record_run(replace(runs[1], error="no"))
    state.record_run(replace(runs[2], note="counted once, by payer"))
    state.record_run(replace(runs[3], unchanged=True))
    state.record_run(Run("gcp", "gcp 9", NOON, 1.0))

    half = timedelta(seconds=30)
    assert state.past.looks("aws", NOON) == [
        (NOON + half, "aws 0"),
        (NOON + timedelta(minutes=3) + half, "aws 3"),
    ]
    assert [span for _, span in state.past.looks("aws", NOON + timedelta(minutes=1))] == ["aws 3"]


def test_settling_is_remembered_once_for_each_source(state: State) -> None:
    assert state.past.settling() == {}
    for age in (2, 5):
        state.past.record_settling("aws", Settling(age, FIRST))
    state.past.record_settling("gcp", Settling(1, SECOND))
    assert state.past.settling() == {"aws": Settling(5, FIRST), "gcp": Settling(1, SECOND)}
