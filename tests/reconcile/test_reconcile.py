"""A month of a source against its invoice, over a real lake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.core.errors import UsageError
from outlay.core.reading import Reading
from outlay.core.span import Period
from outlay.reconcile import Invoice, as_json, of_readings, reconcile
from outlay.reconcile.invoice import Line
from outlay.reconcile.stored import stored
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.charges import charge, midnight, put

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
DAY = date(2026, 10, 5)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(path=str(tmp_path / "lake"))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    found = State(f"sqlite:///{tmp_path}/state.db")
    yield found
    found.close()


@pytest.fixture
def billed(lake: Lake) -> Lake:
    """A bill with a charge of each kind; one is of a day of September, and one is on November's bill."""
    fee: dict[str, Any] = {"charge_category": "Purchase", "effective_cost": Decimal(0)}
    late: dict[str, Any] = {"billing_period_start": midnight(OCTOBER), "billing_period_end": midnight(NOVEMBER)}
    put(
        lake,
        [
            charge(DAY, "100.000000000000000001", effective_cost=Decimal(180), commitment_discount_id="sp-1"),
            charge(date(2026, 9, 30), "50", **late),
            charge(DAY, "100", commitment_discount_id="sp-1", **fee),
            charge(DAY, "9", charge_category="Purchase", service_name="Marketplace"),
            charge(DAY, "29", service_name="AWSSupportBusiness"),
            charge(DAY, "20", charge_category="Tax", service_name="AWS Support (Business)"),
            charge(DAY, "-12", charge_category="Credit"),
            charge(DAY, "-3", charge_category="Adjustment"),
            charge(date(2026, 11, 1), "7"),
        ],
    )
    return lake


TOTAL = Decimal("293.000000000000000001")


def found(lake: Lake, total: str, *lines: Line, currency: str | None = None, **more: Any) -> dict[str, Any]:
    """The JSON of the comparison with an invoice."""
    return as_json(reconcile(lake, "prod", OCTOBER, Invoice(Decimal(total), currency, lines), **more))


def test_what_is_stored_of_a_billing_month(billed: Lake) -> None:
    sums = stored(billed, "prod", OCTOBER).sums("USD")
    assert sums.billed == {
        "usage": Decimal("150.000000000000000001"),
        "commitment_fees": 100,
        "purchases": 9,
        "support": 29,
        "tax": 20,
        "credits": -12,
        "refunds": -3,
    }
    assert sums.effective == {**sums.billed, "usage": 230, "commitment_fees": 0}
    assert sums.total == TOTAL


def test_several_cuts_of_the_same_money_count_once(lake: Lake) -> None:
    by_tag = [charge(DAY, "4", cut="tag:team"), charge(DAY, "6", cut="tag:team")]
    by_two = [charge(DAY, "10", cut="service,region"), charge(date(2026, 10, 6), "1", cut="service,region")]
    put(lake, [*by_tag, *by_two, charge(date(2026, 10, 6), "1", cut="tag:team"), charge(date(2026, 10, 7), "2")])
    assert stored(lake, "prod", OCTOBER).sums("USD").total == 13


def test_equal(billed: Lake) -> None:
    told = found(billed, str(TOTAL))
    assert (told["result"], told["difference"], told["unexplained"], told["parts"]) == ("equal", "0", "0", [])


@pytest.mark.parametrize(
    ("total", "parts"),
    [
        ("305.000000000000000001", {"credits": "12"}),
        ("293", {"rounding": "-0.000000000000000001"}),
        ("305", {"credits": "12", "rounding": "-0.000000000000000001"}),
        ("273", {"amortisation": "-20.000000000000000001"}),
        ("253", {"tax": "-20", "amortisation": "-20.000000000000000001"}),
        ("193.000000000000000001", {"commitment_fees": "-100"}),
        ("244.000000000000000001", {"support": "-29", "tax": "-20"}),
    ],
)
def test_explained(billed: Lake, total: str, parts: dict[str, str]) -> None:
    told = found(billed, total)
    assert {part["category"]: part["amount"] for part in told["parts"]} == parts
    assert (told["result"], told["unexplained"]) == ("explained", "0")
    assert sum(Decimal(part["amount"]) for part in told["parts"]) == Decimal(told["difference"])


def test_unexplained(billed: Lake) -> None:
    told = found(billed, "300")
    assert (told["result"], told["unexplained"], told["parts"]) == ("unexplained", "6.999999999999999999", [])


def test_every_line_may_be_rounded(billed: Lake) -> None:
    lines = [Line(Decimal("97.68")), Line(Decimal("97.66")), Line(Decimal("97.67"))]
    told = found(billed, "293.01", *lines)
    assert [part["category"] for part in told["parts"]] == ["rounding"]
    assert found(billed, "293.01")["result"] == "unexplained"


def test_yen_have_no_cents(lake: Lake) -> None:
    put(lake, [charge(DAY, "1000.4", billing_currency="JPY")])
    (part,) = found(lake, "1000")["parts"]
    assert part == {"category": "rounding", "amount": "-0.4", "what": "rounding, within half a unit a line"}


def test_lines_on_an_invoice_are_compared_with_what_is_stored_of_it(lake: Lake) -> None:
    put(lake, [charge(DAY, "10", invoice_id="A-1"), charge(DAY, "5", invoice_id="A-2"), charge(DAY, "1")])
    told = found(lake, "10", Line(Decimal(10), invoice="A-1"))
    assert (told["result"], told["stored"]["total"], told["stored"]["other_invoices"]) == ("equal", "10", "6")
    assert found(lake, "16", Line(Decimal(16), invoice="B-7"))["result"] == "equal"


def test_another_currency_is_never_passed_off_as_explained(billed: Lake) -> None:
    told = found(billed, "269.56", currency="EUR")
    assert told["result"] == "unexplained"
    assert (told["difference"], told["unexplained"], told["parts"]) == (None, None, [])
    assert told["implied_rate"] == "0.92"

    told = found(billed, "269.56", currency="EUR", rate=Decimal("0.92"))
    assert (told["result"], told["compared"], told["stored"]["total"]) == (
        "explained",
        "269.560000000000000001",
        str(TOTAL),
    )
    assert [part["category"] for part in told["parts"]] == ["rounding"]
    assert found(billed, "258.52", currency="EUR", rate=Decimal("0.92"))["unexplained"] != "0"


def test_of_several_currencies_that_of_the_invoice(lake: Lake) -> None:
    put(lake, [charge(DAY, "10"), charge(DAY, "5", billing_currency="EUR")])
    assert found(lake, "5", currency="EUR")["result"] == "equal"
    with pytest.raises(UsageError, match="several currencies, EUR, USD: pick one with --currency"):
        found(lake, "5")
    with pytest.raises(UsageError, match="several currencies, EUR, USD: none is the invoice's GBP"):
        found(lake, "5", currency="GBP")
    with pytest.raises(UsageError, match="both are in EUR: leave out --rate"):
        found(lake, "5", currency="EUR", rate=Decimal(2))


def test_nothing_stored(billed: Lake) -> None:
    with pytest.raises(UsageError, match="nothing is stored that prod billed in 2026-09; there is: 2026-11, 2026-10"):
        reconcile(billed, "prod", date(2026, 9, 1), Invoice(TOTAL))
    with pytest.raises(UsageError, match="no source named 'prd'; there are: prod"):
        reconcile(billed, "prd", OCTOBER, Invoice(TOTAL))


def test_the_invoices_among_the_readings(state: State) -> None:
    october, september = Period(OCTOBER, NOVEMBER), Period(date(2026, 9, 1), OCTOBER)
    readings = [
        Reading("heroku_invoice_previous_total_usd", Decimal("12.50"), "USD", {"account": "a"}, october),
        Reading("heroku_invoice_previous_total_usd", Decimal("2.50"), "USD", {"account": "b"}, october),
        Reading("heroku_invoice_previous_charges_total_usd", Decimal(99), "USD", {"account": "a"}, october),
        Reading("heroku_invoice_current_total_usd", Decimal(7), "USD", {"account": "a"}, september),
        Reading("other_total", Decimal(1), "USD", {}, october),
    ]
    state.record_readings("heroku", date(2026, 11, 2), readings)
    assert of_readings(state, "heroku", OCTOBER) == Invoice(Decimal(15), "USD")
    with pytest.raises(UsageError, match="no invoice of 2026-08 among the readings of heroku; name one: --invoice"):
        of_readings(state, "heroku", date(2026, 8, 1))
    state.record_readings("two", date(2026, 11, 2), [readings[0], Reading("invoice_total", TOTAL, "EUR", {}, october)])
    with pytest.raises(UsageError, match="in several currencies: EUR, USD"):
        of_readings(state, "two", OCTOBER)
