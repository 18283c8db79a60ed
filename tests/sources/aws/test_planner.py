"""What is asked, what it costs, and that nothing is bought twice."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from outlay.core.errors import SourceError, SpendError, ThrottledError, UnreachableError
from outlay.core.ledger import Tally
from outlay.core.span import Period, Span, Window
from outlay.sources.aws import Aws
from tests.clouds.aws import AwsCloud, line
from tests.clouds.botocore_server import AwsError
from tests.clouds.cloud import Charge
from tests.clouds.faults import Fault, FaultProxy
from tests.sources.aws.support import ACCOUNT, DAYS, EC2, MONTH, S3, SPAN, TODAY, charge, rows, source

PAGE = Decimal("0.01")
NOWHERE = Aws(endpoint_url="http://127.0.0.1:1")


class Stored(Tally):
    """A ledger that forgets answers once they are stored, as that of a collection does."""

    def stored(self) -> None:
        self._answers.clear()


class Cap(Tally):
    """A ledger that pays for so many pages, then raises."""

    def __init__(self, pages: int, error: Exception) -> None:
        super().__init__()
        self.left, self.error = pages, error

    def pay(self, operation: str, usd: Decimal, account: str = "") -> None:
        if usd and not self.left:
            raise self.error
        self.left -= usd > 0
        super().pay(operation, usd, account)


def spans(asked: Aws, days: Period) -> list[Span]:
    return list(asked.spans(Window(days)))


def collected(asked: Aws, days: Period) -> Decimal:
    """Fetch all spans, and see that each costs what was said before. What they cost."""
    ledger = asked._ledger
    assert isinstance(ledger, Stored)
    total = Decimal(0)
    for span in spans(asked, days):
        price, before = asked.price(span), ledger.usd
        assert rows(asked, span)
        ledger.stored()
        assert ledger.usd - before == price, span
        total += price
    return total


def month_of_charges(cloud: AwsCloud, days: Period, accounts: int = 1) -> list[str]:
    """Twelve services in three regions, with credits and a tax, for so many accounts; their ids."""
    ids = [f"{i:012}" for i in range(1, accounts + 1)] if accounts > 1 else [ACCOUNT]
    cloud.costs.lines = [
        line(each, account)
        for account in ids
        for day in days.each_day()
        for each in (
            *(charge(day, f"Service {i % 12}", f"eu-west-{i // 12}", "1.0000000001") for i in range(36)),
            charge(day, "Service 0", "", "-2.5", "Credit"),
            charge(day, "Tax", "", "3.14", "Tax"),
        )
    ]
    return ids


# Which days


def test_spans_are_months_newest_first_within_what_is_kept() -> None:
    kept = spans(NOWHERE, Period(date(2000, 1, 1), date(2100, 1, 1)))
    assert len(kept) == 14
    assert kept[0] == Span.of_days("aws", Period(TODAY.replace(day=1), TODAY + timedelta(days=1)))
    oldest = kept[-1].months.start
    assert oldest.year * 12 + oldest.month == TODAY.year * 12 + TODAY.month - 13
    assert [each.months.start for each in kept] == sorted((each.months.start for each in kept), reverse=True)


@pytest.mark.parametrize("year", [2000, 2100])
def test_a_window_of_other_times_is_an_error(year: int) -> None:
    with pytest.raises(SourceError, match=rf"aws: Cost Explorer has the days .* none of {year}-01-01"):
        NOWHERE.spans(Window(Period(date(year, 1, 1), date(year, 2, 1))))


def test_thirteen_months_back_is_what_aws_has(cloud: AwsCloud) -> None:
    assert len([rows(source(cloud), span) for span in spans(source(cloud), Period(date(2000, 1, 1), TODAY))]) == 14


def test_settled_days_are_left_out_and_the_rest_are_runs() -> None:
    first = MONTH.months.start
    tally = Tally()
    tally.settle([first + timedelta(days=i) for i in (0, 3, 4, 9)])
    asked = NOWHERE.with_ledger(tally)
    found = spans(asked, Period(first, first + timedelta(days=12)))
    runs = [((each.days or each.months).start.day, len(each.days or each.months)) for each in found]
    assert runs == [(11, 2), (6, 4), (2, 2)]
    assert list(asked.spans(Window(Period(first, first + timedelta(days=1)), asked=True))) == []


def test_days_settle_once_they_are_final_and_old_enough(cloud: AwsCloud) -> None:
    cloud.costs.final_before = TODAY
    asked = source(cloud).with_ledger(Stored())
    days = Period(TODAY - timedelta(days=6), TODAY + timedelta(days=1))
    month_of_charges(cloud, days)
    collected(asked, days)
    assert asked._ledger.settled == {TODAY - timedelta(days=i) for i in (3, 4, 5, 6)}


def test_an_estimate_does_not_settle_in_any_question(cloud: AwsCloud) -> None:
    cloud.costs.final_before = DAYS.start
    asked = source(cloud).with_ledger(Tally())
    rows(asked)
    assert asked._ledger.settled == frozenset()


def test_days_of_a_span_that_fails_do_not_settle(cloud: AwsCloud) -> None:
    asked = source(cloud).with_ledger(Cap(1, SpendError("enough")))
    with pytest.raises(SpendError, match="enough"):
        rows(asked)
    assert asked._ledger.settled == frozenset()


# What it costs


def test_ten_accounts_thirty_days_cost_what_was_said(cloud: AwsCloud) -> None:
    days = Period.last(30, until=TODAY)
    ids = month_of_charges(cloud, days, accounts=10)
    accounts = [{"name": f"a{each}", "role_arn": f"arn:aws:iam::{each}:role/outlay"} for each in ids]
    first = [each.with_ledger(Stored()) for each in source(cloud, accounts=accounts).each()]
    told = sum(each.price(span) for each in first for span in spans(each, days))
    assert cloud.calls() == []
    assert sum(collected(each, days) for each in first) == told
    pages = len(cloud.calls())
    assert told == pages * PAGE
    months = len(list(days.each_month()))
    assert pages == 10 * 2 * months
    each_hour = 10 * 2 * 24  # one call for each metric and account, each hour of a day
    assert pages * 4 <= each_hour
    # The same day again: what is final is not asked for, and what is not costs what is said.
    provisional = {day for day in days.each_day() if day >= TODAY.replace(day=1) or day > TODAY - timedelta(days=3)}
    told = sum(each.price(span) for each in first for span in spans(each, days))
    assert sum(collected(each, days) for each in first) == told
    asked_days = {
        day
        for call in cloud.calls()[pages:]
        for day in Period(
            *(date.fromisoformat(call.request["TimePeriod"][each]) for each in ("Start", "End"))
        ).each_day()
    }
    assert asked_days == provisional


def test_larger_bills_are_priced_by_what_they_took_before(cloud: AwsCloud) -> None:
    cloud.costs.groups_per_page = 100  # two days of the 36 groups, and 50 of the two others
    days = MONTH.months
    month_of_charges(cloud, days)
    asked = source(cloud)
    assert asked.price(MONTH) == 2 * PAGE
    tally = Tally()
    rows(asked.with_ledger(tally), MONTH)
    again = asked.with_ledger(Stored())
    assert tally.usd == again.price(MONTH) > 2 * PAGE
    week = Period(days.start, days.start + timedelta(days=7))
    assert collected(again, week) == (4 + 1) * PAGE


def test_the_price_is_told_without_asking_anybody() -> None:
    assert NOWHERE.price(MONTH) == 2 * PAGE
    assert Aws(endpoint_url="http://127.0.0.1:1", tag_keys=("a", "b")).price(MONTH) == 4 * PAGE


def test_pages_are_booked_by_account_and_operation_before_they_are_asked_for(cloud: AwsCloud) -> None:
    tally = Tally()
    rows(source(cloud).with_ledger(tally))
    assert tally.calls == {(ACCOUNT, "GetCostAndUsage"): 2, (ACCOUNT, "ListAccounts"): 1}
    assert tally.usd == 2 * PAGE


@pytest.mark.parametrize("error", [SpendError("the cap"), ThrottledError("the hour")])
def test_a_page_that_may_not_be_paid_is_not_asked_for(cloud: AwsCloud, error: SourceError) -> None:
    with pytest.raises(type(error)):
        rows(source(cloud).with_ledger(Cap(1, error)))
    assert len(cloud.calls()) == 1


def test_access_is_tested_with_one_page(cloud: AwsCloud) -> None:
    tally = Tally()
    said = source(cloud).with_ledger(tally).test()
    assert said == (
        f"account {ACCOUNT} (aws): Cost Explorer answers; Organizations tells it no accounts (if it pays for others,"
        " allow organizations:ListAccounts); a month of days takes 2 pages or more, 0.02 USD"
    )
    assert tally.usd == PAGE == len(cloud.calls()) * PAGE


# Pages kept


def many(cloud: AwsCloud) -> Decimal:
    """Days of two groups, two days on a page."""
    cloud.costs.groups_per_page = 4
    cloud.give(
        [Charge(day, each, "eu-west-1", Decimal("0.3")) for day in DAYS.months().each_day() for each in (S3, EC2)]
    )
    return sum((each.unblended for each in cloud.costs.lines), Decimal(0))


def test_a_page_paid_for_is_not_bought_again(cloud: AwsCloud) -> None:
    total, proxy, tally = many(cloud), FaultProxy(cloud.url), Tally()
    asked = source(cloud, endpoint_url=proxy.url).with_ledger(tally)
    proxy.inject(Fault("cut", match="GetCostAndUsage", after=5))
    with pytest.raises(UnreachableError):
        rows(asked, MONTH)
    answered, price = 5, asked.price(MONTH)
    proxy.clear()
    before = tally.usd
    found = rows(asked, MONTH)
    proxy.close()
    assert sum(row["billed_cost"] for row in found) == total
    pages = -(-len(MONTH.months) // 2)
    assert tally.usd - before == (pages - answered + 1) * PAGE
    assert PAGE < price <= tally.usd - before
    assert asked.price(MONTH) == 0  # all is kept until the frame has stored it
    assert rows(asked, MONTH) == found


def test_nothing_but_a_whole_answer_is_kept(cloud: AwsCloud) -> None:
    proxy, tally = FaultProxy(cloud.url), Tally()
    proxy.inject(Fault("truncate", match="GetCostAndUsage"))
    asked = source(cloud, endpoint_url=proxy.url).with_ledger(tally)
    with pytest.raises(UnreachableError, match="the answer is cut short"):
        rows(asked)
    proxy.close()
    assert tally._answers == {}


def test_pages_kept_that_lead_nowhere_are_forgotten(cloud: AwsCloud) -> None:
    total, tally = many(cloud), Tally()
    asked = source(cloud, max_pages=3).with_ledger(tally)
    with pytest.raises(SourceError, match="stopped after max_pages=3"):
        rows(asked, MONTH)

    def stale(request: dict[str, object]) -> dict[str, object]:
        raise AwsError("InvalidNextTokenException", "Pagination token is invalid")

    cloud.server.on("ce", "GetCostAndUsage", stale)
    with pytest.raises(SourceError, match=r"InvalidNextTokenException: earlier pages lead nowhere now; collect again"):
        rows(asked, MONTH)
    cloud.server.on("ce", "GetCostAndUsage", cloud._get_cost_and_usage)
    found = rows(source(cloud).with_ledger(tally), MONTH)
    assert sum(row["billed_cost"] for row in found) == total


def test_a_page_kept_is_of_one_source_and_request_only(cloud: AwsCloud) -> None:
    many(cloud)
    tally = Tally()
    rows(source(cloud).with_ledger(tally))
    for other in (source(cloud, name="other"), source(cloud, metrics=("UnblendedCost",))):
        before = tally.usd
        rows(other.with_ledger(tally), SPAN)
        assert tally.usd == before + 2 * PAGE


def test_a_retried_page_is_paid_for_once(cloud: AwsCloud) -> None:
    proxy, tally = FaultProxy(cloud.url), Tally()
    proxy.inject(Fault("status", match="GetCostAndUsage", status=500, times=1))
    rows(source(cloud, endpoint_url=proxy.url, attempts=2).with_ledger(tally))
    asked = [each for each in proxy.requests if "GetCostAndUsage" in each]
    proxy.close()
    assert (len(asked), tally.usd) == (3, 2 * PAGE)
