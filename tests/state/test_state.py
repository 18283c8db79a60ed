"""Runs, restatements and freshness: kept exactly, on SQLite as on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from outlay.core.ports import DayChange
from outlay.state import Freshness, Restatement, Run, State

DAY = date(2026, 10, 31)
NOW = datetime(2026, 11, 1, 12, 30, 15, 123456, UTC)
EXACT = Decimal("-99999999999999999999.000000000000000001")


def run(source: str = "aws", minutes: int = 0, error: str | None = None) -> Run:
    return Run(source, f"{source} 2026-10", NOW + timedelta(minutes=minutes), 1.5, error=error)


def test_a_run_comes_back_as_it_was(state: State) -> None:
    full = Run("aws", "aws 2026-10", NOW, 0.25, 10**9, {"EUR": Decimal(0), "USD": EXACT}, True, 7, "no: 'x'\n\u2603")
    state.record_run(full)
    assert state.runs() == [full]


def test_an_error_may_hold_what_a_database_does_not_keep(state: State) -> None:
    state.record_run(run(error="line 1: '\0\ud800\u2603'"))
    assert state.runs()[0].error == "line 1: '\ufffd?\u2603'"


def test_billions_of_rows_are_counted(state: State) -> None:
    state.record_run(Run("aws", "", NOW, 1.0, rows=5 * 10**9))
    assert state.runs()[0].rows == 5 * 10**9


def test_a_moment_in_another_zone_is_kept_in_utc(state: State) -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    state.record_run(Run("aws", "", NOW.astimezone(zone), 1.0))
    (found,) = state.runs()
    assert (found.started_at, found.started_at.tzinfo) == (NOW, UTC)


def test_runs_come_newest_first_of_one_source_or_all_and_no_more_than_asked_for(state: State) -> None:
    for minutes in range(4):
        state.record_run(run("aws" if minutes % 2 else "gcp", minutes))
    minutes_of = [int((each.started_at - NOW).total_seconds() / 60) for each in state.runs()]
    assert minutes_of == [3, 2, 1, 0]
    assert [each.source for each in state.runs(limit=2)] == ["aws", "gcp"]
    assert [each.source for each in state.runs("gcp")] == ["gcp", "gcp"]
    assert state.runs("nope") == []


def test_restatements_are_what_was_believed_and_came_out_different(state: State) -> None:
    changes = [
        DayChange(DAY, "USD", None, Decimal(1)),
        DayChange(DAY + timedelta(days=1), "EUR", Decimal(0), EXACT),
        DayChange(DAY, "EUR", Decimal("1e-18"), Decimal(0)),
    ]
    before = datetime.now(UTC)
    state.record_run(run(), changes)
    state.record_run(run("gcp"), changes[:1])
    every = state.restatements(first=True)
    assert all(before <= each.observed_at <= datetime.now(UTC) for each in every)
    assert [(each.source, each.day, each.currency, each.before, each.after) for each in every] == [
        ("gcp", *_values(changes[0])),
        *(("aws", *_values(each)) for each in reversed(changes)),
    ]
    known = state.restatements()
    assert [each.before for each in known] == [Decimal("1e-18"), 0]
    assert state.restatements("aws", limit=1) == known[:1]
    assert state.restatements("gcp") == []
    assert isinstance(known[0], Restatement)


def _values(change: DayChange) -> tuple[date, str, Decimal | None, Decimal]:
    return change.day, change.currency, change.before, change.after


def test_a_source_is_as_fresh_as_its_last_success_and_stale_after_a_failure(state: State) -> None:
    assert state.freshness() == []
    history = [run("gcp", 0), run("aws", 1), run("aws", 2, "no"), run("new", 3, "never"), run("gcp", 4)]
    for each in history:
        state.record_run(each)
    minutes = [NOW + timedelta(minutes=minutes) for minutes in range(5)]
    found = state.freshness()
    assert found == [
        Freshness("aws", minutes[1], minutes[2], 1.5, "no"),
        Freshness("gcp", minutes[4], minutes[4], 1.5, None),
        Freshness("new", None, minutes[3], 1.5, "never"),
    ]
    assert [each.stale for each in found] == [True, False, True]
    assert all(each.last_attempt.tzinfo is UTC for each in found)


def test_what_was_kept_is_there_for_the_next_process(url: str) -> None:
    for count in range(3):
        state = State(url)
        assert len(state.runs()) == count
        state.record_run(run())
        state.close()
