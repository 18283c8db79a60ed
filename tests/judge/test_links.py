"""Links of alerts open the dashboard on what they are about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from outlay.core.monitoring import Budget, Change, New, Threshold
from outlay.core.span import Period
from outlay.judge.asking import CostRule, judged
from outlay.judge.links import link
from outlay.notify._words import where
from outlay.serve.dashboard.view import View
from tests.judge.costs import cost, daily, day, known
from tests.notify.messages import BARE

BASE = "https://example.com/costs"
COSTS = known(*daily(day(1), *["40"] * 19))


def seen(rule: CostRule, subject: str = "") -> View:
    """What the dashboard shows to who follows the link of a rule's first verdict."""
    verdict = (judged(rule, COSTS if not subject else known(cost(day(19), "5", subject, "EUR"))) or [])[0]
    url = link(BASE, rule, verdict)
    assert where(replaced(url)) == url
    assert url.startswith(f"{BASE}/?")
    return View.of_search(f"?{urlsplit(url).query}")


def replaced(url: str) -> Any:
    """A message with this link."""
    from dataclasses import replace

    return replace(BARE, url=url)


def threshold(**more: Any) -> Threshold:
    """A daily threshold of 1."""
    return Threshold.model_validate({"name": "daily", "warning": 1} | more)


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        (threshold(), Period(day(19), day(20))),
        (threshold(period="month"), Period(day(1), day(20))),
        (Change(kind="change", name="rise", warning=1), Period(day(13), day(20))),
        (Budget(name="platform", amount=1000), Period(day(1), day(20))),
    ],
)
def test_the_days_that_were_judged(rule: CostRule, days: Period) -> None:
    assert seen(rule) == View(days, currency="USD")


def test_of_what_is_new_the_days_since() -> None:
    rule = New(kind="new", name="new")
    (verdict,) = judged(rule, known(cost(day(1, 10), "1", "S3"), cost(day(18), "2", "EC2"))) or []
    assert View.of_search(urlsplit(link(BASE, rule, verdict)).query).days == Period(day(18), day(20))


@pytest.mark.parametrize(
    ("filters", "providers"),
    [
        ({"provider": ["aws", "gcp"]}, ("aws", "gcp")),
        ({"provider": ["a&b='<"]}, ("a&b='<",)),
        ({"provider!": ["aws"]}, ()),
        ({"provider": ["aws", ""]}, ()),
        ({"service": ["Amazon EC2"], "provider": ["aws"]}, ("aws",)),
    ],
)
def test_filters_that_the_address_can_say(filters: dict[str, list[str]], providers: tuple[str, ...]) -> None:
    assert seen(threshold(filters=filters)).providers == providers


def test_a_provider_that_is_the_subject() -> None:
    rule = threshold(group_by=["provider"])
    assert seen(rule, "azure") == View(Period(day(19), day(20)), ("azure",), currency="EUR")
    assert seen(rule, "(none)").providers == ()


@pytest.mark.parametrize(("measure", "shown"), [("effective", "effective"), ("list", "billed")])
def test_measures_that_the_dashboard_has(measure: str, shown: str) -> None:
    assert seen(threshold(measure=measure)).measure == shown


def test_without_days_it_is_the_first_page() -> None:
    (verdict,) = judged(threshold(), COSTS) or []
    assert link(BASE, None, verdict) == f"{BASE}/"
    assert verdict.days == Period(day(19), day(19) + timedelta(days=1))
