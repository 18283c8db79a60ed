"""FOCUS tables and views of Google's template: their columns, with credits taken out of the costs they are in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from outlay.core import focus
from outlay.core.errors import BillError
from outlay.core.span import Period, Span
from outlay.sources.gcp import Gcp
from tests.clouds.gcp import Gcp as Emulator
from tests.sources.gcp.exports import Fields, field, texts

NAME = "focus_v1_0"
SCHEMA: Fields = [
    *texts("AvailabilityZone", "BillingAccountId", "BillingCurrency", "ChargeCategory", "ChargeClass"),
    *texts("ChargeDescription", "CommitmentDiscountCategory", "ConsumedUnit", "PricingCategory", "ProviderName"),
    *texts("PublisherName", "RegionId", "ResourceId", "ServiceName", "SkuId", "SubAccountId", "x_CostType"),
    *(field(name, "TIMESTAMP") for name in ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart")),
    *(field(name, "TIMESTAMP") for name in ("ChargePeriodEnd", "x_ExportTime")),
    *(field(name, "NUMERIC") for name in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")),
    *(field(name, "NUMERIC") for name in ("ListUnitPrice", "ConsumedQuantity", "x_CurrencyConversionRate")),
    field("ServiceCategory", repeated=True),
    field("Tags", fields=[*texts("key", "value", "x_type"), field("x_inherited", "BOOLEAN")], repeated=True),
    field("x_Credits", fields=[*texts("Name", "FullName", "Id", "Type"), field("Amount", "NUMERIC")], repeated=True),
    field("x_Project", fields=texts("id", "number", "name")),
]


def line(cost: str, hour: int = 5, **more: Any) -> dict[str, Any]:
    """A line of the third of October, as Google's template makes it of a line of the detailed export."""
    return {
        "AvailabilityZone": "europe-west1-b",
        "BillingAccountId": "012345-6789AB-CDEF01",
        "BilledCost": cost,
        "EffectiveCost": cost,
        "ListCost": cost,
        "ContractedCost": cost,
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-10-01T07:00:00Z",
        "BillingPeriodEnd": "2026-10-31T07:00:00Z",
        "ChargeCategory": "usage",
        "ChargeDescription": "N1 Core",
        "ChargePeriodStart": f"2026-10-03T{hour:02}:00:00Z",
        "ChargePeriodEnd": f"2026-10-03T{hour + 1:02}:00:00Z",
        "ConsumedQuantity": "3600",
        "ConsumedUnit": "seconds",
        "ListUnitPrice": "0.031",
        "PricingCategory": "committed",
        "ProviderName": "Google Cloud",
        "RegionId": "europe-west1",
        "ServiceCategory": ["GCP", "Compute"],
        "ServiceName": "Compute Engine",
        "SubAccountId": "012345-6789AB-CDEF01",
        "Tags": [
            {"key": "team", "value": "web", "x_type": "label"},
            {"key": "team", "value": "all", "x_type": "project_label"},
        ],
        "x_Credits": [],
        "x_CostType": "regular",
        "x_CurrencyConversionRate": "1",
        "x_ExportTime": "2026-10-03T12:00:00Z",
        "x_Project": {"id": "shop-prod", "number": "42", "name": "Shop"},
        **more,
    }


def of(bigquery: Emulator, *lines: Mapping[str, Any], partition: str | None = None) -> list[dict[str, Any]]:
    bigquery.load(NAME, SCHEMA, lines, partition)
    source = Gcp.model_validate(bigquery.settings())
    batches = list(source.fetch(Span("gcp", Period(date(2026, 10, 1), date(2026, 11, 1)))))
    rows: list[dict[str, Any]] = pa.Table.from_batches(batches, focus.schema()).to_pylist()
    return sorted(rows, key=lambda row: (row["charge_category"], row["charge_description"]))


def test_hours_are_days_and_california_is_utc(bigquery: Emulator) -> None:
    november = "2026-11-01T07:00:00Z"
    (row,) = of(bigquery, line("0.1", 0), line("0.2", 23), line("9", BillingPeriodStart=november))
    assert row["billed_cost"] == row["list_cost"] == Decimal("0.3")
    assert row["consumed_quantity"] == 7200
    assert row["list_unit_price"] == Decimal("0.031")
    assert row["billing_period_start"] == datetime(2026, 10, 1, tzinfo=UTC)
    assert row["billing_period_end"] == datetime(2026, 11, 1, tzinfo=UTC)
    assert row["charge_date"] == date(2026, 10, 3)


def test_columns_of_the_view_are_those_of_focus(bigquery: Emulator) -> None:
    (row,) = of(bigquery, line("1"), partition="x_ExportTime")
    said = {name: value for name, value in row.items() if value is not None}
    assert (
        said
        | {
            "charge_category": "Usage",
            "pricing_category": "Committed",
            "service_category": "Compute",
            "sub_account_id": "shop-prod",
            "sub_account_name": "Shop",
            "billing_account_id": "012345-6789AB-CDEF01",
            "tags": [("team", "web")],
        }
        == said
    )


def test_credits_come_out_of_the_costs_as_rows_and_the_sum_stays(bigquery: Emulator) -> None:
    credits = [
        {
            "Name": "cud",
            "FullName": "CUD of a year",
            "Id": "1",
            "Type": "COMMITTED_USAGE_DISCOUNT",
            "Amount": "-60.000000001",
        },
        {"Name": "free", "FullName": None, "Id": "2", "Type": "FREE_TIER", "Amount": "-0.5"},
    ]
    gross = {"ListCost": "110", "ContractedCost": "100", "x_Credits": credits}
    rows = of(bigquery, line("39.499999999", 1, **gross), line("39.499999999", 2, **gross))
    assert {row["charge_description"]: (row["billed_cost"], row["list_cost"]) for row in rows} == {
        "COMMITTED_USAGE_DISCOUNT: CUD of a year": (Decimal("-120.000000002"), Decimal(0)),
        "FREE_TIER: free": (Decimal(-1), Decimal(-1)),
        "N1 Core": (Decimal(200), Decimal(220)),
    }
    assert [row["charge_category"] for row in rows] == ["Credit", "Credit", "Usage"]
    assert sum(row["effective_cost"] for row in rows) == Decimal("78.999999998")


def test_categories_that_focus_does_not_know_are_adjustments(bigquery: Emulator) -> None:
    rows = of(bigquery, line("1", ChargeCategory="tax"), line("2", ChargeCategory="error"))
    assert [(row["charge_category"], row["billed_cost"]) for row in rows] == [("Adjustment", 2), ("Tax", 1)]


def test_other_currencies_keep_their_rate(bigquery: Emulator) -> None:
    (row,) = of(bigquery, line("1", BillingCurrency="EUR", x_CurrencyConversionRate="0.9"))
    assert dict(row["tags"]) == {"team": "web", "x_currency_conversion_rate": "0.9"}


def test_tags_may_be_json(bigquery: Emulator) -> None:
    schema = [field("Tags") if each["name"] == "Tags" else each for each in SCHEMA]
    bigquery.load(NAME, schema, [line("1", Tags=json.dumps({"team": "web"}))], None)
    (batch,) = Gcp.model_validate(bigquery.settings()).fetch(Span("gcp", Period(date(2026, 10, 1), date(2026, 11, 1))))
    assert [dict(tags) for tags in batch["tags"].to_pylist()] == [{"team": "web"}]


def test_a_view_that_lacks_a_column_names_it(bigquery: Emulator) -> None:
    bigquery.load(NAME, [each for each in SCHEMA if each["name"] != "ChargePeriodStart"], [], None)
    with pytest.raises(BillError, match="focus_v1_0 is no FOCUS view: it lacks ChargePeriodStart"):
        Gcp.model_validate(bigquery.settings()).test()
