"""Budgets: their periods, what is spent of them, at what pace."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.core.monitoring import Budget
from outlay.core.span import Period
from outlay.judge.budgets import judged, period_of, spending
from tests.judge.costs import TODAY, cost, daily, day, known


def budget(**more: Any) -> Budget:
    """1000 USD a month, unless told otherwise."""
    return Budget.model_validate({"name": "platform", "amount": 1000} | more)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, (date(2026, 11, 1), date(2026, 12, 1))),
        ({"period": "monthly"}, (date(2026, 11, 1), date(2026, 12, 1))),
        ({"period": "quarterly"}, (date(2026, 10, 1), date(2027, 1, 1))),
        ({"period": "yearly"}, (date(2026, 1, 1), date(2027, 1, 1))),
        ({"start": "2026-11-10", "end": "2026-11-30"}, (date(2026, 11, 10), date(2026, 12, 1))),
        ({"start": "2026-12-01", "end": "2026-12-31"}, None),
    ],
)
def test_the_period_that_holds_a_day(more: dict[str, str], expected: tuple[date, date] | None) -> None:
    found = period_of(budget(**more), TODAY)
    assert found == (expected and Period(*expected))


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.sampled_from(["monthly", "quarterly", "yearly"]))
def test_every_day_is_in_one_period(on: date, period: str) -> None:
    found = period_of(budget(period=period), on)
    assert found is not None
    assert on in found
    assert period_of(budget(period=period), found.end) == Period(
        found.end,
        found.end.replace(
            year=found.end.year
            + (found.end.month - 1 + (m := {"monthly": 1, "quarterly": 3, "yearly": 12}[period])) // 12,
            month=(found.end.month - 1 + m) % 12 + 1,
        ),
    )


@pytest.mark.parametrize(
    ("spent", "severity"), [("799.99", None), ("800", "warning"), ("999", "warning"), ("1000", "critical")]
)
def test_actual(spent: str, severity: str | None) -> None:
    (found,) = judged(budget(), known(cost(day(31, 10), "5000"), cost(day(19), spent))) or []
    assert (found.subject, found.severity) == ("actual", severity)


def test_pace_is_what_the_period_comes_to_if_days_go_on() -> None:
    costs = known(*daily(day(1), *["40"] * 19))
    found = spending(budget(), costs)
    assert found is not None
    assert (found.spent, found.pace) == (Decimal(760), Decimal(1200))
    actual, pace = judged(budget(pace={"warning": 110, "critical": 130}), costs) or []
    assert (actual.severity, pace.subject, pace.severity) == (None, "pace", "warning")
    assert pace.title == "1,200.00 USD at this pace by 2026-11-30, 120.0 % of 1,000 (platform)"
    assert ("At this pace", "1,200.00 USD") in pace.facts


def test_few_days_have_no_pace() -> None:
    found = spending(budget(), known(*daily(day(1), "900", "900"), today=day(3)))
    assert found is not None
    assert (found.spent, found.pace) == (Decimal(1800), None)


def test_only_its_currency_and_settled_days_count() -> None:
    costs = (cost(day(2), "10"), cost(day(3), "20", currency="EUR"), cost(day(19), "40"))
    assert [each.amount for each in judged(budget(), known(*costs, ends={"aws": day(18)})) or []] == [10]
    everything = judged(budget(provisional=True), known(*costs, ends={"aws": day(18)}))
    assert [each.amount for each in everything or []] == [50]
    assert [each.amount for each in judged(budget(currency="EUR"), known(*costs)) or []] == [20]


def test_outside_its_days_a_budget_says_nothing() -> None:
    fixed = budget(start="2026-11-10", end="2026-11-12")
    assert judged(fixed, known(*daily(day(10), "900", "900", "900"))) == []
    assert judged(budget(), known(cost(day(19), "900"), ends={"aws": day(1)})) is None


def test_a_budget_of_nothing_spent_is_at_nothing() -> None:
    (found,) = judged(budget(), known()) or []
    assert (found.severity, found.amount) == (None, Decimal(0))
