"""Thresholds, changes and what is new: numbers in, verdicts out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.core.monitoring import Change, New, Threshold
from outlay.judge.thresholds import change, new, threshold
from outlay.judge.verdicts import Known, Verdict
from tests.judge.costs import TODAY, cost, daily, day, known

LAST = TODAY - timedelta(days=1)


def limit(**more: Any) -> Threshold:
    """A threshold of 100 and 200."""
    return Threshold.model_validate({"name": "daily", "warning": 100, "critical": 200} | more)


def severities(found: list[Verdict] | None) -> dict[str, str | None]:
    """How bad each subject is."""
    assert found is not None
    return {each.subject: each.severity for each in found}


@pytest.mark.parametrize(
    ("amount", "severity"), [("99", None), ("100", None), ("100.000000000000000001", "warning"), ("200.01", "critical")]
)
def test_a_threshold_is_passed_by_the_last_day(amount: str, severity: str | None) -> None:
    found = threshold(limit(), known(*daily(day(17), "500", "500", amount)))
    assert severities(found) == {"USD": severity}


def test_a_verdict_says_what_and_when_and_of_which_limit() -> None:
    (found,) = threshold(limit(), known(cost(LAST, "1234.5"))) or []
    assert found.title == "1,234.50 USD on 2026-11-19, over 200 (daily)"
    assert found.text == "Costs: 1,234.50 USD on 2026-11-19, above the critical threshold of 200.00 USD."
    assert found.facts[0] == ("Threshold", "200.00 USD")
    assert found.series[-1] == (LAST, Decimal("1234.5"))
    assert len(found.series) == 30


def test_each_subject_and_currency_is_judged_on_its_own() -> None:
    found = threshold(limit(), known(cost(LAST, "150", "EC2"), cost(LAST, "90", "S3"), cost(LAST, "500", "EC2", "EUR")))
    assert severities(found) == {"EC2/USD": "warning", "S3/USD": None, "EC2/EUR": "critical"}


def test_days_that_may_still_change_page_only_when_told_so() -> None:
    costs = daily(day(16), "10", "10", "500", "500")
    found = known(*costs, ends={"aws": day(18)})
    assert severities(threshold(limit(), found)) == {"USD": None}
    assert severities(threshold(limit(provisional=True), found)) == {"USD": "critical"}


def test_the_slowest_source_is_waited_for_but_not_for_ever() -> None:
    fast, slow = cost(day(19), "500"), cost(day(15), "90", source="azure")
    assert severities(threshold(limit(), known(fast, slow, ends={"azure": day(16)}))) == {"USD": None}
    assert severities(threshold(limit(), known(fast, slow, ends={"azure": day(10)}))) == {"USD": "critical"}


def test_of_days_that_settle_together_none_is_passed_over() -> None:
    costs = known(*daily(day(15), "500", "10", "150", "10", "10"))
    assert severities(threshold(limit(), costs)) == {"USD": None}
    assert severities(threshold(limit(), replace(costs, since=day(16)))) == {"USD": "warning"}
    assert severities(threshold(limit(), replace(costs, since=day(20)))) == {"USD": None}
    assert severities(threshold(limit(), replace(costs, since=day(1)))) == {"USD": "critical"}


def test_nothing_is_said_while_nothing_is_settled() -> None:
    assert threshold(limit(), known(cost(LAST, "500"), ends={"aws": day(1)})) is None
    assert threshold(limit(), known()) == []


def test_a_month_so_far() -> None:
    found = threshold(
        limit(period="month"), known(*daily(day(29, 10), "999", "999", "999", "60", "60"), cost(LAST, "1"))
    )
    assert severities(found) == {"USD": "warning"}
    assert found is not None
    assert found[0].amount == 121


def test_of_a_month_what_is_settled_of_each_source_counts() -> None:
    costs = (cost(day(1), "150"), cost(day(19), "500"), cost(day(2), "1", source="gcp"))
    ends = {"aws": day(18), "gcp": day(20)}
    (found,) = threshold(limit(period="month"), known(*costs, ends=ends)) or []
    assert found.amount == 151


@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from("ab"), st.decimals(-50, 300, places=2)), max_size=30),
    st.integers(0, 12),
)
def test_a_day_is_never_worse_than_what_was_charged(rows: list[tuple[int, str, Decimal]], behind: int) -> None:
    costs = [cost(TODAY - timedelta(days=ago), f"{amount:f}", name) for ago, name, amount in rows]
    for provisional in (False, True):
        found = threshold(limit(provisional=provisional), Known(costs, {"aws": TODAY - timedelta(days=behind)}, TODAY))
        for each in found or []:
            name = each.subject.removesuffix("/USD")
            days = [sum(c.amount for c in costs if c.subject == name and c.day == d) for d in {c.day for c in costs}]
            assert each.amount <= max([0, *days])
            assert each.severity == ("critical" if each.amount > 200 else "warning" if each.amount > 100 else None)


# -- changes -------------------------------------------------------------------------------------------


def rise(**more: Any) -> Change:
    """A rise of 50 and 100 percent, by 10 at least."""
    return Change.model_validate({"kind": "change", "name": "rise", "warning": 50, "critical": 100, "least": 10} | more)


def weeks(before: str, now: str) -> Known:
    """Two weeks of so much a day."""
    return known(*daily(day(6), *[before] * 7, *[now] * 7))


@pytest.mark.parametrize(
    ("before", "now", "severity"),
    [
        ("100", "149", None),
        ("100", "150", "warning"),
        ("100", "200", "critical"),
        ("100", "10", None),
        ("1", "2", None),  # by 7 only
        ("0", "5", "critical"),  # from nothing
        ("0", "1", None),
    ],
)
def test_a_week_against_the_week_before(before: str, now: str, severity: str | None) -> None:
    assert severities(change(rise(), weeks(before, now))) == {"USD": severity}


def test_falling_counts_when_told_so() -> None:
    (found,) = change(rise(falls=True), weeks("100", "10")) or []
    assert found.severity == "warning"
    assert found.title == "70.00 USD in 7 days, -90.0 % on the week before (rise)"
    assert found.text == (
        "Costs: 70.00 USD on 2026-11-13..2026-11-19, -90.0 % against 700.00 USD on 2026-11-06..2026-11-12."
    )


def test_a_day_against_the_same_a_week_before() -> None:
    costs = known(cost(day(12), "100"), cost(day(18), "1"), cost(day(19), "170"))
    assert severities(change(rise(period="day"), costs)) == {"USD": "warning"}


# -- new -----------------------------------------------------------------------------------------------


def newcomer(**more: Any) -> New:
    """New services."""
    return New.model_validate({"kind": "new", "name": "new-service"} | more)


def test_what_was_never_seen_is_new_for_a_while() -> None:
    old = cost(day(1, 10), "5", "EC2")
    assert severities(new(newcomer(), known(old, cost(day(18), "3", "SageMaker")))) == {"SageMaker/USD": "warning"}
    assert new(newcomer(), known(old, cost(day(1, 9), "3", "SageMaker"), cost(day(18), "3", "SageMaker"))) == []
    assert new(newcomer(), known(old, cost(day(11), "3", "SageMaker"))) == []
    assert new(newcomer(least=4), known(old, cost(day(18), "3", "SageMaker"))) == []


def test_a_new_source_tells_nothing_of_what_is_in_it() -> None:
    old, young = cost(day(1, 10), "5", "EC2"), cost(day(18), "9", "BigQuery", source="gcp")
    assert new(newcomer(), known(old, young)) == []
    assert new(newcomer(), known(cost(day(18), "9", "EC2"))) == []
