"""Azure's own cost files, of every kind of agreement, generation and language, as FOCUS."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from outlay.core.errors import BillError
from outlay.core.span import Period
from outlay.sources._bills import azure
from outlay.sources._bills.azure_columns import Order, english
from outlay.sources._bills.bills import Bill, understood
from outlay.sources._bills.deliveries import Terms
from outlay.sources._bills.reading import Reading

Row = dict[str, Any]
Line = Mapping[str, str]

VM = "/subscriptions/s1/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/web-1"

# The columns of each generation and agreement, and what a line of it may say.
EA: Line = {
    "BillingAccountId": "8611537",
    "BillingAccountName": "Contoso",
    "BillingPeriodStartDate": "10/01/2026",
    "BillingPeriodEndDate": "10/31/2026",
    "SubscriptionId": "s1",
    "SubscriptionName": "Production",
    "Date": "10/05/2026",
    "Product": "Virtual Machines BS Series - B2s - US East",
    "PartNumber": "AAA-68652",
    "MeterId": "2c57ed84",
    "MeterCategory": "Virtual Machines",
    "MeterSubCategory": "BS Series",
    "MeterName": "B2s",
    "Quantity": "0.32085564",
    "Cost": "0.006000000468",
    "UnitPrice": "0.0416",
    "PayGPrice": "0.05",
    "BillingCurrency": "USD",
    "ResourceLocation": "EastUS",
    "ConsumedService": "Microsoft.Compute",
    "ResourceId": VM,
    "AdditionalInfo": '{"ServiceType":"Standard_B2s"}',
    "Tags": '"env": "prod","empty": ""',
    "CostCenter": "acm9000",
    "UnitOfMeasure": "1 Hour",
    "ResourceGroup": "shop",
    "PublisherName": "",
    "ChargeType": "Usage",
    "Frequency": "UsageBased",
    "PublisherType": "Azure",
    "PricingModel": "OnDemand",
    "benefitId": "",
    "benefitName": "",
}
MCA: Line = {
    "invoiceId": "",
    "billingAccountId": "3c100a8a",
    "billingPeriodEndDate": "10/31/2026",
    "billingPeriodStartDate": "10/01/2026",
    "date": "10/05/2026",
    "meterId": "469a7d8f",
    "meterName": "Hot RA-GRS Data Stored",
    "meterCategory": "Storage",
    "ProductId": "DZH318Z0BNZJ005D",
    "ProductName": "Blob Storage - Hot RA-GRS - US East",
    "SubscriptionId": "s1",
    "publisherType": "Azure",
    "publisherName": "Microsoft",
    "resourceGroupName": "shop",
    "ResourceId": "/subscriptions/s1/resourceGroups/shop/providers/Microsoft.Storage/storageAccounts/logs",
    "resourceLocation": "eastus",
    "quantity": "0.000348",
    "unitOfMeasure": "1 GB/Month",
    "chargeType": "Usage",
    "billingCurrency": "EUR",
    "pricingCurrency": "USD",
    "costInBillingCurrency": "0.0000189",
    "costInPricingCurrency": "0.0000204972",
    "costInUsd": "0.0000204972",
    "paygCostInBillingCurrency": "0.00002",
    "payGPrice": "0.0589",
    "unitPrice": "0.05",
    "frequency": "UsageBased",
    "pricingModel": "OnDemand",
}
CSP: Line = {**{key: value for key, value in MCA.items() if key != "invoiceId"}, "partnerName": "Reseller Ltd"}
PAYG: Line = {
    "SubscriptionGuid": "s1",
    "ResourceGroup": "shop",
    "ResourceLocation": "US East",
    "UsageDateTime": "2026-10-05",
    "MeterCategory": "Load Balancer",
    "MeterId": "27827eb0",
    "MeterName": "Included LB Rules",
    "UsageQuantity": "3",
    "ResourceRate": "0.025",
    "PreTaxCost": "0.075",
    "ConsumedService": "Microsoft.Network",
    "ResourceType": "Microsoft.Network/loadBalancers",
    "InstanceId": "/subscriptions/s1/resourceGroups/shop/providers/Microsoft.Network/loadBalancers/front",
    "Tags": "",
    "Currency": "USD",
    "UnitOfMeasure": "100 Hours",
}
LOCAL = {
    "SubscriptionGuid": "Abonnement-GUID",
    "UsageDateTime": "Verbrauchsdatum",
    "MeterCategory": "Kategorie der Verbrauchseinheit",
    "MeterId": "ID der Verbrauchseinheit",
    "PreTaxCost": "Kosten vor Steuern",
    "Currency": "Währung",
}
GERMAN: Line = {f"{LOCAL[key]} ({key})" if key in LOCAL else key: value for key, value in PAYG.items()}
UNCLOSED: Line = {name.removesuffix(")"): value for name, value in GERMAN.items()}
GENERATIONS = {"EA": EA, "MCA": MCA, "CSP": CSP, "PAYG": PAYG, "German": GERMAN, "unclosed brackets": UNCLOSED}


def text(*lines: Line, delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, [*lines[0]], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def read(path: Path, order: Order = "auto", currency: str | None = None, month: Period | None = None) -> list[Row]:
    bill = Bill(str(path), path.stat().st_size, "1")
    layout = understood(bill)
    assert layout.name == "Azure"
    told = replace(layout, expressions=azure.expressions(layout.columns, order, currency))
    batches = Reading(bill, told, Terms("azure").columns(told), month).charges(None)
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.fixture
def bill(tmp_path: Path) -> Path:
    return tmp_path / "costs.csv"


def one(bill: Path, line: Line, **how: Any) -> Row:
    bill.write_text(text(line), encoding="utf-8")
    (row,) = read(bill, **how)
    return row


@pytest.mark.parametrize("name", GENERATIONS)
@pytest.mark.parametrize("casing", [str, str.lower, str.upper])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_every_generation_is_told_by_its_columns(bill: Path, name: str, casing: Any, *, encoding: str) -> None:
    line = GENERATIONS[name]
    bill.write_text(text({casing(key): value for key, value in line.items()}), encoding=encoding)
    (row,) = read(bill)
    cost = next(line[key] for key in line if english(key) in azure.COSTS)
    assert (row["billed_cost"], row["effective_cost"]) == (Decimal(cost), Decimal(cost))
    assert (row["charge_date"], row["sub_account_id"], row["provider"]) == (date(2026, 10, 5), "s1", "azure")
    assert row["billing_currency"] == ("EUR" if name in {"MCA", "CSP"} else "USD")
    assert row["billing_period_start"] == datetime(2026, 10, 1, tzinfo=UTC)
    assert row["billing_period_end"] == datetime(2026, 11, 1, tzinfo=UTC)
    assert row["charge_period_end"] == datetime(2026, 10, 6, tzinfo=UTC)


def test_what_a_line_says_stands_in_the_columns_of_focus(bill: Path) -> None:
    row = one(bill, EA)
    expected = {
        "billing_account_id": "8611537",
        "billing_account_name": "Contoso",
        "billing_account_type": "Billing account",
        "charge_category": "Usage",
        "charge_description": "Virtual Machines BS Series - B2s - US East",
        "charge_frequency": "Usage-Based",
        "consumed_quantity": Decimal("0.32085564"),
        "consumed_unit": "1 Hour",
        "contracted_unit_price": Decimal("0.0416"),
        "invoice_issuer_name": "Microsoft",
        "list_unit_price": Decimal("0.05"),
        "pricing_category": "Standard",
        "provider_name": "Microsoft",
        "provisional": False,
        "publisher_name": "Microsoft",
        "region_id": "eastus",
        "region_name": "EastUS",
        "resource_id": VM,
        "resource_name": "web-1",
        "resource_type": "Microsoft.Compute/virtualMachines",
        "service_category": "Compute",
        "service_name": "Virtual Machines",
        "service_subcategory": "Virtual Machines",
        "sku_id": "AAA-68652",
        "sku_meter": "B2s",
        "sku_price_details": '{"ServiceType":"Standard_B2s"}',
        "sku_price_id": "2c57ed84",
        "sub_account_name": "Production",
        "sub_account_type": "Subscription",
        "tags": [("env", "prod"), ("x_resource_group", "shop")],
    }
    assert {name: row[name] for name in expected} == expected


def test_a_bill_of_another_currency_than_its_prices_keeps_both(bill: Path) -> None:
    row = one(bill, MCA)
    assert (row["pricing_currency"], row["pricing_currency_effective_cost"]) == ("USD", Decimal("0.0000204972"))
    assert row["pricing_currency_list_unit_price"] == Decimal("0.0589")
    assert (row["list_unit_price"], row["contracted_unit_price"]) == (None, None)
    assert row["list_cost"] == Decimal("0.00002")


@pytest.mark.parametrize(("invoice", "open_yet"), [("", True), ("G012345678", False)])
def test_what_is_on_no_invoice_yet_is_provisional(bill: Path, invoice: str, open_yet: bool) -> None:
    row = one(bill, {**MCA, "invoiceId": invoice})
    assert (row["provisional"], row["invoice_id"]) == (open_yet, invoice or None)


def test_a_partner_issues_the_invoice(bill: Path) -> None:
    assert one(bill, CSP)["invoice_issuer_name"] == "Reseller Ltd"


CHARGES = [
    ("Usage", "OnDemand", "Usage", None, None),
    ("Usage", "Spot", "Usage", None, None),
    ("Usage", "Reservation", "Usage", "Used", "Reservation"),
    ("Usage", "SavingsPlan", "Usage", "Used", "Savings Plan"),
    ("UnusedReservation", "Reservation", "Usage", "Unused", "Reservation"),
    ("UnusedReservation", "", "Usage", "Unused", "Reservation"),
    ("UnusedSavingsPlan", "SavingsPlan", "Usage", "Unused", "Savings Plan"),
    ("Purchase", "Reservation", "Purchase", None, "Reservation"),
    ("Purchase", "", "Purchase", None, None),
    ("Refund", "", "Adjustment", None, None),
    ("RoundingAdjustment", "", "Adjustment", None, None),
    ("Tax", "", "Tax", None, None),
    ("Credit", "", "Credit", None, None),
    ("Anything new", "", "Adjustment", None, None),
    ("", "", "Usage", None, None),
]


@pytest.mark.parametrize(("kind", "model", "category", "status", "commitment"), CHARGES)
def test_every_charge_type_has_its_category(
    bill: Path, kind: str, model: str, category: str, *, status: str | None, commitment: str | None
) -> None:
    row = one(bill, {**EA, "ChargeType": kind, "PricingModel": model, "benefitId": "b1", "benefitName": "Three years"})
    assert (row["charge_category"], row["commitment_discount_status"]) == (category, status)
    assert row["commitment_discount_type"] == commitment
    assert row["commitment_discount_id"] == (commitment and "b1")
    assert row["commitment_discount_name"] == (commitment and "Three years")
    assert (row["charge_class"] == "Correction") == (kind == "Refund")
    assert (row["consumed_quantity"] is None) == (kind not in {"Usage", ""})


SERVICES = [
    ("Azure OpenAI", "Azure OpenAI", "gpt-4o input", "Azure OpenAI", "AI and Machine Learning"),
    ("Cognitive Services", "Azure OpenAI", "Ada tokens", "Azure OpenAI", "AI and Machine Learning"),
    ("Cognitive Services", "Speech", "Neural Voice", "Azure Text-to-Speech", "AI and Machine Learning"),
    ("Azure Grafana Service", "", "", "Azure Grafana Service", "Management and Governance"),
    ("Unassigned", "", "", "Microsoft.Compute", "Compute"),
    ("Something of tomorrow", "", "", "Something of tomorrow", "Compute"),
]


@pytest.mark.parametrize(("category", "sub", "meter", "name", "kind"), SERVICES)
def test_services_are_grouped_and_their_own_names_kept(
    bill: Path, category: str, sub: str, meter: str, *, name: str, kind: str
) -> None:
    row = one(bill, {**EA, "MeterCategory": category, "MeterSubCategory": sub, "MeterName": meter})
    assert (row["service_name"], row["service_category"]) == (name, kind)
    own = dict(row["tags"]).get("x_service_name")
    assert own == (category if name not in {category, "Microsoft.Compute"} else None)


DAYS = [
    ("2026-10-05", "auto"),
    ("2026-10-05T00:00:00Z", "auto"),
    ("2026-10-05 00:00:00", "auto"),
    ("10/05/2026", "auto"),
    ("10/5/2026", "auto"),
    ("10/05/2026 00:00:00", "auto"),
    ("05.10.2026", "auto"),
    ("20261005", "auto"),
    ("10/05/2026", "mdy"),
    ("05/10/2026", "dmy"),
]


@pytest.mark.parametrize(("written", "order"), DAYS)
def test_days_are_read_however_they_are_written(bill: Path, written: str, order: str) -> None:
    assert one(bill, {**PAYG, "UsageDateTime": written}, order=order)["charge_date"] == date(2026, 10, 5)


def test_the_end_of_the_billing_period_tells_the_order_of_days(bill: Path) -> None:
    row = one(
        bill,
        {**EA, "Date": "05/10/2026", "BillingPeriodStartDate": "01/10/2026", "BillingPeriodEndDate": "31/10/2026"},
    )
    assert (row["charge_date"], row["billing_period_start"].date()) == (date(2026, 10, 5), date(2026, 10, 1))


def test_late_usage_stays_on_the_month_that_bills_it(bill: Path) -> None:
    row = one(bill, {**EA, "Date": "09/30/2026"})
    assert (row["charge_date"], row["billing_period_start"].date()) == (date(2026, 9, 30), date(2026, 10, 1))


def test_periods_from_the_middle_of_a_month_are_put_to_calendar_months(bill: Path) -> None:
    line = {**EA, "BillingPeriodStartDate": "09/15/2026", "BillingPeriodEndDate": "10/14/2026"}
    row = one(bill, line, month=Period(date(2026, 10, 1), date(2026, 11, 1)))
    assert row["billing_period_start"].date() == date(2026, 10, 1)


AMOUNTS = [
    ("0,075", "0.075"),
    ("-1.234,56", "-1234.56"),
    ("1,234.56", "1234.56"),
    ("1E-05", "0.00001"),
    ("-0.000000144000000000000000", "-0.000000144"),
    ("0.0000000000000000015", "0.000000000000000002"),
    ("99999999999999999999.999999999999999999", "99999999999999999999.999999999999999999"),
]


@pytest.mark.parametrize(("written", "amount"), AMOUNTS)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_amounts_are_exact_with_a_comma_or_a_point(bill: Path, written: str, amount: str, delimiter: str) -> None:
    bill.write_text(text({**EA, "Cost": written}, delimiter=delimiter))
    (row,) = read(bill)
    assert row["billed_cost"] == Decimal(amount)


TAGS = [
    ('"a": "1","b": "2"', [("a", "1"), ("b", "2")]),
    ('{"a":"1","b":""}', [("a", "1")]),
    ('{"a":"x, \\"y\\" {z}"}', [("a", 'x, "y" {z}')]),
    ("no json", [("x_tags", "no json")]),
    ("", []),
]


@pytest.mark.parametrize(("written", "tags"), TAGS)
def test_tags_are_a_map_with_or_without_braces(bill: Path, written: str, tags: list[tuple[str, str]]) -> None:
    assert one(bill, {**EA, "Tags": written, "ResourceGroup": ""})["tags"] == tags


@pytest.mark.parametrize("written", ['"ServiceType": "B2s"', '{"ServiceType": "B2s"}'])
def test_additional_info_gets_its_braces(bill: Path, written: str) -> None:
    assert one(bill, {**EA, "AdditionalInfo": written})["sku_price_details"] == '{"ServiceType": "B2s"}'


@pytest.mark.parametrize("said", ["", "Unassigned", "N/A"])
def test_no_region_is_none(bill: Path, said: str) -> None:
    row = one(bill, {**EA, "ResourceLocation": said})
    assert (row["region_id"], row["region_name"]) == (None, None)


def test_a_line_of_nothing_costs_nothing(bill: Path) -> None:
    row = one(bill, {key: "2026-10-05" if key == "UsageDateTime" else "" for key in PAYG})
    assert (row["billed_cost"], row["billing_currency"]) == (0, "XXX")


WRONG = [
    ({"Cost": "many"}, "BilledCost"),
    ({"Cost": "1,234,567"}, "BilledCost"),
    ({"Cost": ""}, "BilledCost"),
    ({"BillingCurrency": ""}, "BillingCurrency"),
    ({"Date": "yesterday"}, "ChargePeriodStart|charge_date"),
    ({"Date": "31/10/2026"}, "ChargePeriodStart|charge_date"),
    ({"Date": ""}, "ChargePeriodStart|charge_date"),
]


@pytest.mark.parametrize(("change", "column"), WRONG)
def test_a_line_that_cannot_be_is_named(bill: Path, change: Line, column: str) -> None:
    bill.write_text(text(EA, {**EA, **change}))
    with pytest.raises(BillError, match=rf"costs\.csv:3: a charge has no ({column})"):
        read(bill)


@pytest.mark.parametrize("missing", ["Cost", "Date"])
def test_a_file_without_a_column_it_takes_is_no_cost_file(bill: Path, missing: str) -> None:
    bill.write_text(text({key: value for key, value in EA.items() if key != missing}))
    with pytest.raises(BillError, match=r"no known billing layout"):
        read(bill)


def test_a_renamed_currency_is_no_charge_without_one(bill: Path) -> None:
    bill.write_text(text({"Money" if key == "BillingCurrency" else key: value for key, value in EA.items()}))
    with pytest.raises(BillError, match="a charge has no BillingCurrency"):
        read(bill)
    assert read(bill, currency="CHF")[0]["billing_currency"] == "CHF"


def test_gzip_and_parquet_read_the_same(bill: Path, tmp_path: Path) -> None:
    expected = one(bill, EA)
    packed, parquet = tmp_path / "costs.csv.gz", tmp_path / "costs.parquet"
    packed.write_bytes(gzip.compress(bill.read_bytes()))
    days = ", ".join(f"strptime({day}, '%m/%d/%Y') AS {day}" for day in EA if "Date" in day)
    numbers = ", ".join(f"{name}::DECIMAL(38,18) AS {name}" for name in ("Cost", "Quantity", "UnitPrice", "PayGPrice"))
    table = f"read_csv('{bill}', all_varchar = true)"
    duckdb.execute(f"COPY (SELECT * REPLACE ({days}, {numbers}) FROM {table}) TO '{parquet}' (COMPRESSION snappy)")
    assert [read(packed), read(parquet)] == [[expected], [expected]]


def test_amounts_in_a_parquet_of_doubles_are_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "costs.parquet"
    duckdb.execute(
        "COPY (SELECT DATE '2026-10-05' AS date, 'Storage' AS meterCategory, 0.1::DOUBLE AS costInBillingCurrency,"
        f" 'EUR' AS billingCurrency) TO '{path}'"
    )
    (row,) = read(path)
    assert (row["billed_cost"], row["charge_date"]) == (Decimal("0.1"), date(2026, 10, 5))


def test_a_file_without_lines_has_no_charges(bill: Path) -> None:
    bill.write_text(text(EA).splitlines()[0])
    assert read(bill) == []
