from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, get_args

import pytest

from outlay.core.errors import (
    AuthError,
    BillError,
    SourceError,
    SpendError,
    ThrottledError,
    UnreachableError,
)
from outlay.core.ledger import Tally
from outlay.core.reading import Reading
from outlay.core.span import Period
from outlay.sources._aws import Access
from outlay.sources.aws.pages import Book, Desk
from outlay.sources.aws.readings import _READERS, RESERVED, Name, price, read
from tests.clouds.botocore_server import ACCOUNT, KEY, AwsError, AwsServer
from tests.clouds.faults import Fault, FaultProxy
from tests.sources.aws.told import ARN, EC2, MEMBER, OPERATIONS, RDS, plans, reserved, rightsizing
from tests.sources.keeping import Keeping

DAY = date(2026, 3, 15)
WEEK = Period(date(2026, 3, 7), date(2026, 3, 14))
INTERVAL = {"Start": "2026-03-07", "End": "2026-03-14"}
NAMES: tuple[Name, ...] = get_args(Name)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsServer]:
    # Botocore waits a second or two between its attempts.
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
    monkeypatch.setattr("botocore.retries.adaptive.ClientRateLimiter.on_sending_request", lambda *_, **__: None)
    server = AwsServer()
    for operation, handler in OPERATIONS.values():
        server.on("ce", operation, handler)
    yield server
    server.close()


@pytest.fixture
def proxy(aws: AwsServer) -> Iterator[FaultProxy]:
    proxy = FaultProxy(aws.url)
    yield proxy
    proxy.close()


def readings(url: str, *names: Name, ledger: Tally | None = None, max_pages: int = 5, **named: Any) -> list[Reading]:
    """What is read from a server."""
    keys = {"access_key_id": KEY.access_key_id, "secret_access_key": KEY.secret_access_key}
    access = Access.model_validate({"endpoint_url": url, **keys, **named})
    desk = Desk(access, Book("aws", ledger or Tally()), "ce", ACCOUNT, "aws: here", max_pages)
    return list(read(desk, DAY, enabled=names, currency="CNY" if access.partition == "aws-cn" else "USD"))


def numbers(found: list[Reading]) -> dict[str, tuple[str, str]]:
    return {each.name: (str(each.value.normalize()), each.unit) for each in found}


def test_savings_plans_utilization(aws: AwsServer) -> None:
    found = readings(aws.url, "savings_plans_utilization")
    assert numbers(found) == {
        "aws_savings_plans_utilization": ("0.892857142857142857", "ratio"),
        "aws_savings_plans_commitment": ("168.000000000001", "USD"),
        "aws_savings_plans_unused_commitment": ("18.000000000001", "USD"),
        "aws_savings_plans_net_saving": ("-3.25", "USD"),
    }
    assert {(tuple(each.labels.items()), each.days) for each in found} == {((("account", ACCOUNT),), WEEK)}
    assert aws.calls[-1].request["TimePeriod"] == INTERVAL


def test_each_savings_plan(aws: AwsServer) -> None:
    found = readings(aws.url, "savings_plans_utilization_details")
    assert {each.name for each in found} == {
        "aws_savings_plan_utilization",
        "aws_savings_plan_commitment",
        "aws_savings_plan_unused_commitment",
        "aws_savings_plan_net_saving",
    }
    assert found[0].labels == {"account": MEMBER, "savings_plan": ARN, "region": "eu-west-1"}


def test_savings_plans_coverage_leaves_out_what_ran_nowhere(aws: AwsServer) -> None:
    found = readings(aws.url, "savings_plans_coverage")
    assert numbers(found) == {
        "aws_savings_plans_coverage": ("0.795", "ratio"),
        "aws_savings_plans_on_demand_cost": ("20.5", "USD"),
    }
    assert found[0].labels == {"account": ACCOUNT, "service": EC2, "region": "eu-west-1"}


def test_reservations_are_asked_for_by_service(aws: AwsServer) -> None:
    found = readings(aws.url, "reservation_utilization")
    assert numbers(found) == {
        "aws_reservation_utilization": ("0.75", "ratio"),
        "aws_reservation_purchased_hours": ("168", "hours"),
        "aws_reservation_unused_hours": ("42", "hours"),
        "aws_reservation_net_saving": ("1.5", "USD"),
    }
    assert found[0].labels == {
        "account": MEMBER,
        "service": EC2,
        "subscription": "359809062",
        "region": "eu-west-1",
        "instance_type": "m5.large",
    }
    assert found[0].days == WEEK
    assert [reserved(call.request) for call in aws.calls] == [*RESERVED]


def test_reservation_coverage(aws: AwsServer) -> None:
    found = readings(aws.url, "reservation_coverage")
    assert numbers(found) == {
        "aws_reservation_coverage": ("0.75", "ratio"),
        "aws_reservation_on_demand_hours": ("42", "hours"),
    }
    assert found[0].labels == {"account": ACCOUNT, "service": RDS, "region": "eu-west-1"}


def test_the_forecast_is_of_the_days_that_aws_tells(aws: AwsServer) -> None:
    found = readings(aws.url, "cost_forecast")
    assert {(each.labels["measure"], each.labels["bound"]): each.value for each in found} == {
        ("billed", "mean"): Decimal("1000.123456789012345678"),
        ("billed", "lower"): 800,
        ("billed", "upper"): Decimal("1200.5"),
        ("effective", "mean"): 900,
        ("effective", "lower"): 800,
        ("effective", "upper"): Decimal("1200.5"),
    }
    assert {(each.name, each.unit, each.days) for each in found} == {
        ("aws_cost_forecast", "USD", Period(date(2026, 3, 1), date(2026, 4, 1)))
    }
    request = aws.calls[0].request
    assert request["TimePeriod"] == {"Start": "2026-03-15", "End": "2026-04-01"}
    assert request["PredictionIntervalLevel"] == 80


def test_rightsizing_tells_what_aws_would_choose(aws: AwsServer) -> None:
    modify, terminate = readings(aws.url, "rightsizing")
    assert modify == Reading(
        "aws_rightsizing_saving_per_month",
        Decimal("10.5"),
        "USD",
        {"account": MEMBER, "resource": "i-1", "action": "modify", "from": "m5.xlarge", "to": "m5.large"},
    )
    assert terminate.value == Decimal("70.08")
    assert terminate.labels == {
        "account": ACCOUNT,
        "resource": "i-2",
        "action": "terminate",
        "from": "m5.large",
        "to": "",
    }


def test_no_advice_is_no_reading(aws: AwsServer) -> None:
    aws.on("ce", "GetRightsizingRecommendation", lambda request: {"Summary": {"TotalRecommendationCount": "0"}})
    assert readings(aws.url, "rightsizing") == []


def test_china_is_paid_in_yuan(aws: AwsServer) -> None:
    found = readings(aws.url, "savings_plans_utilization", region="cn-northwest-1")
    assert {each.unit for each in found} == {"ratio", "CNY"}


def test_the_price_is_what_pages_are_booked_at(aws: AwsServer) -> None:
    assert set(NAMES) == set(_READERS) == set(OPERATIONS)
    ledger = Tally()
    found = readings(aws.url, *NAMES, ledger=ledger)
    assert len({each.name for each in found}) == 18
    assert ledger.usd == price(NAMES) == Decimal("0.01") * len(aws.calls) == Decimal("0.16")
    assert ledger.calls == {
        (ACCOUNT, "GetSavingsPlansUtilization"): 1,
        (ACCOUNT, "GetSavingsPlansUtilizationDetails"): 1,
        (ACCOUNT, "GetSavingsPlansCoverage"): 1,
        (ACCOUNT, "GetReservationUtilization"): 5,
        (ACCOUNT, "GetReservationCoverage"): 5,
        (ACCOUNT, "GetCostForecast"): 2,
        (ACCOUNT, "GetRightsizingRecommendation"): 1,
    }
    assert readings(aws.url) == []


@pytest.mark.parametrize("name", NAMES)
def test_data_that_aws_does_not_have_is_nothing_to_read(aws: AwsServer, name: Name) -> None:
    def none(request: Mapping[str, Any]) -> dict[str, Any]:
        raise AwsError("DataUnavailableException", "Insufficient amount of historical data.")

    aws.on("ce", OPERATIONS[name][0], none)
    assert readings(aws.url, name) == []
    assert {call.error for call in aws.calls} == {"DataUnavailableException"}


def test_nothing_committed_is_no_utilization(aws: AwsServer) -> None:
    nothing = {"Utilization": {"TotalCommitment": "0", "UtilizationPercentage": "0"}}
    aws.on("ce", "GetSavingsPlansUtilization", lambda request: {"Total": nothing})
    assert readings(aws.url, "savings_plans_utilization") == []


def paged(aws: AwsServer, *tokens: str | None) -> None:
    """Answer advice in pages, the n-th of which leads on by the n-th token, and the last of them for ever."""
    following = iter(tokens)

    def page(request: Mapping[str, Any]) -> dict[str, Any]:
        token = next(following, tokens[-1])
        return rightsizing(request) | ({"NextPageToken": token} if token else {})

    aws.on("ce", "GetRightsizingRecommendation", page)


def test_pages_are_read_to_the_last(aws: AwsServer) -> None:
    paged(aws, "two", "three", None)
    ledger = Tally()
    assert len(readings(aws.url, "rightsizing", ledger=ledger)) == 6
    assert [call.request.get("NextPageToken") for call in aws.calls] == [None, "two", "three"]
    assert ledger.usd == Decimal("0.03")


def test_pages_that_were_paid_for_are_not_paid_for_again(aws: AwsServer) -> None:
    paged(aws, "two", "three", None)
    ledger = Keeping()
    first = readings(aws.url, *NAMES, ledger=ledger)
    asked = len(aws.calls)
    assert readings(aws.url, *NAMES, ledger=ledger) == first
    assert {call.error for call in aws.calls[asked:]} == {"DataUnavailableException"}, "a refusal is no answer"


def test_a_page_that_cannot_be_read_is_not_kept(aws: AwsServer, proxy: FaultProxy) -> None:
    paged(aws, "two", None)
    ledger = Keeping()
    change = missing("RightsizingType")
    proxy.inject(Fault("replace", match="GetRightsizing", after=1, change=change))
    with pytest.raises(BillError):
        readings(proxy.url, "rightsizing", ledger=ledger)
    proxy.clear()
    assert len(ledger.answers) == 1
    paged(aws, None)
    assert len(readings(proxy.url, "rightsizing", ledger=ledger)) == 4
    assert [call.request.get("NextPageToken") for call in aws.calls] == [None, "two", "two"]


def test_pages_in_a_circle_are_an_error_however_often_they_are_asked_for(aws: AwsServer) -> None:
    ledger = Keeping()
    for _ in range(2):
        paged(aws, "a", "b", "a")
        with pytest.raises(SourceError, match=r"GetRightsizingRecommendation: stopped after 3 .*circle"):
            readings(aws.url, "rightsizing", ledger=ledger)


def test_pages_in_a_circle_are_an_error(aws: AwsServer) -> None:
    paged(aws, "a", "b", "a")
    with pytest.raises(SourceError, match=r"GetRightsizingRecommendation: stopped after 3 .*circle"):
        readings(aws.url, "rightsizing")


def test_pages_without_end_are_an_error_and_no_bill(aws: AwsServer) -> None:
    paged(aws, *(str(number) for number in range(1000)))
    ledger = Tally()
    with pytest.raises(SourceError, match="stopped after max_pages=5 pages"):
        readings(aws.url, "rightsizing", ledger=ledger)
    assert ledger.usd == Decimal("0.05")
    assert len(aws.calls) == 5


def test_what_may_not_be_paid_is_not_asked(aws: AwsServer) -> None:
    class Capped(Tally):
        def pay(self, operation: str, usd: Decimal, account: str = "") -> None:
            raise SpendError(f"{operation} of {account} costs {usd} USD")

    with pytest.raises(SpendError, match=f"GetCostForecast of {ACCOUNT} costs 0.01 USD"):
        readings(aws.url, "cost_forecast", ledger=Capped())
    assert not aws.calls


def missing(member: str) -> Callable[[bytes], bytes]:
    return lambda body: body.replace(f'"{member}"'.encode(), f'"{member}Renamed"'.encode())


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("savings_plans_utilization", missing("TotalCommitment"), "no 'TotalCommitment'"),
        ("savings_plans_utilization_details", missing("SavingsPlanArn"), "no 'SavingsPlanArn'"),
        ("savings_plans_coverage", missing("CoveragePercentage"), "no 'CoveragePercentage'"),
        ("reservation_utilization", lambda body: body.replace(b'"168"', b'"NaN"'), "not an amount: 'NaN'"),
        ("reservation_coverage", missing("CoverageHours"), "no 'CoverageHours'"),
        ("cost_forecast", lambda body: body.replace(b'"800"', b'"8,00"'), "not an amount: '8,00'"),
        ("cost_forecast", missing("Total"), "no 'Total'"),
        ("cost_forecast", lambda body: body.replace(b"2026-04-01", b"2026-03-01"), "is not before the end"),
        ("rightsizing", lambda body: body.replace(b"true", b"false"), "without a default target"),
    ],
)
def test_numbers_that_cannot_be_are_named(
    proxy: FaultProxy, name: Name, change: Callable[[bytes], bytes], said: str
) -> None:
    proxy.inject(Fault("replace", change=change))
    with pytest.raises(BillError, match=f"aws: here, {name}: .*{re.escape(said)}"):
        readings(proxy.url, name)


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_without_its_main_member_is_a_failure_and_no_zero(proxy: FaultProxy, name: Name) -> None:
    proxy.inject(Fault("truncate"))
    with pytest.raises(UnreachableError, match=f"aws: here, {OPERATIONS[name][0]}: the answer is cut short"):
        readings(proxy.url, name)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("cut"),
        Fault("reset"),
        Fault("replace", change=lambda body: b""),
        Fault("replace", change=lambda body: b"[1]"),
        Fault("replace", change=lambda body: b"<html>busy</html>"),
        Fault("status", status=500, body=b"{}"),
    ],
    ids=["cut", "reset", "empty", "list", "html", "500"],
)
def test_an_answer_that_is_not_whole_is_a_failure(proxy: FaultProxy, fault: Fault) -> None:
    proxy.inject(fault)
    with pytest.raises(UnreachableError, match="aws"):
        readings(proxy.url, "savings_plans_utilization")


def test_a_hang_ends_with_the_timeout(proxy: FaultProxy) -> None:
    proxy.inject(Fault("hang", match="GetCostForecast"))
    with pytest.raises(UnreachableError, match="timeout"):
        readings(proxy.url, "cost_forecast", timeout=0.2, attempts=1)


def test_throttled_pages_are_tried_again_and_booked_once(aws: AwsServer) -> None:
    refusals = iter([True, True])

    def throttled(request: Mapping[str, Any]) -> dict[str, Any]:
        if next(refusals, False):
            raise AwsError("LimitExceededException", "Rate exceeded")
        return plans(request)

    aws.on("ce", "GetSavingsPlansUtilization", throttled)
    ledger = Tally()
    assert len(readings(aws.url, "savings_plans_utilization", ledger=ledger)) == 4
    assert [call.error for call in aws.calls] == ["LimitExceededException", "LimitExceededException", None]
    assert ledger.usd == Decimal("0.01")


def test_throttled_too_often(aws: AwsServer) -> None:
    def throttled(request: Mapping[str, Any]) -> dict[str, Any]:
        raise AwsError("LimitExceededException", "Rate exceeded")

    aws.on("ce", "GetCostForecast", throttled)
    with pytest.raises(ThrottledError, match="GetCostForecast"):
        readings(aws.url, "cost_forecast")
    assert len(aws.calls) == 3


def test_a_refusal_says_which_operation(aws: AwsServer) -> None:
    def denied(request: Mapping[str, Any]) -> dict[str, Any]:
        raise AwsError("AccessDeniedException", "Rightsizing EC2 recommendation is an opt-in only feature")

    aws.on("ce", "GetRightsizingRecommendation", denied)
    with pytest.raises(AuthError, match=r"GetRightsizingRecommendation is denied.*opt-in"):
        readings(aws.url, "rightsizing")
