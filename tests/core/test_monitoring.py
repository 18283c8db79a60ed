"""Rules and budgets as the settings have them, and what cannot be."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from outlay.core.config import load
from outlay.core.errors import ConfigError
from outlay.core.monitoring import Budget, Change, New, Threshold
from outlay.core.query import Filter
from outlay.core.settings import Monitoring

WRITTEN = """
monitoring:
  repeat_hours: 6
  thresholds:
    daily: {warning: 1000, critical: 2000.50}
    monthly: {critical: 30000, provisional: true}
  budgets:
    - {name: platform, amount: 5000, currency: EUR, period: quarterly, filters: {account: "012345678901"}}
    - {name: launch, amount: 1, start: 2026-10-01, end: 2026-12-31, actual: {critical: 90}, pace: {warning: 110}}
  rules:
    - {name: aws, kind: threshold, warning: 10, filters: {provider: aws, service!: [Tax, ""]}, exclude: credits}
    - {name: teams, kind: change, warning: 30, least: 50, group_by: "tag:team, service"}
    - {name: new, kind: new}
    - {name: stale, kind: stale, warning: 24}
    - {name: calls, kind: api-spend, warning: 3}
"""


def settings(folder: Path, text: str) -> Monitoring:
    """The section, loaded."""
    (folder / "outlay.yaml").write_text(text)
    return load(None, {}, folder).monitoring


def test_all_of_it(tmp_path: Path) -> None:
    found = settings(tmp_path, WRITTEN)
    assert found.repeat_hours == 6
    assert found.thresholds is not None
    assert found.thresholds.daily is not None
    assert str(found.thresholds.daily.critical) == "2000.50"
    platform, launch = found.budgets
    assert platform.asked() == (Filter("account", ("012345678901",)),)
    assert (launch.actual and launch.actual.critical, launch.pace and launch.pace.warning) == (
        Decimal(90),
        Decimal(110),
    )
    aws, teams, new, *_ = found.rules
    assert isinstance(aws, Threshold)
    assert aws.asked() == (
        Filter("provider", ("aws",)),
        Filter("service", ("Tax", None), exclude=True),
        Filter("charge_category", ("Credit",), exclude=True),
    )
    assert isinstance(teams, Change)
    assert teams.group_by == ("tag:team", "service")
    assert isinstance(new, New)
    assert new.group_by == ("service",)


def test_of_a_budget_all_but_the_amount_has_a_default() -> None:
    found = Budget.model_validate({"name": "all", "amount": 1})
    assert found.actual is not None
    assert (found.currency, found.period, found.actual.warning, found.pace) == ("USD", None, Decimal(80), None)


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("rules: [{name: a, kind: threshold}]", "needs warning, critical or both"),
        ("rules: [{name: a, kind: threshold, warning: 2, critical: 1}]", "critical should not be below warning"),
        ("rules: [{name: a, kind: threshold, warning: x}]", "should be a valid decimal"),
        ("rules: [{name: a, kind: threshold, warning: -1}]", "should be greater than or equal to 0"),
        ("rules: [{name: A b, kind: threshold, warning: 1}]", "should look like aws-daily"),
        ("rules: [{kind: threshold, warning: 1}]", "is required"),
        (
            "rules: [{name: a, kind: nope, warning: 1}]",
            "kind should be one of threshold, change, new, stale, api-spend",
        ),
        ("rules: [{name: a, warning: 1}]", "kind should be one of threshold, change, new, stale, api-spend"),
        ("rules: [{name: a, kind: threshold, warning: 1, least: 3}]", "least is no key of the kind threshold; there"),
        ("rules: [{name: a, kind: threshold, warning: 1, group_by: nope}]", "no dimension named 'nope'; there are: "),
        ("rules: [{name: a, kind: threshold, warning: 1, filters: {nope: 1}}]", "no dimension named 'nope'"),
        ("rules: [{name: a, kind: threshold, warning: 1, filters: {date: soon}}]", "not a date: 'soon'"),
        ("rules: [{name: a, kind: threshold, warning: 1, exclude: nope}]", "should be 'credits'"),
        ("rules: [{name: a, kind: threshold, warnin: 1}]", "did you mean warning?"),
        ("rules: [{name: a, kind: new}, {name: a, kind: new}]", "two rules are named a"),
        ("rules: [{name: daily, kind: new}]", "two rules are named daily"),
        ("budgets: [{name: a}]", "is required"),
        ("budgets: [{name: a, amount: 0}]", "should be greater than 0"),
        ("budgets: [{name: a, amount: 1, start: 2026-10-01}]", "start and end go together"),
        ("budgets: [{name: a, amount: 1, start: 2026-10-02, end: 2026-10-01}]", "an end that is not before it"),
        ("budgets: [{name: a, amount: 1, period: weekly}]", "should be 'monthly', 'quarterly' or 'yearly'"),
        ("thresholds: {weekly: {warning: 1}}", "no such key"),
        ("repeat_hours: -1", "should be greater than or equal to 0"),
    ],
)
def test_what_cannot_be(tmp_path: Path, rule: str, fault: str) -> None:
    with pytest.raises(ConfigError) as told:
        settings(tmp_path, f"monitoring:\n  {rule}\n")
    assert fault in str(told.value)
    assert str(told.value).startswith("outlay.yaml:")
