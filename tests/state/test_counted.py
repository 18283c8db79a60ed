"""Sums over all runs."""

from __future__ import annotations

from datetime import UTC, datetime

from outlay.state import Run, State
from outlay.state.counted import BOUNDS

NOW = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)


def test_runs_are_counted_by_source_and_error(state: State) -> None:
    state.record_run(Run("aws", "aws 2026-10", NOW, 0.5, rows=5 * 10**9))
    state.record_run(Run("aws", "aws 2026-10", NOW, 5.0, rows=1, note="something"))
    state.record_run(Run("aws", "aws 2026-10", NOW, 4000.0, error="no", code="auth"))
    state.record_run(Run("aws", "aws 2026-10", NOW, 0.5, error="no"))
    state.record_run(Run("gcp", "gcp 2026-10", NOW, 1.0))
    found = state.counted()
    assert [*found] == ["aws", "gcp"]
    aws = found["aws"]
    assert (aws.runs, aws.rows, aws.seconds) == (4, 5 * 10**9 + 1, 4006.0)
    assert dict(zip(BOUNDS, aws.within, strict=True)) == {1.0: 2, **dict.fromkeys(BOUNDS[1:], 3)}
    assert aws.failed == {"auth": 1, "unexpected": 1}
    assert found["gcp"].failed == {}


def test_of_nothing_nothing(state: State) -> None:
    assert state.counted() == {}
