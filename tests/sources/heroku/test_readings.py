"""Readings: all that exporters of Heroku's costs show, under their names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import pytest

from outlay.core.reading import Reading
from outlay.core.span import Period
from tests.clouds.heroku import TEAM, Heroku, Usage, invoice, team_invoice
from tests.sources.heroku.asking import NOVEMBER, OCTOBER, source

DAY = date(2026, 11, 21)


def lines(readings: Iterable[Reading]) -> list[str]:
    """As an exporter would write them."""
    found = []
    for each in readings:
        labels = ",".join(f'{name}="{value}"' for name, value in sorted(each.labels.items()))
        found.append(f"{each.name}{{{labels}}} {each.value.normalize():f} {each.unit}")
    return found


def test_the_current_and_the_previous_invoice(cloud: Heroku) -> None:
    october = team_invoice(
        OCTOBER,
        total=100000,
        charges_total=110000,
        credits_total=10000,
        addons_total=25000,
        database_total=35000,
        platform_total=50000,
        dyno_units=Decimal("1.92"),
        weighted_dyno_hours=Decimal(1488),
    )
    cloud.invoices[TEAM] = [october, team_invoice(date(2026, 9, 1)), team_invoice(NOVEMBER, payment_status="Pending")]
    found = [each for each in source(cloud).read(DAY) if each.name.startswith("heroku_invoice")]
    assert lines(found)[0] == (
        'heroku_invoice_current_total_usd{account="storefront",payment_status="Pending",period_end="2026-11-30",state="0"}'
        " 0 USD"
    )
    assert lines(found)[8:] == [
        'heroku_invoice_previous_total_usd{account="storefront",payment_status="Paid",period_end="2026-10-31",state="1"}'
        " 1000 USD",
        'heroku_invoice_previous_charges_total_usd{account="storefront",period_end="2026-10-31"} 1100 USD',
        'heroku_invoice_previous_credits_total_usd{account="storefront",period_end="2026-10-31"} 100 USD',
        'heroku_invoice_previous_addons_total_usd{account="storefront",period_end="2026-10-31"} 250 USD',
        'heroku_invoice_previous_database_total_usd{account="storefront",period_end="2026-10-31"} 350 USD',
        'heroku_invoice_previous_platform_total_usd{account="storefront",period_end="2026-10-31"} 500 USD',
        'heroku_invoice_previous_dyno_units{account="storefront",period_end="2026-10-31"} 1.92 units',
        'heroku_invoice_previous_weighted_dyno_hours{account="storefront",period_end="2026-10-31"} 1488 hours',
    ]
    assert {each.days for each in found[8:]} == {Period(OCTOBER, NOVEMBER)}


def test_an_accounts_invoice_has_what_accounts_are_told(cloud: Heroku) -> None:
    cloud.invoices[""] = [invoice(OCTOBER, total=Decimal("7.123"), charges_total=Decimal("7.123"))]
    assert lines(source(cloud, teams=[]).read(DAY)) == [
        'heroku_invoice_current_total_usd{account="own",payment_status="successful",period_end="2026-10-31",state="1"}'
        " 7.123 USD",
        'heroku_invoice_current_charges_total_usd{account="own",period_end="2026-10-31"} 7.123 USD',
        'heroku_invoice_current_credits_total_usd{account="own",period_end="2026-10-31"} 0 USD',
    ]


def test_usage_per_team_app_and_type_and_the_team_as_a_whole(cloud: Heroku) -> None:
    team = cloud.usage[TEAM]
    team.add(
        date(2026, 11, 2),
        "web",
        data=Decimal("34.89"),
        partner=Decimal("12.34"),
        other=Decimal(1),
        dynos=Decimal("0.368"),
        connect=Decimal(15000),
    )
    team.beyond[date(2026, 11, 2)] = {"space": Decimal("0.7"), "partner": Decimal(2)}
    found = [each for each in source(cloud).read(DAY) if each.labels["month"] == "2026-11"]
    shown = [line.replace(',month="2026-11",team_name="storefront"', "") for line in lines(found)]
    assert shown == [
        'heroku_team_usage_current_usd{app_name="_team_total",type="data"} 34.89 USD',
        'heroku_team_usage_current_usd{app_name="_team_total",type="partner"} 14.34 USD',
        'heroku_team_usage_current_usd{app_name="_team_total",type="other"} 1 USD',
        'heroku_team_usage_current_addons_usd{app_name="_team_total"} 50.23 USD',
        'heroku_team_usage_current_dyno_units{app_name="_team_total"} 0.368 units',
        'heroku_team_usage_current_space_units{app_name="_team_total"} 0.7 units',
        'heroku_team_usage_current_connect_rows{app_name="_team_total"} 15000 rows',
        'heroku_team_usage_current_usd{app_name="web",type="data"} 34.89 USD',
        'heroku_team_usage_current_usd{app_name="web",type="partner"} 12.34 USD',
        'heroku_team_usage_current_usd{app_name="web",type="other"} 1 USD',
        'heroku_team_usage_current_addons_usd{app_name="web"} 48.23 USD',
        'heroku_team_usage_current_dyno_units{app_name="web"} 0.368 units',
    ]


def test_no_sum_over_types_counts_twice_and_rows_are_no_money(cloud: Heroku) -> None:
    cloud.usage[TEAM].add(
        date(2026, 10, 2), "web", data=Decimal(3), partner=Decimal(4), other=Decimal(5), connect=Decimal(999)
    )
    money = [each for each in source(cloud).read(DAY) if each.name == "heroku_team_usage_previous_usd"]
    assert sum(each.value for each in money if each.labels["app_name"] == "_team_total") == 12
    assert sum(each.value for each in money if each.labels["app_name"] == "web") == 12


@pytest.mark.parametrize(
    ("day", "months"),
    [
        (date(2026, 3, 31), ["2026-03", "2026-02"]),
        (date(2027, 1, 1), ["2027-01", "2026-12"]),
        (date(2028, 3, 29), ["2028-03", "2028-02"]),
        (date(2026, 12, 31), ["2026-12", "2026-11"]),
    ],
)
def test_the_previous_month_is_the_one_before_on_every_day(cloud: Heroku, day: date, months: list[str]) -> None:
    asked = source(cloud, reports=["usage"])
    assert list(dict.fromkeys(each.labels["month"] for each in asked.read(day))) == months
    assert [line.partition("start=")[2] for line in cloud.asked if "monthly" in line] == [
        f"{each} 200" for each in months
    ]


def test_invoices_that_had_not_begun_on_the_day_are_not_current(cloud: Heroku) -> None:
    cloud.invoices[""] = [invoice(NOVEMBER), invoice(OCTOBER, total=Decimal(1)), invoice(date(2025, 12, 1))]
    found = [each for each in source(cloud, teams=[]).read(date(2026, 10, 31)) if "state" in each.labels]
    assert [(each.name, each.labels["period_end"]) for each in found] == [
        ("heroku_invoice_current_total_usd", "2026-10-31"),
        ("heroku_invoice_previous_total_usd", "2025-12-31"),
    ]


def test_teams_of_enterprise_accounts_are_read_once(cloud: Heroku) -> None:
    cloud.usage["ops"] = Usage("ops")
    cloud.accounts["acme"] = ["ops", TEAM]
    found = source(cloud, enterprise_accounts=["acme"]).read(DAY)
    units = [each.labels for each in found if each.name == "heroku_team_usage_current_dyno_units"]
    assert [labels["team_name"] for labels in units] == [TEAM, "ops"]
