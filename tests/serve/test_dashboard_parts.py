"""The parts of the dashboard without a browser. Today is 21 October 2026."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay import reports
from outlay.core.errors import StoreError, UsageError
from outlay.core.settings import Dashboard
from outlay.core.span import Period
from outlay.serve.dashboard import blocks, figures
from outlay.serve.dashboard.callbacks import Answer
from outlay.serve.dashboard.numbers import Series, ranking
from outlay.serve.dashboard.view import View, range_of
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.serve.stores import Store

TODAY = date(2026, 10, 21)
YESTERDAY = TODAY - timedelta(days=1)
CHOSEN: dict[str, Any] = {
    "search": "",
    "dates": None,
    "providers": [],
    "measure": "billed",
    "currency": None,
    "tick": 0,
}


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "today", lambda: TODAY)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(Lake(path=str(tmp_path / "lake")))
    put(found.lake, [charge(YESTERDAY, "5")])
    return found


@pytest.fixture
def remembered(tmp_path: Path) -> Iterator[State]:
    found = State(f"sqlite:///{tmp_path}/state.db")
    yield found
    found.close()


def test_the_clock_asks_again_only_after_a_change(store: Store, remembered: State) -> None:
    answer = Answer(store, remembered, Dashboard())
    first = answer(CHOSEN, None, None)
    asked = store.asked
    again = answer(CHOSEN, "tick", first["seen"])
    assert store.asked == asked
    assert {"freshness", "footer"} <= again.keys()
    assert "figure" not in again
    put(store.lake, [charge(YESTERDAY, "6")])
    assert "figure" in answer(CHOSEN, "tick", first["seen"])


def test_a_failing_clock_keeps_the_numbers_shown(store: Store, remembered: State) -> None:
    answer = Answer(store, remembered, Dashboard())
    seen = answer(CHOSEN, None, None)["seen"]
    store.error = StoreError("gone")
    assert "no_numbers" not in answer(CHOSEN, "tick", "older")
    assert answer(CHOSEN | {"measure": "effective"}, "measure", seen)["no_numbers"] is True


def test_our_own_faults_are_logged_not_shown(store: Store, remembered: State, caplog: pytest.LogCaptureFixture) -> None:
    store.error = KeyError("secret detail")
    with caplog.at_level(logging.ERROR):
        page = Answer(store, remembered, Dashboard())(CHOSEN, None, None)
    assert "secret detail" not in str(page["alert"])
    assert "secret detail" in caplog.text


def test_half_a_range_changes_nothing(store: Store, remembered: State) -> None:
    answer = Answer(store, remembered, Dashboard())
    seen = answer(CHOSEN, None, None)["seen"]
    assert "dates" not in answer(CHOSEN | {"dates": ["2026-10-01", None]}, "dates", seen)
    week = answer(CHOSEN | {"dates": ["2026-10-01", "2026-10-07"]}, "dates", seen)
    assert week["search"] == "?start_date=2026-10-01&end_date=2026-10-07"


@pytest.mark.parametrize(
    "search",
    [
        "",
        "?provider=aws&provider=acme%2C+inc.",
        "?start_date=2026-10-01&end_date=2026-10-01&measure=effective&currency=EUR",
    ],
)
def test_a_view_and_its_address_are_the_same(search: str) -> None:
    assert View.of_search(search).search == search


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("?start_date=1.10.&end_date=2026-10-02", r"start_date is not a day: '1\.10\.'"),
        ("?start_date=2026-10-02", "go together"),
        ("?start_date=2026-10-02&end_date=2026-10-01", "is not before the end"),
        ("?measure=list", "billed, effective"),
    ],
)
def test_what_is_no_view_is_named(search: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        View.of_search(search)


def test_a_cleared_range_is_the_usual_one() -> None:
    assert range_of([None, None]) is None
    assert range_of(["2026-10-01", "2026-10-02"]) == Period(date(2026, 10, 1), date(2026, 10, 3))


def test_a_figure_has_a_bar_a_day_and_lighter_estimates() -> None:
    days = Period(date(2026, 10, 1), date(2026, 10, 4))
    first, _, last = days.each_day()
    aws = Series("aws", {first: Decimal("1.005"), last: Decimal(2)}, Decimal("3.005"), last)
    gcp = Series("gcp", {first: Decimal(-1)}, Decimal(-1), None)
    figure = figures.daily([aws, gcp], days, "USD")
    bars, others, sums = figure.data
    assert list(bars.x) == ["2026-10-01", "2026-10-02", "2026-10-03"]
    assert list(bars.y) == [1.005, None, 2.0]
    assert bars.marker.opacity[0] == 1
    assert bars.marker.opacity[2] < 0.6
    assert set(others.marker.opacity) == {1}
    assert list(sums.customdata) == ["0.00 USD", "2.00 USD"]


def test_a_provider_has_one_colour() -> None:
    known = [figures.colour(each) for each in ("aws", "azure", "gcp", "oci", "heroku")]
    assert len(set(known)) == 5
    assert figures.colour("datadog") == figures.colour("datadog")
    assert figures.colour("datadog") not in known


def test_a_ranking_keeps_the_sum_and_compares() -> None:
    def row(name: str | None, cost: str, currency: str = "USD") -> dict[str, Any]:
        return {"provider": "aws", "service": name, "cost": Decimal(cost), "currency": currency}

    now = [row("a", "5"), row("b", "4"), row("c", "3"), row(None, "2"), row("x", "99", "EUR")]
    before = [row("a", "4"), row("gone", "1")]
    found = ranking("service", now, before, "USD", 2)
    assert [(each.name, each.cost, each.before) for each in found.top] == [
        ("a", Decimal(5), Decimal(4)),
        ("b", Decimal(4), Decimal(0)),
    ]
    assert found.others is not None
    assert (found.others.cost, found.others.before) == (Decimal(5), Decimal(1))
    assert found.others_count == 3
    assert found.total == 14


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        ("104.2", "100", "+4.2 %"),
        ("50", "100", "\u221250.0 %"),
        ("100", "100", "0.0 %"),
        ("100.01", "100", "0.0 %"),
        ("3000", "1", "+299,900.0 %"),
        ("5", "0", "new"),
        ("5", "-1", "\u2013"),
        ("0", "0", "\u2013"),
        ("5", None, "\u2013"),
    ],
)
def test_a_change_has_its_sign(now: str, before: str | None, said: str) -> None:
    assert blocks.change(Decimal(now), None if before is None else Decimal(before)) == said


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (date(2026, 10, 1), date(2026, 10, 2), "1 Oct 2026"),
        (date(2026, 10, 1), date(2026, 10, 21), "1\u201320 Oct 2026"),
        (date(2026, 9, 21), date(2026, 10, 21), "21 Sep\u201320 Oct 2026"),
        (date(2025, 12, 31), date(2026, 1, 2), "31 Dec 2025\u20131 Jan 2026"),
    ],
)
def test_days_are_written_short(start: date, end: date, said: str) -> None:
    assert blocks.days_text(Period(start, end)) == said
