"""A backfill goes on where it was, under the settings it was asked with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from outlay.core.span import Period, Span
from outlay.state import State, backfills
from outlay.state.database import now

SPANS = [Span.of_days("aws", Period(date(2026, month, 1), date(2026, month, 28))) for month in (10, 9, 8)]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    found = State(f"sqlite:///{tmp_path}/state.db")
    yield found
    found.close()


def cut_short(state: State, after: int, settings: str = "") -> None:
    """Walk so many spans to their end, and begin the next."""
    walk = state.backfill("aws", settings).walk(SPANS)
    for _ in range(after + 1):
        next(walk)


def test_it_goes_on_with_the_span_it_was_in(state: State) -> None:
    cut_short(state, 1)
    assert [*state.backfill("aws").left(SPANS)] == SPANS[1:]
    assert [*state.backfill("aws").walk(SPANS)] == SPANS[1:]


def test_one_that_came_to_its_end_is_forgotten(state: State) -> None:
    assert [*state.backfill("aws").walk(SPANS)] == SPANS
    assert [*state.backfill("aws").walk(SPANS)] == SPANS


def test_a_span_with_a_new_day_is_walked_again(state: State) -> None:
    cut_short(state, 2)
    longer = Span.of_days("aws", Period(date(2026, 10, 1), date(2026, 10, 29)))
    assert [*state.backfill("aws").left([longer, *SPANS[1:]])] == [longer, SPANS[2]]


def test_other_settings_and_sources_know_nothing_of_it(state: State) -> None:
    cut_short(state, 1, "by service")
    assert [*state.backfill("aws", "by region").left(SPANS)] == SPANS
    assert [*state.backfill("gcp", "by service").left(SPANS)] == SPANS
    [*state.backfill("aws", "by region").walk(SPANS)]
    assert [*state.backfill("aws", "by service").left(SPANS)] == SPANS[1:]


def test_deliveries_are_not_remembered_here(state: State) -> None:
    whole = [Span("aws", span.months, version="a") for span in SPANS]
    walk = state.backfill("aws").walk(whole)
    for _ in whole:
        next(walk)
    assert [*state.backfill("aws").left(whole)] == whole


def test_one_that_nobody_goes_on_with_starts_anew(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_short(state, 1)
    monkeypatch.setattr(backfills, "now", lambda: now() + backfills.KEPT + timedelta(hours=1))
    assert [*state.backfill("aws").left(SPANS)] == SPANS
    state.forget()
    monkeypatch.undo()
    assert [*state.backfill("aws").left(SPANS)] == SPANS
