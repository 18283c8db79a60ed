"""What stands on a locked phone: how much and of what, then against what, in one short line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from outlay.core.monitoring import ApiSpend, Budget, Change, New, Stale, Threshold
from outlay.judge.asking import CostRule, judged
from outlay.judge.health import api_spend, stale
from outlay.judge.verdicts import Cost, Verdict
from outlay.state import Freshness, Spent
from tests.judge.costs import cost, daily, day, known

NOW = datetime(2026, 11, 20, tzinfo=UTC)
BIG = "1234567.891"
SHORT = 78  # characters that phones show, with names of usual length


def rule(kind: type[Any], **more: Any) -> CostRule:
    """A rule of a kind, passed at 1,000,000 or 30 percent."""
    said = {} if kind is Budget else {"kind": kind.__name__.lower()}
    found: CostRule = kind.model_validate({"name": "aws-prod"} | said | more)
    return found


WEEKS = [*daily(day(6), *["1000"] * 7), *daily(day(13), *["1500"] * 7)]
LIMIT = {"warning": 1_000_000}
BUDGET = {"amount": 1_200_000, "pace": {"warning": 90}}
OF_COSTS: list[tuple[CostRule, Sequence[Cost], str]] = [
    (rule(Threshold, **LIMIT), [cost(day(19), BIG)], "1,234,567.89 USD on 2026-11-19, over 1,000,000 (aws-prod)"),
    (rule(Threshold, **LIMIT), [cost(day(19), "9.5")], "9.50 USD on 2026-11-19, within 1,000,000 (aws-prod)"),
    (
        rule(Threshold, warning="0.05", group_by=["service"]),
        [cost(day(19), BIG, "Amazon EC2")],
        "1,234,567.89 USD on 2026-11-19 for Amazon EC2, over 0.05 (aws-prod)",
    ),
    (rule(Threshold, **LIMIT, period="month"), [cost(day(2), BIG)],
     "1,234,567.89 USD in 2026-11, over 1,000,000 (aws-prod)"),
    (rule(Change, warning=30), WEEKS, "10,500.00 USD in 7 days, +50.0 % on the week before (aws-prod)"),
    (rule(Change, warning=30, period="day", group_by=["account"]),
     [cost(day(12), "10", "prod"), cost(day(19), "25", "prod")],
     "25.00 USD on 2026-11-19 for prod, +150.0 % on a week before (aws-prod)"),
    (rule(Change, warning=30), [cost(day(19), "25")], "25.00 USD in 7 days, from nothing the week before (aws-prod)"),
    (rule(New), [cost(day(1, 10), "1", "Amazon S3"), cost(day(18), "12", "Amazon EC2")],
     "12.00 USD for Amazon EC2, new since 2026-11-18 (aws-prod)"),
    (rule(Budget, **BUDGET), [cost(day(2), BIG)],
     "1,234,567.89 USD spent since 2026-11-01, 102.9 % of 1,200,000 (aws-prod)"),
    (rule(Budget, **BUDGET, actual=None, period="yearly"), [cost(day(2), BIG)],
     "1,395,099.94 USD at this pace by 2026-12-31, 116.3 % of 1,200,000 (aws-prod)"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "costs", "title"), OF_COSTS)
def test_titles_of_costs(asked: CostRule, costs: Sequence[Cost], title: str) -> None:
    found = judged(asked, known(*costs)) or []
    assert found[0].title == title
    assert len(title) <= SHORT


def of_stale(ago: timedelta | None) -> list[Verdict]:
    """A rule of 24 hours over a source refreshed so long ago."""
    rule = Stale.model_validate({"kind": "stale", "name": "stale", "warning": 24})
    return stale(rule, [Freshness("aws-prod", None if ago is None else NOW - ago, NOW, 1.0, None)], NOW)


def of_calls(usd: str) -> list[Verdict]:
    """A rule of 3 USD over calls that cost so much."""
    rule = ApiSpend.model_validate({"kind": "api-spend", "name": "own-calls", "warning": "3.00"})
    return api_spend(rule, [Spent("aws", "", "GetCostAndUsage", 320, Decimal(usd))])


@pytest.mark.parametrize(
    ("found", "title"),
    [
        (of_stale(timedelta(hours=30)), "aws-prod not refreshed for 30 hours, over 24 (stale)"),
        (of_stale(timedelta(hours=1)), "aws-prod is refreshed again (stale)"),
        (of_stale(None), "aws-prod was never refreshed (stale)"),
        (of_calls("3.2"), "3.20 USD for calls of providers this month, over 3 (own-calls)"),
        (of_calls("0"), "0.00 USD for calls of providers this month, within 3 (own-calls)"),
    ],
)
def test_titles_of_outlay_itself(found: list[Verdict], title: str) -> None:
    assert [each.title for each in found] == [title]
    assert len(title) <= SHORT
