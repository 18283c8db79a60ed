"""The state as the limited see it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from outlay.core.limits import EVERYTHING, LimitedError, Limits, limits_of
from outlay.core.ports import Coverage, DayChange
from outlay.core.reading import Reading
from outlay.core.span import Period
from outlay.serve.access.remembered import LimitedState
from outlay.state import Limits as Caps
from outlay.state import Settling, State, Wish
from tests.serve.conftest import TODAY, day

BOTH, PROD, AZURE = ["azure", "prod"], limits_of({"source": ["prod"]}), limits_of({"source": ["azure", "nowhere"]})
NOBODY, TEAM = limits_of({"source": []}), limits_of({"tag:team": ["core"]})
MIXED = limits_of({"source": ["prod"], "account": ["1"]})
SEEN = [(EVERYTHING, BOTH), (PROD, ["prod"]), (AZURE, ["azure"]), (NOBODY, []), (TEAM, []), (MIXED, ["prod"])]
AMOUNTS = [(limits, seen) for limits, seen in SEEN if limits not in (TEAM, MIXED)]


@pytest.fixture
def full(state: State) -> State:
    """With something of everything, of both sources."""
    for source in BOTH:
        state.record_coverage(source, Coverage("1111"))
        state.past.record(source, [DayChange(day(5), "USD", Decimal(1), Decimal(2))])
        state.past.record_settling(source, Settling(2, day(4)))
        state.books(source, Caps()).pay("Ask", Decimal("0.01"), "1111")
        state.jobs.begin(source, "host/1/x", "me", Wish())
        state.record_readings(source, TODAY, [Reading("dyno_units", Decimal(1), "units")])
    return state


def sources(found: object) -> list[str]:
    assert isinstance(found, list)
    return sorted({each.source for each in found})


@pytest.mark.parametrize(("limits", "seen"), SEEN)
def test_the_health_of_sources(full: State, limits: Limits, seen: list[str]) -> None:
    state = LimitedState(full, lambda: limits)
    assert sources(state.freshness()) == sources(state.runs()) == sources(state.spent()) == seen
    assert sorted(state.coverage()) == sorted(state.jobs.active()) == seen
    assert sources(state.jobs.list()) == seen
    for source in BOTH:
        assert sources(state.runs(source)) == sources(state.jobs.list(sources=frozenset({source}))) == [
            each for each in seen if each == source
        ]  # fmt: skip
    for job in full.jobs.list():
        assert (state.jobs.get(job.id) is not None) == (job.source in seen)


@pytest.mark.parametrize(("limits", "seen"), AMOUNTS)
def test_amounts_by_source(full: State, limits: Limits, seen: list[str]) -> None:
    state, now = LimitedState(full, lambda: limits), datetime.now(UTC)
    assert sources(state.restatements()) == sources(state.past.restated()) == sources(state.readings()) == seen
    assert sources([*state.past.believed(now, Period(day(1), day(31)))]) == seen
    for source in BOTH:
        mine = [each for each in seen if each == source]
        assert sources(state.past.restated([source])) == sources(state.restatements(source)) == mine
        assert sources(state.past.beliefs(source, day(1))) == mine


@pytest.mark.parametrize("limits", [TEAM, MIXED])
def test_amounts_that_nobody_can_tell_apart_are_refused(full: State, limits: Limits) -> None:
    state = LimitedState(full, lambda: limits)
    for ask in (state.restatements, state.past.restated, state.readings, lambda: state.past.beliefs("prod", day(1))):
        with pytest.raises(LimitedError, match="known by source alone"):
            ask()


@pytest.mark.parametrize(("limits", "seen"), [(EVERYTHING, BOTH), (PROD, ["prod"]), (NOBODY, []), (TEAM, BOTH)])
def test_which_days_are_settled_is_known_of_whatever_may_be_seen(full: State, limits: Limits, seen: list[str]) -> None:
    assert sorted(LimitedState(full, lambda: limits).past.settling()) == seen
