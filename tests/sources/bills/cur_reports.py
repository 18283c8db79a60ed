"""Small Cost and Usage Reports with one line of every type, in every spelling, and how they read."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from outlay.core.focus import CHARGES
from outlay.objects import connect, identifier, literal
from outlay.sources._bills import cur
from outlay.sources._bills.cur_columns import TYPES

Row = Mapping[str, str]

LEGACY = {
    "identity_time_interval": "identity/TimeInterval",
    "bill_invoice_id": "bill/InvoiceId",
    "bill_billing_entity": "bill/BillingEntity",
    "bill_payer_account_id": "bill/PayerAccountId",
    "bill_billing_period_start_date": "bill/BillingPeriodStartDate",
    "bill_billing_period_end_date": "bill/BillingPeriodEndDate",
    "line_item_usage_account_id": "lineItem/UsageAccountId",
    "line_item_line_item_type": "lineItem/LineItemType",
    "line_item_usage_start_date": "lineItem/UsageStartDate",
    "line_item_usage_end_date": "lineItem/UsageEndDate",
    "line_item_product_code": "lineItem/ProductCode",
    "line_item_usage_type": "lineItem/UsageType",
    "line_item_availability_zone": "lineItem/AvailabilityZone",
    "line_item_resource_id": "lineItem/ResourceId",
    "line_item_usage_amount": "lineItem/UsageAmount",
    "line_item_normalized_usage_amount": "lineItem/NormalizedUsageAmount",
    "line_item_currency_code": "lineItem/CurrencyCode",
    "line_item_unblended_rate": "lineItem/UnblendedRate",
    "line_item_unblended_cost": "lineItem/UnblendedCost",
    "line_item_net_unblended_cost": "lineItem/NetUnblendedCost",
    "line_item_legal_entity": "lineItem/LegalEntity",
    "line_item_line_item_description": "lineItem/LineItemDescription",
    "product_product_name": "product/ProductName",
    "product_region": "product/region",
    "product_sku": "product/sku",
    "pricing_offering_class": "pricing/OfferingClasspricing/PurchaseOption",
    "pricing_currency": "pricing/currency",
    "pricing_unit": "pricing/unit",
    "pricing_rate_code": "pricing/RateCode",
    "pricing_public_on_demand_cost": "pricing/publicOnDemandCost",
    "pricing_public_on_demand_rate": "pricing/publicOnDemandRate",
    "reservation_effective_cost": "reservation/EffectiveCost",
    "reservation_reservation_a_r_n": "reservation/ReservationARN",
    "reservation_total_reserved_units": "reservation/TotalReservedUnits",
    "reservation_unused_amortized_upfront_fee_for_billing_period": (
        "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod"
    ),
    "reservation_unused_recurring_fee": "reservation/UnusedRecurringFee",
    "savings_plan_savings_plan_a_r_n": "savingsPlan/SavingsPlanARN",
    "savings_plan_savings_plan_effective_cost": "savingsPlan/SavingsPlanEffectiveCost",
    "savings_plan_total_commitment_to_date": "savingsPlan/TotalCommitmentToDate",
    "savings_plan_used_commitment": "savingsPlan/UsedCommitment",
    "resource_tags_user_app": "noTags/user:app",
    "resource_tags_aws_created_by": "resourceTags/aws:createdBy",
    "cost_category_team": "costCategory/team",
}
SPELLINGS = {  # how the three generations spell one column
    "reservation_reservation_a_r_n": "reservation_reservation_arn",
    "savings_plan_savings_plan_a_r_n": "savings_plan_savings_plan_arn",
}
GROUPS = ("resource_tags", "cost_category", "product")
DOUBLES = {
    "line_item_unblended_cost",
    "line_item_usage_amount",
    "pricing_public_on_demand_cost",
    "reservation_effective_cost",
    "reservation_unused_amortized_upfront_fee_for_billing_period",
    "reservation_unused_recurring_fee",
    "savings_plan_savings_plan_effective_cost",
}
RESERVATION, PLAN = "arn:aws:ec2:us-east-1:1:reserved-instances/r", "arn:aws:savingsplans::1:savingsplan/s"
COMMON = {
    "bill_invoice_id": "777",
    "bill_billing_entity": "AWS",
    "bill_payer_account_id": "001234567890",
    "bill_billing_period_start_date": "2026-10-01T00:00:00Z",
    "bill_billing_period_end_date": "2026-11-01T00:00:00Z",
    "line_item_usage_account_id": "009876543210",
    "line_item_usage_start_date": "2026-10-05T03:00:00Z",
    "line_item_usage_end_date": "2026-10-05T04:00:00Z",
    "line_item_product_code": "AmazonEC2",
    "line_item_usage_type": "BoxUsage:m5.large",
    "line_item_usage_amount": "2",
    "line_item_currency_code": "USD",
    "line_item_legal_entity": "Amazon Web Services, Inc.",
    "line_item_net_unblended_cost": "99",
    "product_region": "eu-west-1",
    "product_sku": "SKU1",
    "pricing_unit": "Hrs",
}


def line(kind: str, cost: str, **more: str) -> Row:
    return {**COMMON, "line_item_line_item_type": kind, "line_item_unblended_cost": cost, **more}


LINES: Sequence[Row] = (
    line(
        "Usage",
        "0.1",
        line_item_unblended_rate="0.05",
        pricing_public_on_demand_cost="0.12",
        pricing_public_on_demand_rate="0.06",
        product_product_name="Amazon Elastic Compute Cloud",
        resource_tags_user_app="shop",
        resource_tags_aws_created_by="Root:1",
        cost_category_team="core",
    ),
    line(
        "DiscountedUsage",
        "0",
        line_item_normalized_usage_amount="8",
        line_item_unblended_rate="0",
        pricing_public_on_demand_cost="0.2",
        pricing_public_on_demand_rate="0.1",
        reservation_reservation_a_r_n=RESERVATION,
        reservation_effective_cost="0.07",
    ),
    line(
        "SavingsPlanCoveredUsage",
        "0.3",
        pricing_public_on_demand_cost="0.33",
        savings_plan_savings_plan_a_r_n=PLAN,
        savings_plan_savings_plan_effective_cost="0.21",
    ),
    line(
        "SavingsPlanNegation",
        "-0.3",
        line_item_unblended_rate="-0.15",
        pricing_public_on_demand_cost="0.33",
        savings_plan_savings_plan_a_r_n=PLAN,
    ),
    line(
        "RIFee",
        "50.4",
        reservation_reservation_a_r_n=RESERVATION,
        reservation_total_reserved_units="744",
        reservation_unused_amortized_upfront_fee_for_billing_period="1.5",
        reservation_unused_recurring_fee="2.25",
    ),
    line(
        "SavingsPlanRecurringFee",
        "1",
        savings_plan_savings_plan_a_r_n=PLAN,
        savings_plan_total_commitment_to_date="1.4",
        savings_plan_used_commitment="1.1",
    ),
    line("SavingsPlanUpfrontFee", "876", savings_plan_savings_plan_a_r_n=PLAN),
    line("Fee", "500", reservation_reservation_a_r_n=RESERVATION),
    line("Fee", "12"),
    line("FlatRateSubscription", "15"),
    line("Tax", "9.87"),
    line("Credit", "-0.000000000000000001"),
    line("Refund", "-4"),
    line("EdpDiscount", "-0.5"),
    line("PrivateRateDiscount", "-0.25"),
    line("BundledDiscount", "-0.125"),
    line("RiVolumeDiscount", "-0.0625"),
    line("SppDiscount", "-1e-7"),
    line("SomethingNew", "123456789012.345"),
)


def names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def write_csv(path: Path, rows: Sequence[Row], spelling: Mapping[str, str]) -> None:
    columns = names(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([spelling.get(name, name) for name in columns])
        writer.writerows([row.get(name, "") for name in columns] for row in rows)


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    """As Athena and Data Exports have them: costs as doubles, times as timestamps, groups as maps."""
    arrays: dict[str, Any] = {}
    for name in names(rows):
        values = [row.get(name) for row in rows]
        if name in GROUPS:
            pairs = [list(json.loads(value).items()) if value else None for value in values]
            arrays[name] = pa.array(pairs, pa.map_(pa.string(), pa.string()))
        elif name in DOUBLES:
            arrays[name] = pa.array([float(value) if value else None for value in values])
        elif name.endswith(("_start_date", "_end_date")):
            text = pa.array([value.removesuffix("Z") if value else None for value in values])
            arrays[name] = text.cast(pa.timestamp("ms"))
        else:
            arrays[name] = pa.array(values, pa.string())
    pq.write_table(pa.table(arrays), path)


def nested(row: Row) -> Row:
    """The same line in CUR 2.0: groups of columns in one."""
    own: dict[str, dict[str, str]] = {group: {} for group in GROUPS}
    flat: dict[str, str] = {}
    for name, value in row.items():
        group = next((each for each in own if name.startswith(each) and name != "product_sku"), None)
        if group:
            own[group][name.removeprefix(f"{group}_")] = value
        else:
            flat[SPELLINGS.get(name, name)] = value
    return flat | {group: json.dumps(values) for group, values in own.items() if values}


def read(path: Path) -> list[dict[str, Any]]:
    """The file in FOCUS, row by row; times as text."""
    with closing(connect()) as con:
        table = _table(path)
        columns = con.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM {table})").fetchall()
        assert cur.matches([name for name, _ in columns])
        sql = cur.expressions(dict(columns))
        selected = ", ".join(f"{each} AS {identifier(name)}" for name, each in sql.items())
        con.execute(f"CREATE VIEW made AS SELECT {selected} FROM {table}")
        made = dict(con.execute("SELECT column_name, column_type FROM (DESCRIBE made)").fetchall())
        wanted = {c.name: TYPES[c.kind] for c in CHARGES if c.name not in {"source", "cut"}}
        assert made == {name: kind.replace("TZ", " WITH TIME ZONE") for name, kind in wanted.items()}
        shown = [f"{name}::VARCHAR" if kind == "TIMESTAMPTZ" else name for name, kind in wanted.items()]
        rows = con.execute(f"SELECT {', '.join(shown)} FROM made").fetchall()
    return [dict(zip(wanted, row, strict=True)) for row in rows]


def read_one(folder: Path, **columns: str) -> dict[str, Any]:
    """A legacy CSV of one usage line that costs 1, with these columns set or ('') emptied, in FOCUS."""
    path = folder / "one.csv"
    write_csv(path, [{**line("Usage", "1"), **columns}], LEGACY)
    [row] = read(path)
    return row


def _table(path: Path) -> str:
    if path.suffix == ".parquet":
        return f"read_parquet({literal(str(path))})"
    with path.open(newline="", encoding="utf-8") as file:
        header = next(csv.reader(file))
    kinds = dict.fromkeys(header, "VARCHAR") | cur.types(header)
    columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in kinds.items())
    return f"read_csv({literal(str(path))}, header=true, auto_detect=false, columns={{{columns}}})"
