"""Once there is an invoice, the rows of its month are its total to the last digit, whatever usage says."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlay.core.span import Period
from outlay.sources.heroku import EXACT
from outlay.sources.heroku.api import Owner
from outlay.sources.heroku.charges import Bill, Prices, allocated
from outlay.sources.heroku.charges import rows as charged
from outlay.sources.heroku.invoices import Invoice
from outlay.sources.heroku.usage import Team, Use
from tests.clouds.heroku import TEAM, Heroku, invoice, team_invoice
from tests.sources.heroku.asking import NOVEMBER, OCTOBER, only, rows, source, total

LAST = Decimal("0.000000000000000001")
MONTH = Period(OCTOBER, NOVEMBER)


def test_usage_and_what_the_invoice_has_beyond_it_are_the_total(cloud: Heroku) -> None:
    cloud.usage[TEAM].add(date(2026, 10, 5), "web", dynos=Decimal("1.5"), data=Decimal("40.50"))
    cloud.usage[TEAM].add(date(2026, 10, 6), "job", dynos=Decimal("0.5"), partner=Decimal("9.25"))
    cloud.invoices[TEAM] = [
        team_invoice(
            OCTOBER,
            number=9403943,
            platform_total=5000,
            addons_total=1000,
            database_total=4050,
            charges_total=10550,
            credits_total=1500,
            total=9774,
            dyno_units=Decimal(2),
        )
    ]
    found = rows(source(cloud), OCTOBER)
    assert total(found) == Decimal("97.74")
    assert {(row["sku_meter"], row["resource_id"]): row["billed_cost"] for row in found if row["sku_meter"]} == {
        ("dynos", "web"): Decimal("37.5"),
        ("dynos", "job"): Decimal("12.5"),
        ("data", "web"): Decimal("40.5"),
        ("partner", "job"): Decimal("9.25"),
    }
    beyond = [row for row in found if not row["sku_meter"]]
    assert [(r["charge_category"], r["billed_cost"], r["charge_description"]) for r in beyond] == [
        ("Adjustment", Decimal("0.75"), "Add-ons of the invoice less those of the usage"),
        ("Adjustment", Decimal(5), "Charges that the invoice does not break down"),
        ("Credit", Decimal(-15), "Credits of the invoice"),
        ("Adjustment", Decimal("7.24"), "Total of the invoice less its charges and credits, such as tax"),
    ]
    assert {row["charge_date"] for row in beyond} == {OCTOBER}
    assert {row["invoice_id"] for row in found} == {"9403943"}
    assert not any(row["provisional"] for row in found)


@pytest.mark.parametrize(("charges", "addons"), [(10000, 50), (7500, 25)], ids=["beside", "among"])
def test_databases_are_beside_the_addons_or_among_them(cloud: Heroku, charges: int, addons: int) -> None:
    parts = {"platform_total": 5000, "addons_total": 2500, "database_total": 2500}
    cloud.invoices[TEAM] = [team_invoice(OCTOBER, **parts, charges_total=charges, total=charges)]
    found = rows(source(cloud), OCTOBER)
    assert only(found, service_name="Heroku Add-ons")["billed_cost"] == addons
    assert only(found, service_name="Heroku Platform")["billed_cost"] == 50
    assert total(found) == Decimal(charges) / 100


def test_the_schemas_own_example_whose_parts_do_not_add_up_is_its_total(cloud: Heroku) -> None:
    parts = {"platform_total": 50000, "addons_total": 25000, "database_total": 25000}
    cloud.invoices[TEAM] = [team_invoice(OCTOBER, **parts, charges_total=0, credits_total=100000, total=100000)]
    assert total(rows(source(cloud), OCTOBER)) == 1000


def test_platform_charges_are_spread_by_dyno_units_to_the_last_digit(cloud: Heroku) -> None:
    for day in range(1, 4):
        cloud.usage[TEAM].add(date(2026, 10, day), "web", dynos=Decimal("0.1"))
    cloud.invoices[TEAM] = [team_invoice(OCTOBER, platform_total=1000, charges_total=1000, total=1000)]
    costs = [row["billed_cost"] for row in rows(source(cloud), OCTOBER)]
    assert sum(costs) == 10
    assert max(costs) - min(costs) == LAST


def test_the_invoices_of_ones_own_account_are_decimal(cloud: Heroku) -> None:
    cloud.invoices[""] = [
        invoice(
            OCTOBER, number=7, charges_total=Decimal("100.123"), credits_total=Decimal("0.1"), total=Decimal("100.023")
        )
    ]
    found = rows(source(cloud, teams=[]), OCTOBER)
    assert total(found) == Decimal("100.023")
    assert only(found, charge_category="Usage")["billed_cost"] == Decimal("100.123")
    credit = only(found, charge_category="Credit")
    assert (credit["billed_cost"], credit["billing_account_type"]) == (Decimal("-0.1"), "Account")


def test_credits_lower_the_total_whichever_sign_they_have(cloud: Heroku) -> None:
    for told in (Decimal(10), Decimal(-10)):
        cloud.invoices[""] = [invoice(OCTOBER, charges_total=Decimal(30), credits_total=told, total=Decimal(20))]
        found = rows(source(cloud, teams=[]), OCTOBER)
        assert [row["billed_cost"] for row in found] == [30, -10]


def test_two_invoices_of_one_month_are_one_bill(cloud: Heroku) -> None:
    cloud.usage[TEAM].add(date(2026, 10, 20), "web", dynos=Decimal(1))
    half = {"period_end": "10/14/2026", "number": 1, "id": "00000000-0000-0000-0000-000000000001"}
    cloud.invoices[TEAM] = [
        team_invoice(OCTOBER, platform_total=100, charges_total=100, total=100) | half,
        team_invoice(OCTOBER, platform_total=250, charges_total=250, total=240, credits_total=10, number=2)
        | {"period_start": "10/15/2026"},
    ]
    found = rows(source(cloud), OCTOBER)
    assert total(found) == Decimal("3.4")
    assert total(found, sku_meter="dynos") == Decimal("3.5")
    assert {row["invoice_id"] for row in found} == {"2 + 1"}


def test_what_is_restated_replaces_what_was_told(cloud: Heroku) -> None:
    asked = source(cloud)
    cloud.invoices[TEAM] = [team_invoice(OCTOBER, charges_total=100, total=100)]
    assert total(rows(asked, OCTOBER)) == 1
    cloud.invoices[TEAM] = [team_invoice(OCTOBER, charges_total=100, total=90, credits_total=10)]
    assert total(rows(asked, OCTOBER)) == Decimal("0.9")


cents = st.integers(-(10**12), 10**12).map(lambda number: number * Decimal("0.01"))
units = st.decimals(-(10**6), 10**6, places=18, allow_nan=False)
kinds = st.sampled_from(["data", "partner", "other", "dynos", "space"])
uses = st.lists(
    st.builds(
        lambda day, app, kind, quantity: Use(
            Period(date(2026, 10, day), date(2026, 10, day + 1)), Team("1", "ops"), app, kind, quantity
        ),
        st.integers(1, 30),
        st.sampled_from(["web", "job", None]),
        kinds,
        units,
    ),
    max_size=12,
)


def an_invoice(total_: Decimal, charges: Decimal, credits_: Decimal, parts: list[Decimal]) -> Invoice:
    return Invoice("1", MONTH, 1, "Paid", total_, charges, credits_, *parts)


@settings(max_examples=150, deadline=None)
@given(
    uses,
    st.builds(an_invoice, cents, cents, cents, st.lists(cents, min_size=3, max_size=3)),
    st.decimals(0, 9, places=9),
)
def test_whatever_is_told_the_rows_are_the_total(used: list[Use], told: Invoice, price: Decimal) -> None:
    bill = Bill("heroku", Owner("team", "ops"), MONTH, used, told, Prices(price, None, None), provisional=False)
    with localcontext(EXACT):
        found: list[dict[str, Any]] = charged(bill)
        assert total(found) == told.total


@settings(deadline=None)
@given(cents, st.lists(units.map(abs), min_size=1).filter(any))
def test_what_is_allocated_is_all_there_is(whole: Decimal, weights: list[Decimal]) -> None:
    with localcontext(EXACT):
        assert sum(allocated(whole, weights), Decimal(0)) == whole
