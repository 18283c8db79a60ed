"""What lines of an export become, asked of a real dataset by Google's client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from outlay.core import focus
from outlay.core.errors import BillError
from outlay.core.span import Period, Span, Window
from outlay.sources.gcp import Gcp
from outlay.sources.gcp import running as asking_rows
from tests.clouds.cloud import Charge
from tests.clouds.gcp import Gcp as Emulator
from tests.sources.gcp.exports import ACCOUNT, DETAILED, STANDARD, credit, detailed, standard

TODAY = datetime.now(UTC).date()
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
DAY = date(2026, 10, 3)
RESOURCE, PLAIN = f"gcp_billing_export_resource_v1_{ACCOUNT}", f"gcp_billing_export_v1_{ACCOUNT}"


def read(source: Gcp, month: Period = OCTOBER) -> list[dict[str, Any]]:
    batches = list(source.fetch(Span(source.name, month)))
    rows: list[dict[str, Any]] = pa.Table.from_batches(batches, focus.schema()).to_pylist()
    return sorted(rows, key=lambda row: (row["charge_date"], row["charge_category"], row["charge_description"]))


def of(bigquery: Emulator, lines: Iterable[Mapping[str, Any]], **settings: Any) -> list[dict[str, Any]]:
    bigquery.load(RESOURCE, DETAILED, lines)
    return read(Gcp.model_validate({**bigquery.settings(), **settings}))


def total(rows: Iterable[Mapping[str, Any]]) -> Decimal:
    return sum((row["billed_cost"] for row in rows), Decimal(0))


def test_what_was_billed_comes_out_day_by_day_to_the_last_digit(bigquery: Emulator) -> None:
    days = [TODAY - timedelta(days=age) for age in range(70)]
    given = [
        Charge(day, service, "europe-west1", Decimal(cost) * (day.day + 1), category)
        for day in days
        for service, cost, category in [
            ("Compute Engine", "1234567.100000000000000001", "Usage"),
            ("BigQuery", "-0.000000000000000003", "Credit"),
            ("Invoice", "0.19", "Tax"),
            ("Cloud Storage", "-7.3", "Adjustment"),
        ]
    ]
    bigquery.give(given)
    source = Gcp.model_validate(bigquery.settings())
    spans = source.spans(Window(Period.last(70, until=TODAY + timedelta(days=1))))
    rows = [row for span in spans for row in read(source, span.months)]
    sums: dict[tuple[date, str], Decimal] = {}
    for row in rows:
        key = row["charge_date"], row["charge_category"]
        sums[key] = sums.get(key, Decimal(0)) + row["billed_cost"]
    assert sums == {(each.day, each.category): each.amount for each in given}


def test_hours_of_a_day_are_one_row(bigquery: Emulator) -> None:
    (row,) = of(bigquery, [detailed(DAY, cost, hour=hour) for hour, cost in enumerate((0.1, 0.2, 0.1 + 0.2, 5e-06))])
    assert row["billed_cost"] == Decimal("0.60000500000000004")
    assert (row["consumed_quantity"], row["consumed_unit"]) == (Decimal(14400), "seconds")
    assert (row["pricing_quantity"], row["pricing_unit"]) == (Decimal(4), "hour")
    assert row["charge_period_start"] == datetime(2026, 10, 3, tzinfo=UTC)
    assert row["charge_period_end"] == datetime(2026, 10, 4, tzinfo=UTC)
    assert row["billing_period_start"] == datetime(2026, 10, 1, tzinfo=UTC)


def test_a_line_names_its_account_project_service_and_resource(bigquery: Emulator) -> None:
    (row,) = of(bigquery, [detailed(DAY, 1.5)])
    said = {name: value for name, value in row.items() if value is not None}
    assert (
        said
        | {
            "billing_account_id": "012345-6789AB-CDEF01",
            "sub_account_id": "shop-prod",
            "sub_account_name": "Shop",
            "provider_name": "Google Cloud",
            "provider": "gcp",
            "service_name": "Compute Engine",
            "service_category": "Compute",
            "region_id": "europe-west1",
            "availability_zone": "europe-west1-b",
            "resource_id": "//compute.googleapis.com/projects/42/zones/europe-west1-b/instance/7",
            "resource_name": "web-1",
            "resource_type": "instance",
            "sku_id": "2E27-4F75-95CD",
            "charge_description": "N1 Predefined Instance Core running in EMEA",
            "pricing_category": "Standard",
        }
        == said
    )


def test_credits_are_rows_of_their_own_and_the_sum_is_the_invoice(bigquery: Emulator) -> None:
    credits = [
        credit("COMMITTED_USAGE_DISCOUNT", -60.0, "CUD"),
        credit("SUSTAINED_USAGE_DISCOUNT", -10.0, "SUD"),
        credit("PROMOTION", -5.25, "Welcome"),
    ]
    lines = [detailed(DAY, 100.0, cost_at_list=110.0, credits=credits), detailed(DAY, 7.0, credits=credits[:1])]
    rows = of(bigquery, lines)
    found = {row["charge_description"]: row for row in rows}
    assert total(rows) == Decimal("-28.25")
    assert {name: row["billed_cost"] for name, row in found.items() if row["charge_category"] == "Credit"} == {
        "COMMITTED_USAGE_DISCOUNT: CUD": Decimal(-120),
        "SUSTAINED_USAGE_DISCOUNT: SUD": Decimal(-10),
        "PROMOTION: Welcome": Decimal("-5.25"),
    }
    committed = found["COMMITTED_USAGE_DISCOUNT: CUD"]
    assert (committed["effective_cost"], committed["list_cost"], committed["contracted_cost"]) == (-120, 0, 0)
    assert committed["commitment_discount_category"] == "Usage"
    assert {row["service_name"] for row in rows} == {"Compute Engine"}
    assert sum(row["list_cost"] for row in rows) == Decimal("111.75")


def test_a_commitments_fee_is_a_purchase(bigquery: Emulator) -> None:
    fee = {"id": "9", "description": "Commitment v1: Cpu in EMEA for 1 Year"}
    (row,) = of(bigquery, [detailed(DAY, 12.0, sku=fee)])
    assert (row["charge_category"], row["charge_frequency"]) == ("Purchase", "Recurring")
    assert (row["effective_cost"], row["pricing_category"]) == (Decimal(12), "Committed")


def test_taxes_adjustments_and_roundings_keep_their_category(bigquery: Emulator) -> None:
    negation = {"id": "a", "description": "Billing correction", "mode": "COMPLETE_NEGATION", "type": "x"}
    rows = of(
        bigquery,
        [
            detailed(DAY, 19.0, cost_type="tax", sku={"id": None, "description": "VAT"}),
            detailed(DAY, -3.0, cost_type="adjustment", adjustment_info=negation),
            detailed(DAY, 0.004, cost_type="rounding_error", sku={"id": None, "description": None}),
        ],
    )
    assert [(row["charge_category"], row["charge_class"], row["charge_description"]) for row in rows] == [
        ("Adjustment", "Correction", "Billing correction"),
        ("Adjustment", None, "Rounding error"),
        ("Tax", None, "VAT"),
    ]
    assert total(rows) == Decimal("16.004")


def test_a_line_is_in_the_month_of_its_invoice_on_the_day_of_its_use(bigquery: Emulator) -> None:
    late, early = date(2026, 9, 30), date(2026, 11, 1)
    bill = {"invoice": {"month": "202610"}}
    lines = [
        detailed(late, 1.0, exported=date(2026, 10, 2), **bill),
        detailed(early, 2.0, hour=3, **bill),
        detailed(DAY, 4.0),
        detailed(DAY, 8.0, exported=date(2026, 11, 20)),
        detailed(early, 16.0),
    ]
    rows = of(bigquery, lines)
    assert [(row["charge_date"], row["billed_cost"]) for row in rows] == [(late, 1), (DAY, 12), (early, 2)]
    assert {row["billing_period_start"].date() for row in rows} == {OCTOBER.start}


def test_lines_outside_the_slack_are_not_read(bigquery: Emulator) -> None:
    lines = [detailed(DAY, 1.0), detailed(DAY, 2.0, exported=date(2026, 11, 8))]
    assert [row["billed_cost"] for row in of(bigquery, lines, slack_days=7)] == [Decimal(1)]
    assert [row["billed_cost"] for row in of(bigquery, lines, slack_days=8)] == [Decimal(3)]


def test_labels_of_all_levels_are_tags_the_nearest_first(bigquery: Emulator) -> None:
    project = {
        "id": "p",
        "number": "1",
        "name": "P",
        "labels": [{"key": "team", "value": "all"}, {"key": "env", "value": "x"}],
    }
    labels = [{"key": "team", "value": 'co\'re "1"'}, {"key": "empty", "value": None}]
    system = [{"key": "compute.googleapis.com/cores", "value": "4"}]
    tags = [{"key": "env", "value": "prod", "inherited": True, "namespace": "organizations/1"}]
    (row,) = of(bigquery, [detailed(DAY, 1.0, project=project, labels=labels, system_labels=system, tags=tags)])
    assert dict(row["tags"]) == {
        "team": 'co\'re "1"',
        "empty": "",
        "env": "prod",
        "project/team": "all",
        "project/env": "x",
        "compute.googleapis.com/cores": "4",
    }


def test_other_currencies_keep_their_rate(bigquery: Emulator) -> None:
    (row,) = of(bigquery, [detailed(DAY, 45.0, currency="EUR", currency_conversion_rate=0.9)])
    assert (row["billed_cost"], row["billing_currency"]) == (Decimal(45), "EUR")
    assert (row["pricing_currency"], row["pricing_currency_effective_cost"]) == ("USD", Decimal(50))
    assert dict(row["tags"]) == {"x_currency_conversion_rate": "0.9"}


def test_lines_that_are_free_at_any_price_are_left_out(bigquery: Emulator) -> None:
    lines = [detailed(DAY, 0.0), detailed(DAY, 0.0, cost_at_list=2.0, service="BigQuery")]
    (row,) = of(bigquery, lines)
    assert (row["billed_cost"], row["list_cost"], row["service_name"]) == (0, 2, "BigQuery")


def test_a_standard_export_has_no_resources_and_an_old_one_no_list_prices(bigquery: Emulator) -> None:
    late = {"cost_at_list", "tags", "adjustment_info", "currency_conversion_rate"}
    line = {name: value for name, value in standard(DAY, 3.0).items() if name not in late - {"adjustment_info"}}
    line.pop("adjustment_info")
    bigquery.load(PLAIN, [each for each in STANDARD if each["name"] not in late], [line], partition=None)
    (row,) = read(Gcp.model_validate(bigquery.settings()))
    assert (row["billed_cost"], row["list_cost"], row["resource_id"]) == (3, 3, None)


def test_googles_own_tables_are_partitioned_by_the_time_they_were_loaded(bigquery: Emulator) -> None:
    bigquery.load(RESOURCE, DETAILED, [detailed(TODAY, 5.0)], partition="")
    source = Gcp.model_validate(bigquery.settings())
    (row,) = read(source, Period(TODAY, TODAY + timedelta(days=1)).months())
    assert row["billed_cost"] == 5


def test_pages_are_read_one_by_one(bigquery: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking_rows, "ROWS_PER_PAGE", 10)
    bigquery.load(RESOURCE, DETAILED, (detailed(DAY, 1.0, service=f"Service {i}") for i in range(95)))
    batches = list(Gcp.model_validate(bigquery.settings()).fetch(Span("gcp", OCTOBER)))
    assert [batch.num_rows for batch in batches] == [10] * 9 + [5]


def test_a_month_without_lines_is_empty(bigquery: Emulator) -> None:
    assert of(bigquery, [detailed(date(2026, 9, 1), 1.0)]) == []
    assert of(bigquery, []) == []


def test_columns_that_are_missing_or_of_another_kind_are_named(bigquery: Emulator) -> None:
    source = Gcp.model_validate(bigquery.settings())
    bigquery.load(
        RESOURCE, [field if field["name"] != "cost" else {**field, "name": "costs"} for field in DETAILED], []
    )
    with pytest.raises(BillError, match=rf"billing\.{RESOURCE} is no billing export as we know it: it lacks cost"):
        read(source)
    bigquery.load(
        RESOURCE, [field if field["name"] != "cost" else {**field, "type": "STRING"} for field in DETAILED], []
    )
    with pytest.raises(BillError, match=r"no billing export as we know it: cost is STRING"):
        read(source)
