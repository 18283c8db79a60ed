"""What Heroku used becomes FOCUS rows: nothing twice, nothing lost, priced as the settings and invoices say."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from outlay.core.errors import SourceError
from tests.clouds.heroku import TEAM, Heroku, Usage, id_of, team_invoice
from tests.sources.heroku.asking import NOVEMBER, OCTOBER, only, rows, source, today, total

SEPTEMBER = date(2026, 9, 1)
SECOND = date(2026, 11, 2)


def test_a_row_says_whose_it_is_what_it_is_and_when(cloud: Heroku) -> None:
    cloud.usage[TEAM].add(SECOND, "web", data=Decimal("34.89"))
    row = only(rows(source(cloud), NOVEMBER))
    assert {name: value for name, value in row.items() if value is not None} == {
        "source": "heroku",
        "provider": "heroku",
        "provider_name": "Heroku",
        "publisher_name": "Heroku",
        "invoice_issuer_name": "Heroku",
        "billing_account_id": TEAM,
        "billing_account_name": TEAM,
        "billing_account_type": "Team",
        "sub_account_id": id_of(TEAM),
        "sub_account_name": TEAM,
        "sub_account_type": "Team",
        "billed_cost": Decimal("34.89"),
        "effective_cost": Decimal("34.89"),
        "contracted_cost": Decimal("34.89"),
        "contracted_unit_price": Decimal(1),
        "billing_currency": "USD",
        "charge_category": "Usage",
        "charge_frequency": "Usage-Based",
        "charge_date": SECOND,
        "charge_period_start": datetime(2026, 11, 2, tzinfo=UTC),
        "charge_period_end": datetime(2026, 11, 3, tzinfo=UTC),
        "billing_period_start": datetime(2026, 11, 1, tzinfo=UTC),
        "billing_period_end": datetime(2026, 12, 1, tzinfo=UTC),
        "consumed_quantity": Decimal("34.89"),
        "consumed_unit": "Add-on credits",
        "pricing_quantity": Decimal("34.89"),
        "pricing_unit": "Add-on credits",
        "pricing_category": "Standard",
        "resource_id": "web",
        "resource_name": "web",
        "resource_type": "App",
        "service_name": "Heroku Data Add-ons",
        "service_category": "Databases",
        "service_subcategory": "Other (Databases)",
        "sku_meter": "data",
        "tags": [("team", TEAM), ("app", "web")],
        "cut": "",
        "provisional": True,
    }


def test_addons_contain_data_and_partner_and_count_once(cloud: Heroku) -> None:
    cloud.usage[TEAM].add(SECOND, "web", data=Decimal("34.89"), partner=Decimal("12.34"), other=Decimal("202.77"))
    found = rows(source(cloud), NOVEMBER)
    assert total(found) == 250
    assert {row["sku_meter"]: row["billed_cost"] for row in found} == {
        "data": Decimal("34.89"),
        "partner": Decimal("12.34"),
        "other": Decimal("202.77"),
    }


def test_addons_that_are_less_than_their_parts_are_what_counts(cloud: Heroku) -> None:
    """Heroku's own command line was seen to be told 1075 for 1075 and 12."""
    cloud.usage[TEAM].add(SECOND, "web", data=Decimal(1075), partner=Decimal(12), other=Decimal(-12))
    assert total(rows(source(cloud), NOVEMBER)) == 1075


def test_what_a_team_has_beyond_its_apps_is_a_row_without_an_app(cloud: Heroku) -> None:
    cloud.usage[TEAM].add(SECOND, "web", partner=Decimal(1))
    cloud.usage[TEAM].beyond[SECOND] = {"partner": Decimal(2), "space": Decimal("0.03")}
    found = rows(source(cloud, space_unit_usd="1000"), NOVEMBER)
    assert only(found, sku_meter="partner", resource_id=None)["billed_cost"] == 2
    space = only(found, sku_meter="space")
    assert (space["billed_cost"], space["consumed_unit"], space["resource_type"]) == (30, "Space units", None)


def test_rows_of_connect_are_no_money(cloud: Heroku) -> None:
    cloud.usage[TEAM].add(date(2026, 10, 5), "web", connect=Decimal(15000), partner=Decimal(1))
    assert total(rows(source(cloud), OCTOBER)) == 1


def test_an_addon_credit_costs_what_the_settings_say(cloud: Heroku) -> None:
    cloud.usage[TEAM].add(SECOND, "web", partner=Decimal(1234), data=Decimal(1))
    found = rows(source(cloud, addon_credit_usd="0.01"), NOVEMBER)
    assert total(found) == Decimal("12.35")
    assert only(found, sku_meter="partner")["consumed_quantity"] == 1234


def test_dynos_without_any_price_are_units(cloud: Heroku) -> None:
    cloud.usage[TEAM].add(SECOND, "web", dynos=Decimal("0.368"))
    row = only(rows(source(cloud), NOVEMBER))
    assert (row["billed_cost"], row["consumed_quantity"], row["consumed_unit"]) == (0, Decimal("0.368"), "Dyno units")
    assert row["charge_description"] == "Units without a price: Heroku has told none yet"


def test_dynos_of_an_open_month_cost_what_the_last_invoice_took_for_a_unit(cloud: Heroku) -> None:
    cloud.usage[TEAM].add(SECOND, "web", dynos=Decimal("0.1"))
    october = team_invoice(OCTOBER, platform_total=4800, dyno_units=Decimal("1.92"), total=4800, charges_total=4800)
    free = team_invoice(date(2026, 8, 1), platform_total=0, dyno_units=Decimal(9))
    cloud.invoices[TEAM] = [free, october]
    row = only(rows(source(cloud), NOVEMBER))
    assert (row["contracted_unit_price"], row["billed_cost"], row["provisional"]) == (25, Decimal("2.5"), True)
    assert only(rows(source(cloud, dyno_unit_usd="30"), NOVEMBER))["billed_cost"] == 3


def test_an_invoice_that_still_grows_is_not_counted(cloud: Heroku) -> None:
    cloud.usage[TEAM].add(SECOND, "web", partner=Decimal(3))
    cloud.invoices[TEAM] = [team_invoice(NOVEMBER, total=100, charges_total=100)]
    assert total(rows(source(cloud), NOVEMBER)) == 3


def test_the_month_is_the_truth_and_its_days_are_an_estimate(cloud: Heroku) -> None:
    cloud.usage[TEAM].add(date(2026, 10, 5), "web", partner=Decimal(10))
    cloud.usage[TEAM].month_more["2026-10"] = {"web": {"partner": Decimal("-0.5")}, "job": {"data": Decimal(2)}}
    found = rows(source(cloud), OCTOBER)
    assert total(found) == Decimal("11.5")
    more = only(found, resource_id="web", charge_date=OCTOBER)
    assert more["billed_cost"] == Decimal("-0.5")
    assert more["charge_period_end"] == datetime(2026, 11, 1, tzinfo=UTC)
    assert more["charge_description"] == "Usage of the month beyond what Heroku told of its days"


def test_noise_of_floats_makes_no_row_and_is_not_lost(cloud: Heroku) -> None:
    for day in (5, 6):
        cloud.usage[TEAM].add(date(2026, 10, day), "web", dynos=Decimal("0.1"))
    cloud.usage[TEAM].month_more["2026-10"] = {"web": {"dynos": Decimal("0.0000000000000162")}}
    found = rows(source(cloud), OCTOBER)
    assert [row["consumed_quantity"] for row in found] == [Decimal("0.1"), Decimal("0.1000000000000162")]


def test_months_whose_days_heroku_forgot_are_read_as_months(cloud: Heroku) -> None:
    cloud.usage[TEAM].add(date(2026, 2, 5), "web", partner=Decimal(10))
    cloud.daily_from = date(2026, 5, 21)
    row = only(rows(source(cloud), date(2026, 2, 1)))
    assert (row["billed_cost"], row["charge_date"]) == (10, date(2026, 2, 1))


def test_months_that_heroku_should_know_are_an_error_when_it_does_not(cloud: Heroku) -> None:
    cloud.daily_from = NOVEMBER
    with pytest.raises(SourceError, match=r"usage/daily answered 422.*It says: start must be within six months"):
        rows(source(cloud), OCTOBER)


def test_a_month_that_only_the_invoice_knows_is_its_invoice(cloud: Heroku) -> None:
    month = date(2025, 9, 1)
    cloud.daily_from = date(2026, 5, 21)
    cloud.monthly_from = date(2025, 11, 1)
    cloud.invoices[TEAM] = [
        team_invoice(month, platform_total=4800, addons_total=1000, charges_total=5800, credits_total=800, total=5000)
    ]
    found = rows(source(cloud), month)
    assert total(found) == 50
    assert total(found, charge_category="Usage") == 58
    cloud.invoices.clear()
    with pytest.raises(SourceError, match="usage/monthly answered 422"):
        rows(source(cloud), month)


def test_several_teams_and_enterprise_accounts_count_every_team_once(cloud: Heroku) -> None:
    for name, cost in (("ops", 5), ("data", 7)):
        cloud.usage[name] = Usage(name)
        cloud.usage[name].add(SECOND, f"{name}-app", partner=Decimal(cost))
    cloud.usage[TEAM].add(SECOND, "web", partner=Decimal(1))
    cloud.accounts["acme"] = ["ops", "data"]
    found = rows(source(cloud, teams=[TEAM, "ops"], enterprise_accounts=["acme"]), NOVEMBER)
    assert total(found) == 13
    data = only(found, sub_account_name="data")
    assert (data["billing_account_id"], data["billing_account_type"]) == ("acme", "Enterprise account")
    assert only(found, sub_account_name="ops")["billing_account_id"] == "ops"
    alone = source(cloud, teams=[], enterprise_accounts=["acme"], exclude_teams=[id_of("ops")])
    assert total(rows(alone, NOVEMBER)) == 7


def test_what_an_account_has_beyond_its_teams_is_a_row_without_a_team(cloud: Heroku) -> None:
    cloud.accounts["acme"] = [TEAM]
    cloud.account_beyond[SECOND] = {"partner": Decimal(4)}
    cloud.usage[TEAM].add(SECOND, "web", partner=Decimal(1))
    found = rows(source(cloud, teams=[], enterprise_accounts=["acme"]), NOVEMBER)
    assert only(found, sub_account_id=None)["billed_cost"] == 4
    assert total(found) == 5


def test_a_month_settles_ten_days_after_its_end_or_with_its_invoice(
    cloud: Heroku, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.usage[TEAM].add(date(2026, 10, 5), "web", partner=Decimal(1))
    today(monkeypatch, date(2026, 11, 10))
    assert only(rows(source(cloud), OCTOBER))["provisional"]
    today(monkeypatch, date(2026, 11, 11))
    assert not only(rows(source(cloud), OCTOBER))["provisional"]
    for state in (0, 1):
        cloud.invoices[TEAM] = [
            team_invoice(OCTOBER, state=state, addons_total=100, charges_total=100, total=100, number=7)
        ]
        row = only(rows(source(cloud), OCTOBER))
        assert (row["provisional"], row["invoice_id"]) == (state == 0, "7")


def test_a_month_in_which_nothing_was_used_has_no_rows(cloud: Heroku) -> None:
    assert rows(source(cloud, account=True), NOVEMBER) == []
    assert rows(source(cloud, account=True), OCTOBER) == []
    assert rows(source(cloud, account=True), SEPTEMBER) == []
