"""Invoices as they are told, with each amount in its unit and each period as days."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from outlay.core.errors import BillError
from outlay.sources.heroku.answers import records
from outlay.sources.heroku.invoices import Invoice, invoices
from tests.clouds.heroku import Json, invoice, team_invoice
from tests.sources.heroku.asking import OCTOBER


def told(*several: Json, cents: bool = True) -> list[Invoice]:
    return invoices(records("heroku: invoices", list(several)), cents=cents)


def test_a_teams_amounts_are_cents_and_an_accounts_are_dollars() -> None:
    assert told(team_invoice(OCTOBER, total=123456))[0].total == Decimal("1234.56")
    assert told(invoice(OCTOBER, total=Decimal("1234.561")), cents=False)[0].total == Decimal("1234.561")
    assert told(invoice(OCTOBER, total=1234), cents=False)[0].total == 1234


def test_a_teams_amount_that_is_no_whole_number_of_cents_is_refused() -> None:
    with pytest.raises(BillError, match=r"heroku: invoices, 202610: total is no whole number: '250\.0'"):
        told(team_invoice(OCTOBER, total=Decimal("250.0")))


def test_periods_sort_as_days_not_as_text() -> None:
    """As text, 01/31/2027 comes before 12/31/2026."""
    months = [date(2026, 12, 1), date(2027, 1, 1), date(2026, 2, 1)]
    assert [each.month for each in told(*map(team_invoice, months))] == sorted(months, reverse=True)


@pytest.mark.parametrize(
    ("start", "end", "month"),
    [
        ("02/01/2028", "02/29/2028", date(2028, 2, 1)),
        ("2026-10-01", "2026-10-31", OCTOBER),
        ("2026-10-01T00:00:00Z", "2026-10-31T23:59:59Z", OCTOBER),
        ("09/30/2026", "10/30/2026", OCTOBER),
        ("10/31/2026", "10/31/2026", OCTOBER),
    ],
)
def test_a_period_is_of_the_month_of_its_middle(start: str, end: str, month: date) -> None:
    assert told(team_invoice(OCTOBER, period_start=start, period_end=end))[0].month == month


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("period_end", "31/10/2026", "period_end is no day such as 10/31/2026: '31/10/2026'"),
        ("period_end", "09/30/2026", "period_end is before period_start, 2026-10-01: '09/30/2026'"),
        ("period_end", None, "period_end is no text: 'None'"),
        ("number", "7", "heroku: invoices: number is no whole number: '7'"),
        ("state", True, "state is no whole number: 'True'"),
        ("total", 10**30, "total is no whole number"),
        ("dyno_units", float("nan"), "dyno_units is no number: 'nan'"),
        ("dyno_units", Decimal("1e400"), "dyno_units is larger than anything Heroku bills: '1E+400'"),
    ],
)
def test_what_cannot_be_is_told_by_its_name(field: str, value: Any, words: str) -> None:
    with pytest.raises(BillError, match=re.escape(words)):
        told(team_invoice(OCTOBER) | {field: value})


def test_a_field_that_is_gone_is_told_with_those_there_are() -> None:
    gone = team_invoice(OCTOBER)
    gone["credit_total"] = gone.pop("credits_total")
    with pytest.raises(BillError, match=r"202610: has no credits_total; it has: addons_total, .*credit_total"):
        told(gone)


def test_an_invoice_that_is_listed_twice_is_refused() -> None:
    with pytest.raises(BillError, match="the invoice 202610 is listed twice"):
        told(team_invoice(OCTOBER), team_invoice(OCTOBER, total=1))


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        ("Paid", 1, "Paid"),
        (None, 0, "pending"),
        (None, 1, "successful"),
        ("", 2, "failed"),
        ("1", 0, "successful"),
        (2, 0, "failed"),
        (None, 9, "unknown (9)"),
    ],
)
def test_payment_status_is_in_words(status: Any, state: int, words: str) -> None:
    assert told(team_invoice(OCTOBER, payment_status=status, state=state))[0].payment_status == words
