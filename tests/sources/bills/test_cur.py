from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from outlay.core.focus import BY_NAME, NAMES
from outlay.sources._bills import cur
from outlay.sources._bills.aws_services import SERVICES
from tests.sources.bills.cur_reports import (
    LEGACY,
    LINES,
    PLAN,
    RESERVATION,
    line,
    names,
    nested,
    read,
    read_one,
    write_csv,
    write_parquet,
)

# Of each line above: category, billed, effective, contracted, list.
COSTS = (
    ("Usage", "0.1", "0.1", "0.1", "0.12"),
    ("Usage", "0", "0.07", "0.2", "0.2"),
    ("Usage", "0.3", "0.21", "0.3", "0.33"),
    ("Usage", "-0.3", "0", "0", "0"),
    ("Purchase", "50.4", "3.75", "50.4", "50.4"),
    ("Purchase", "1", "0.3", "1", "1"),
    ("Purchase", "876", "0", "876", "876"),
    ("Purchase", "500", "0", "500", "500"),
    *(("Purchase", *(cost,) * 4) for cost in ("12", "15")),
    ("Tax", *("9.87",) * 4),
    ("Credit", *("-0.000000000000000001",) * 4),
    *(("Adjustment", *(cost,) * 4) for cost in ("-4", "-0.5", "-0.25", "-0.125", "-0.0625", "-0.0000001")),
    ("Adjustment", *("123456789012.345",) * 4),
)


@pytest.fixture(params=["legacy.csv", "athena.csv", "athena.parquet", "cur2.csv", "cur2.parquet"])
def report(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    rows = [nested(row) for row in LINES] if path.stem == "cur2" else LINES
    if path.suffix == ".csv":
        write_csv(path, rows, LEGACY if path.stem == "legacy" else {})
    else:
        write_parquet(path, rows)
    return path


def test_every_line_type_costs_what_it_should(report: Path) -> None:
    rows = read(report)

    costs = ("billed_cost", "effective_cost", "contracted_cost", "list_cost")
    found = [(row["charge_category"], *(row[cost] for cost in costs)) for row in rows]
    assert found == [(category, *map(Decimal, amounts)) for category, *amounts in COSTS]


def test_the_billed_sum_is_the_unblended_sum_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "cur.csv"
    write_csv(path, [*LINES] * 50, LEGACY)
    with path.open(newline="", encoding="utf-8") as file:
        expected = sum(Decimal(row["lineItem/UnblendedCost"]) for row in csv.DictReader(file))

    assert sum(row["billed_cost"] for row in read(path)) == expected


def test_a_usage_line_in_full(report: Path) -> None:
    created = "aws:createdBy" if report.stem == "legacy" else "aws:created_by"

    assert {name: value for name, value in read(report)[0].items() if value is not None} == {
        "provider": "aws",
        "provider_name": "AWS",
        "publisher_name": "AWS",
        "invoice_issuer_name": "Amazon Web Services, Inc.",
        "invoice_id": "777",
        "provisional": False,
        "billing_account_id": "001234567890",
        "billing_account_type": "Payer account",
        "sub_account_id": "009876543210",
        "sub_account_type": "Usage account",
        "billing_currency": "USD",
        "billing_period_start": "2026-10-01 00:00:00+00",
        "billing_period_end": "2026-11-01 00:00:00+00",
        "charge_period_start": "2026-10-05 03:00:00+00",
        "charge_period_end": "2026-10-05 04:00:00+00",
        "charge_date": date(2026, 10, 5),
        "charge_category": "Usage",
        "charge_frequency": "Usage-Based",
        "service_name": "Amazon Elastic Compute Cloud",
        "service_category": "Compute",
        "service_subcategory": "Virtual Machines",
        "region_id": "eu-west-1",
        "billed_cost": Decimal("0.1"),
        "effective_cost": Decimal("0.1"),
        "contracted_cost": Decimal("0.1"),
        "list_cost": Decimal("0.12"),
        "contracted_unit_price": Decimal("0.05"),
        "list_unit_price": Decimal("0.06"),
        "consumed_quantity": Decimal(2),
        "consumed_unit": "Hrs",
        "pricing_quantity": Decimal(2),
        "pricing_unit": "Hrs",
        "pricing_category": "Standard",
        "sku_id": "SKU1",
        "sku_meter": "BoxUsage:m5.large",
        "tags": {"app": "shop", created: "Root:1", "cost_category:team": "core"},
    }


def test_commitments_say_what_they_are_and_whether_they_were_used(report: Path) -> None:
    found = [
        tuple(row[f"commitment_discount_{each}"] for each in ("id", "category", "type", "status", "quantity", "unit"))
        for row in read(report)
    ]

    reserved, planned = (RESERVATION, "Usage", "Reserved Instance"), (PLAN, "Spend", "Savings Plan")
    assert found[:9] == [
        (None,) * 6,
        (*reserved, "Used", Decimal(8), "Normalized Hours"),
        (*planned, "Used", Decimal("0.21"), "USD"),
        (*planned, "Used", Decimal(0), "USD"),
        (*reserved, "Unused", Decimal(744), "Hrs"),
        (*planned, "Unused", Decimal("1.4"), "USD"),
        (*planned, None, Decimal(876), "USD"),
        (*reserved, None, None, None),
        (None,) * 6,
    ]


def test_negations_and_taxes_have_no_quantity_of_their_own(report: Path) -> None:
    rows = {row["charge_category"]: row for row in read(report)}
    negation = next(row for row in read(report) if row["billed_cost"] == Decimal("-0.3"))

    assert (negation["consumed_quantity"], negation["list_unit_price"]) == (Decimal(0), None)
    assert negation["pricing_category"] == "Committed"
    tax = rows["Tax"]
    assert [tax[each] for each in ("consumed_quantity", "pricing_quantity", "sku_id", "pricing_category")] == [None] * 4
    assert rows["Purchase"]["consumed_quantity"] is None
    assert rows["Purchase"]["charge_frequency"] == "Recurring"
    assert rows["Tax"]["charge_frequency"] == "One-Time"


def test_every_value_is_one_that_focus_allows(report: Path) -> None:
    for row in read(report):
        for name, value in row.items():
            allowed = BY_NAME[name].allowed
            assert value is not None or BY_NAME[name].nullable, name
            assert value is None or not allowed or value in allowed, name


def test_a_report_of_the_identifying_columns_alone(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    kept = [name for name in LEGACY if "".join(name.split("_")) in cur.REQUIRED]
    write_csv(path, [{name: line("RIFee", "5")[name] for name in kept}], {})
    [row] = read(path)

    assert len(kept) == 7
    assert row["billed_cost"] == row["effective_cost"] == row["list_cost"] == Decimal(5)
    assert row["billing_period_end"] == "2026-11-01 00:00:00+00"
    assert row["charge_period_end"] == "2026-11-01 00:00:00+00"
    assert row["service_name"] == "Amazon Elastic Compute Cloud"
    assert row["tags"] is None
    assert row["provisional"] is False


def test_without_the_columns_of_amortisation_all_lines_cost_what_is_billed(tmp_path: Path) -> None:
    path = tmp_path / "cash.csv"
    lost = {"savings_plan_used_commitment", "reservation_unused_recurring_fee"}
    write_csv(path, [{name: each[name] for name in each.keys() - lost} for each in LINES], LEGACY)

    assert all(row["effective_cost"] == row["billed_cost"] for row in read(path))


def test_a_reservation_that_the_report_does_not_amortise_costs_what_is_billed(tmp_path: Path) -> None:
    path = tmp_path / "hosts.csv"
    bare = [
        line(kind, cost, reservation_reservation_a_r_n="arn:host")
        for kind, cost in (("RIFee", "7"), ("DiscountedUsage", "0"))
    ]
    write_csv(path, [*LINES, *bare], LEGACY)

    assert [row["effective_cost"] for row in read(path)[-2:]] == [Decimal(7), Decimal(0)]


def test_an_open_bill_is_provisional(tmp_path: Path) -> None:
    row = read_one(tmp_path, bill_invoice_id="")

    assert (row["provisional"], row["invoice_id"]) == (True, None)


def test_spot_is_dynamic(tmp_path: Path) -> None:
    row = read_one(tmp_path, line_item_usage_type="EU-SpotUsage:m5.large")

    assert row["pricing_category"] == "Dynamic"


def test_marketplace_charges_name_their_seller(tmp_path: Path) -> None:
    row = read_one(tmp_path, bill_billing_entity="AWS Marketplace", line_item_legal_entity="Red Hat, Inc.")

    assert (row["publisher_name"], row["provider_name"]) == ("Red Hat, Inc.", "AWS")


def test_public_prices_in_another_currency_are_not_taken(tmp_path: Path) -> None:
    row = read_one(
        tmp_path,
        line_item_currency_code="CNY",
        pricing_currency="USD",
        pricing_public_on_demand_cost="8",
        pricing_public_on_demand_rate="4",
    )

    assert (row["list_cost"], row["list_unit_price"], row["pricing_currency"]) == (Decimal(1), None, "USD")


def test_an_unknown_service_is_called_by_its_code(tmp_path: Path) -> None:
    row = read_one(tmp_path, line_item_product_code="8xyz")

    assert [row[f"service_{each}"] for each in ("name", "category", "subcategory")] == [
        "8xyz",
        "Other",
        "Other (Other)",
    ]


def test_a_missing_region_is_told_by_the_zone(tmp_path: Path) -> None:
    row = read_one(tmp_path, product_region="", line_item_availability_zone="us-gov-west-1b")

    assert (row["region_id"], row["availability_zone"]) == ("us-gov-west-1", "us-gov-west-1b")


def test_a_period_that_ends_at_its_last_second_ends_with_the_next(tmp_path: Path) -> None:
    row = read_one(tmp_path, line_item_usage_end_date="2026-10-31T23:59:59Z")

    assert row["charge_period_end"] == "2026-11-01 00:00:00+00"


def test_empty_times_fall_back_on_the_interval_and_the_month(tmp_path: Path) -> None:
    row = read_one(
        tmp_path,
        identity_time_interval="2026-10-07T00:00:00Z/2026-10-08T00:00:00Z",
        line_item_usage_start_date="",
        line_item_usage_end_date="",
        bill_billing_period_start_date="",
        bill_billing_period_end_date="",
    )

    assert row["charge_date"] == date(2026, 10, 7)
    assert (row["charge_period_start"], row["charge_period_end"]) == (
        "2026-10-07 00:00:00+00",
        "2026-10-08 00:00:00+00",
    )
    assert (row["billing_period_start"], row["billing_period_end"]) == (
        "2026-10-01 00:00:00+00",
        "2026-11-01 00:00:00+00",
    )


def test_an_empty_amount_stays_empty(tmp_path: Path) -> None:
    assert read_one(tmp_path, line_item_unblended_cost="")["billed_cost"] is None


def test_only_reports_match() -> None:
    columns = names(LINES)
    assert cur.matches(columns)
    assert cur.matches([LEGACY[name] for name in columns])
    assert not cur.matches([name for name in columns if name != "line_item_unblended_cost"])
    assert not cur.matches(["BilledCost", "ChargePeriodStart", "BillingCurrency"])
    assert not cur.matches([])


def test_every_column_of_charges_is_made_and_in_order() -> None:
    assert [*cur.expressions({})] == [name for name in NAMES if name not in {"source", "cut"}]


def test_amounts_and_times_of_a_csv_are_typed() -> None:
    columns = [
        "lineItem/UnblendedCost",
        "lineItem/UsageStartDate",
        "lineItem/UsageAccountId",
        "lineItem/UsageAmount",
    ]

    assert cur.types(columns) == {
        "lineItem/UnblendedCost": "DECIMAL(38,18)",
        "lineItem/UsageStartDate": "TIMESTAMPTZ",
    }


def test_services_are_in_the_categories_of_focus() -> None:
    categories = {
        "AI and Machine Learning",
        "Analytics",
        "Business Applications",
        "Compute",
        "Databases",
        "Developer Tools",
        "Identity",
        "Integration",
        "Internet of Things",
        "Management and Governance",
        "Media",
        "Migration",
        "Networking",
        "Security",
        "Storage",
        "Web",
    }

    assert {service.category for service in SERVICES.values()} <= categories
    assert len({service.name for service in SERVICES.values()}) == len(SERVICES)
