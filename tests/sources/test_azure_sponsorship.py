"""The sponsorship portal: one question a day, exact amounts, and what an expired session says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from outlay.core.errors import AuthError, BillError, NotFoundError, SourceError, ThrottledError, UnreachableError
from outlay.core.focus import schema
from outlay.core.ledger import Tally
from outlay.core.plugins import load
from outlay.core.span import Period, Span, Window, month_of
from outlay.sources._azure_spend import spend_of
from outlay.sources.azure_sponsorship import AzureSponsorship
from tests.clouds import azure_sponsorship
from tests.clouds.azure_sponsorship import (
    COOKIES,
    HEADERS,
    SIGN_IN,
    SUBSCRIPTION,
    Answer,
    AzureSponsorshipPortal,
    Line,
)
from tests.clouds.cloud import Charge
from tests.clouds.faults import Fault, FaultProxy

FIRST = date(2026, 10, 1)
DAYS = Period(FIRST, date(2026, 10, 4))
SPAN = Span.of_days("azure-sponsorship", DAYS)
HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture(scope="module")
def running() -> Iterator[AzureSponsorshipPortal]:
    portal = azure_sponsorship.start()
    yield portal
    portal.close()


@pytest.fixture
def portal(running: AzureSponsorshipPortal) -> AzureSponsorshipPortal:
    running.lines, running.asked, running.answer = [], [], lambda _: None
    return running


def source(portal: AzureSponsorshipPortal, url: str | None = None, **settings: Any) -> AzureSponsorship:
    return AzureSponsorship.model_validate({**portal.settings(url), "attempts": 1, **settings})


def rows(found: AzureSponsorship, span: Span = SPAN) -> list[dict[str, Any]]:
    batches = list(found.fetch(span))
    assert all(each.schema == schema() for each in batches)
    listed: list[dict[str, Any]] = pa.Table.from_batches(batches, schema()).to_pylist()
    return listed


def table(*lines: list[Any], headers: list[str] = HEADERS) -> Answer:
    return Answer(200, {"TableHeaders": headers, "TableRows": list(lines)})


def test_it_is_the_plugin_of_its_name() -> None:
    assert load("sources", "azure-sponsorship") is AzureSponsorship


def test_each_day_is_asked_for_alone(portal: AzureSponsorshipPortal) -> None:
    portal.lines = [
        Line(FIRST, "Storage", "Hot LRS", Decimal(1)),
        Line(date(2026, 10, 3), "Storage", "Hot", Decimal(2)),
    ]
    assert [(row["charge_date"], row["billed_cost"]) for row in rows(source(portal))] == [
        (FIRST, 1),
        (date(2026, 10, 3), 2),
    ]
    assert portal.asked == [(day, day) for day in DAYS.each_day()]


def test_a_line_is_a_charge_with_its_group_and_its_own_name(portal: AzureSponsorshipPortal) -> None:
    portal.answer = lambda day: table(
        ["Cognitive Services", "S1 Speech To Text", "$2,354.00"],
        ["Cognitive Services", "gpt-4o-0806-Inp-glbl Tokens", "$820.60"],
        ["Cognitive Services", "S1 Neural Text To Speech Characters", "$0.07"],
        ["Virtual Machines", "D2 v3", "$1,234,567.89"],
        ["Virtual Machines", "B1s", "$0.00"],
    )
    speech, openai, voice, machines = rows(source(portal), Span.of_days("s", Period(FIRST, date(2026, 10, 2))))
    assert (speech["service_name"], speech["billed_cost"]) == ("Azure Speech-to-Text", Decimal("2354.00"))
    assert speech["tags"] == [("x_service_name", "Cognitive Services")]
    assert speech["sku_meter"] == "S1 Speech To Text"
    assert (openai["service_name"], openai["billed_cost"]) == ("Azure OpenAI", Decimal("820.60"))
    assert voice["service_name"] == "Azure Text-to-Speech"
    assert (machines["service_name"], machines["service_category"]) == ("Virtual Machines", "Compute")
    assert (machines["billed_cost"], machines["effective_cost"]) == (Decimal("1234567.89"), Decimal("1234567.89"))
    assert (machines["provider"], machines["sub_account_id"], machines["tags"]) == ("azure", SUBSCRIPTION, None)
    assert (machines["billing_currency"], machines["charge_category"]) == ("USD", "Usage")


def test_charges_of_every_kind_come_back_to_the_last_digit(portal: AzureSponsorshipPortal) -> None:
    costs = {"Usage": "1234.5", "Credit": "-0.000000000000000001", "Adjustment": "-10", "Tax": "3.21"}
    portal.give([Charge(FIRST, "Storage", "westeurope", Decimal(cost), kind) for kind, cost in costs.items()])
    found = {row["charge_category"]: row["billed_cost"] for row in rows(source(portal))}
    assert found == {kind: Decimal(cost) for kind, cost in costs.items()}


def test_what_is_below_zero_is_an_adjustment(portal: AzureSponsorshipPortal) -> None:
    portal.lines = [Line(FIRST, "Storage", "Hot LRS", Decimal("-2.5"))]
    (row,) = rows(source(portal))
    assert (row["charge_category"], row["billed_cost"]) == ("Adjustment", Decimal("-2.5"))


def test_the_subscription_is_told_by_the_answer_where_it_does(portal: AzureSponsorshipPortal) -> None:
    headers = ["Subscription Name", "Spend", "Subscription GUID", "Service Resource", "Service Name"]
    portal.answer = lambda _: table(["Research", "€12,5", "other-guid", "B1s", "Virtual Machines"], headers=headers)
    row = rows(source(portal))[0]
    assert (row["sub_account_id"], row["sub_account_name"]) == ("other-guid", "Research")
    assert (row["billed_cost"], row["billing_currency"]) == (Decimal("12.5"), "EUR")


def test_a_day_without_usage_is_no_row(portal: AzureSponsorshipPortal) -> None:
    assert rows(source(portal)) == []
    assert len(portal.asked) == 3


def test_spans_are_months_newest_first_and_not_of_the_future(portal: AzureSponsorshipPortal) -> None:
    today = datetime.now(UTC).date()
    spans = list(source(portal).spans(Window(Period(today - timedelta(days=40), today + timedelta(days=5)))))
    assert spans[0].days == Period(month_of(today), today + timedelta(days=1))
    assert spans == sorted(spans, key=lambda span: span.months.start, reverse=True)
    with pytest.raises(SourceError, match="days until today"):
        source(portal).spans(Window(Period(today + timedelta(days=2), today + timedelta(days=3))))


def test_days_of_an_open_month_are_provisional(portal: AzureSponsorshipPortal) -> None:
    today = datetime.now(UTC).date()
    old = today - timedelta(days=80)
    portal.lines = [Line(day, "Storage", "Hot", Decimal(1)) for day in (today, old)]
    for day in (today, old):
        (row,) = rows(source(portal), Span.of_days("s", Period(day, day + timedelta(days=1))))
        assert row["provisional"] is (day == today)


def test_calls_are_booked_at_no_price(portal: AzureSponsorshipPortal) -> None:
    tally = Tally()
    rows(source(portal).with_ledger(tally))
    assert dict(tally.calls) == {(SUBSCRIPTION, "GetSubscriptionData"): 3}
    assert tally.usd == 0


def test_access_is_tested_with_one_day(portal: AzureSponsorshipPortal) -> None:
    assert source(portal).test() == f"subscription {SUBSCRIPTION}: the portal answers, with 0 lines for yesterday"
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert portal.asked == [(yesterday, yesterday)]


EXPIRED = [
    Answer(302, b"", {"Location": "https://login.microsoftonline.com/"}),
    Answer(200, SIGN_IN, HTML),
    Answer(200, SIGN_IN),
    Answer(200, b"", HTML),
    Answer(401, b""),
    Answer(403, SIGN_IN, HTML),
]


@pytest.mark.parametrize("answer", EXPIRED)
def test_an_expired_session_is_one_message_that_tells_how_to_renew(
    portal: AzureSponsorshipPortal, answer: Answer
) -> None:
    portal.answer = lambda _: answer
    with pytest.raises(AuthError) as caught:
        rows(source(portal))
    said = str(caught.value)
    assert said.count("session has expired") == 1
    assert "https://www.microsoftazuresponsorships.com/Usage" in said
    assert "request header Cookie" in said
    assert "AZURE_SPONSORSHIP_COOKIES" in said
    assert "hush" not in said
    assert len(portal.asked) == 1


def test_wrong_cookies_are_an_expired_session(portal: AzureSponsorshipPortal) -> None:
    with pytest.raises(AuthError, match="expired"):
        source(portal, cookies="a=b").test()


def test_json_in_a_page_s_clothes_is_an_answer(portal: AzureSponsorshipPortal) -> None:
    portal.answer = lambda _: Answer(200, {"TableHeaders": HEADERS, "TableRows": [["A", "B", "$1.00"]]}, HTML)
    assert len(rows(source(portal))) == 3


FAULTS = [
    (Answer(404, b""), NotFoundError, "not found"),
    (Answer(429, b""), ThrottledError, "too many requests"),
    (Answer(429, b"", {"Retry-After": "900"}), ThrottledError, "asks to wait 900 s"),
    (Answer(500, b""), UnreachableError, "answered 500"),
    (Answer(200, b'{"TableHeaders": ["Serv', length=100), UnreachableError, "failed 1 times"),
    (Answer(200, b'{"TableHeaders": ["Serv'), SourceError, "cut short"),
    (Answer(200, []), BillError, "but list"),
    (Answer(200, {"TableRows": []}), BillError, "no column Service Name, Service Resource, Spend in TableHeaders"),
    (table(["A", "B", "1"], headers=["Service Name", "Service Resource", "Cost"]), BillError, "no column Spend"),
    (Answer(200, {"TableHeaders": HEADERS}), BillError, "no TableRows"),
    (table(["A", "B"]), BillError, "does not fit the headers"),
    (table(["A", "B", "lots"]), BillError, r"2026-10-01: .*not an amount: 'lots'"),
    (table(["A", "B", None]), BillError, "not an amount: None"),
]


@pytest.mark.parametrize(("answer", "kind", "said"), FAULTS)
def test_what_is_no_answer_is_an_error_that_names_the_day(
    portal: AzureSponsorshipPortal, answer: Answer, kind: type[SourceError], said: str
) -> None:
    portal.answer = lambda _: answer
    with pytest.raises(kind, match=said):
        rows(source(portal))


def test_three_attempts_are_made(portal: AzureSponsorshipPortal) -> None:
    portal.answer = lambda _: Answer(503, b"", {"Retry-After": "0"}) if len(portal.asked) < 3 else None
    assert rows(source(portal, attempts=3)) == []
    assert len(portal.asked) == 5


@pytest.mark.parametrize("kind", ["hang", "reset", "cut"])
def test_a_broken_wire_is_an_error_and_not_less_money(portal: AzureSponsorshipPortal, kind: Any) -> None:
    proxy = FaultProxy(portal.url)
    try:
        proxy.inject(Fault(kind, after=1))
        with pytest.raises(UnreachableError):
            rows(source(portal, proxy.url, timeout=0.5))
        proxy.clear()
        assert rows(source(portal, proxy.url)) == []
    finally:
        proxy.close()


@pytest.mark.parametrize(
    ("shown", "number", "currency"),
    [
        ("$2,354.00", "2354", "USD"),
        ("$0.07", "0.07", "USD"),
        ("$1,234,567.890123456789012345", "1234567.890123456789012345", "USD"),
        ("-$5.25", "-5.25", "USD"),
        ("$-5.25", "-5.25", "USD"),
        ("\u2212$5.25", "-5.25", "USD"),
        ("($1,005.25)", "-1005.25", "USD"),
        ("$(5.25)", "-5.25", "USD"),
        ("$ 12", "12", "USD"),
        ("12.5", "12.5", "USD"),
        ("CA$7.10", "7.10", "CAD"),
        ("€1.234,56", "1234.56", "EUR"),
        ("12,50 €", "12.50", "EUR"),
        ("£1,234", "1234", "GBP"),
        ("CHF 1'234.50", "1234.50", "CHF"),
        ("1 234,56 EUR", "1234.56", "EUR"),
        ("₹1,23,456.00", "123456", "INR"),
        ("kr 5", None, ""),
        ("$", None, ""),
        ("", None, ""),
        ("$1,23", "1.23", "USD"),
        ("$1.2.3", None, ""),
        ("($5.00", None, ""),
        ("$1e5", None, ""),
        (7, "7", "USD"),
        (Decimal("7.5"), "7.5", "USD"),
        (True, None, ""),
        (7.5, None, ""),
    ],
)
def test_amounts_are_read_exactly(shown: Any, number: str | None, currency: str) -> None:
    if number is None:
        with pytest.raises(ValueError, match=r"not an amount|not known"):
            spend_of(shown, "USD")
    else:
        assert spend_of(shown, "USD") == (Decimal(number), currency)


def test_a_bare_dollar_is_of_the_currency_in_the_settings(portal: AzureSponsorshipPortal) -> None:
    portal.lines = [Line(FIRST, "Storage", "Hot", Decimal(1))]
    assert rows(source(portal, currency="AUD"))[0]["billing_currency"] == "AUD"


def test_cookies_are_a_header_in_one_line_and_are_never_shown(portal: AzureSponsorshipPortal) -> None:
    assert source(portal, cookies=f"Cookie: {COOKIES}\n").cookies.get_secret_value() == COOKIES
    assert "hush" not in repr(source(portal)) + source(portal).model_dump_json()
    for wrong in ("", "hush", "a=hush\r\nX: y", "a=hüsh"):
        with pytest.raises(ValidationError, match="browser's Cookie header") as caught:
            source(portal, cookies=wrong)
        assert "hush" not in str(caught.value)
    portal.answer = lambda _: Answer(400, {"error": {"message": f"bad {COOKIES} or hush-session-cookie"}})
    with pytest.raises(SourceError) as refused:
        rows(source(portal))
    assert "hush" not in str(refused.value)
