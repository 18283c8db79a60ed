"""The standard and the detailed export: their columns, and the charges that their lines are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from outlay.core.errors import BillError
from outlay.sources.gcp.amounts import ZERO, exact, total
from outlay.sources.gcp.export import Table
from outlay.sources.gcp.services import service_of
from outlay.sources.gcp.sql import Shape
from outlay.sources.gcp.tags import merged

# Without these there are no charges, or wrong ones. Other columns came over the years, and may be missing.
NEEDED = (
    "cost",
    "cost_type",
    "credits",
    "credits.amount",
    "currency",
    "invoice.month",
    "service.description",
    "usage_start_time",
)

AMOUNTS = frozenset({"FLOAT", "FLOAT64", "NUMERIC", "BIGNUMERIC"})
KINDS: Mapping[str, Collection[str]] = {
    "cost": AMOUNTS,
    "credits.amount": AMOUNTS,
    "credits": {"RECORD[]", "STRUCT[]"},
    "usage_start_time": {"TIMESTAMP"},
}

# What tells charges apart, by the name it has in an answer.
TEXTS: Mapping[str, str] = {
    "billing_account_id": "billing_account_id",
    "currency": "currency",
    "cost_type": "cost_type",
    "service": "service.description",
    "sku_id": "sku.id",
    "sku": "sku.description",
    "project_id": "project.id",
    "project_name": "project.name",
    "location": "location.location",
    "region": "location.region",
    "zone": "location.zone",
    "resource_name": "resource.name",
    "resource_global_name": "resource.global_name",
    "consumed_unit": "usage.unit",
    "pricing_unit": "usage.pricing_unit",
    "adjustment_description": "adjustment_info.description",
    "adjustment_mode": "adjustment_info.mode",
    "seller_name": "seller_name",
    "subscription_id": "subscription.instance_id",
}
NESTED: Mapping[str, str] = {
    "labels": "labels",
    "tags": "tags",
    "project_labels": "project.labels",
    "system_labels": "system_labels",
}
NUMBERS: Mapping[str, str] = {
    "list_cost": "cost_at_list",
    "consumed": "usage.amount",
    "priced": "usage.amount_in_pricing_units",
}
CREDIT: Mapping[str, str] = {"type": "type", "name": "name", "full_name": "full_name", "id": "id", "amount": "amount"}

CATEGORIES: Mapping[str, str] = {"regular": "Usage", "tax": "Tax"}  # the others are adjustments
CORRECTIONS = ("PARTIAL_CORRECTION", "COMPLETE_NEGATION", "COMPLETE_NEGATION_WITH_REMONETIZATION")
COMMITTED: Mapping[str, str] = {
    "COMMITTED_USAGE_DISCOUNT": "Usage",
    "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE": "Spend",
    "FEE_UTILIZATION_OFFSET": "Spend",
}
# Credits that are part of the price: at list prices there are none of them.
DISCOUNTS = frozenset({*COMMITTED, "SUSTAINED_USAGE_DISCOUNT", "DISCOUNT", "RESELLER_MARGIN", "SUBSCRIPTION_BENEFIT"})


def shape(table: Table) -> Shape:
    """What the table is asked for. Raises BillError when it lacks a column that it takes."""
    has = table.columns
    missing = [name for name in NEEDED if name not in has]
    if missing:
        raise BillError(f"{table} is no billing export as we know it: it lacks {', '.join(missing)}")
    wrong = {name: has[name] for name, kinds in KINDS.items() if has[name] not in kinds}
    if wrong:
        told = ", ".join(f"{name} is {kind}" for name, kind in wrong.items())
        raise BillError(f"{table} is no billing export as we know it: {told}")
    text = "CAST(NULL AS STRING)"
    return Shape(
        groups={
            "day": "DATE(usage_start_time)",
            **{name: path if path in has else text for name, path in TEXTS.items()},
            "rate": "CAST(currency_conversion_rate AS STRING)" if "currency_conversion_rate" in has else text,
            **{name: f"TO_JSON_STRING({path})" if path in has else text for name, path in NESTED.items()},
        },
        lines={name: path for name, path in NUMBERS.items() if path in has},
        cost="cost",
        credits="credits",
        credit={name: field for name, field in CREDIT.items() if f"credits.{field}" in has},
        month="invoice.month = @month",
        exported=("export_time", "usage_start_time"),
    )


def charge(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """What one group says of itself, in columns of FOCUS; None when it is worth nothing at any price.

    Raises KeyError, TypeError or ValueError for what cannot be.
    """
    billed = total(line["cost"] for line in row["lines"])
    listed = total(line["cost"] if line.get("list_cost") is None else line["list_cost"] for line in row["lines"])
    of_kind = _credit(row, billed) if row["is_credit"] else _usage(row, billed, listed)
    if billed == ZERO and of_kind["list_cost"] == ZERO:
        return None
    return {**_shared(row), "billed_cost": billed, "effective_cost": billed, **of_kind, **_in_usd(row, billed)}


def _shared(row: Mapping[str, Any]) -> dict[str, Any]:
    # Some exports write '' where there is nothing.
    row = {name: None if value == "" else value for name, value in row.items()}
    service, full_name = row["service"], row["resource_global_name"]
    category, subcategory = service_of(service)
    region = row["region"] or row["location"]
    seller = row["seller_name"]
    return {
        "provider_name": "Google Cloud",
        "publisher_name": seller or "Google Cloud",
        "invoice_issuer_name": "Google Cloud",
        "billing_account_id": row["billing_account_id"],
        "billing_account_type": "Billing Account",
        "billing_currency": row["currency"],
        "sub_account_id": row["project_id"],
        "sub_account_name": row["project_name"],
        "sub_account_type": "Project" if row["project_id"] else None,
        "service_name": service,
        "service_category": category,
        "service_subcategory": subcategory,
        "sku_id": row["sku_id"],
        "sku_meter": row["sku"],
        "region_id": None if region == "global" else region,
        "availability_zone": row["zone"],
        "resource_id": full_name or row["resource_name"],
        "resource_name": row["resource_name"],
        "resource_type": resource_type(full_name),
        "tags": merged(row),
    }


def _usage(row: Mapping[str, Any], billed: Decimal, listed: Decimal) -> dict[str, Any]:
    """A line's own cost: usage, a commitment's fee, tax, adjustment or rounding error."""
    category = CATEGORIES.get(row["cost_type"] or "regular", "Adjustment")
    if category != "Usage":
        return _special(row, category, billed)
    meter = (row["sku"] or "").lower()
    if meter.startswith("commitment"):
        return {
            "charge_category": "Purchase",
            "charge_description": row["sku"],
            "charge_frequency": "Recurring",
            "charge_class": _class(row),
            "commitment_discount_id": row["subscription_id"],
            "commitment_discount_type": "Committed use discount",
            "pricing_category": "Committed",
            "list_cost": listed,
            "contracted_cost": billed,
        }
    consumed, priced = (_quantity(row, name) for name in ("consumed", "priced"))
    return {
        "charge_category": "Usage",
        "charge_description": row["sku"],
        "charge_frequency": "Usage-Based",
        "charge_class": _class(row),
        "pricing_category": "Dynamic" if "spot" in meter or "preemptible" in meter else "Standard",
        "consumed_quantity": consumed,
        "consumed_unit": row["consumed_unit"] if consumed is not None else None,
        "pricing_quantity": priced,
        "pricing_unit": row["pricing_unit"] if priced is not None else None,
        "list_cost": listed,
        "contracted_cost": billed,
    }


def _special(row: Mapping[str, Any], category: str, billed: Decimal) -> dict[str, Any]:
    words = row["adjustment_description"] or row["sku"]
    if row["cost_type"] == "rounding_error":
        words = "Rounding error" if words in {None, "Rounding error"} else f"Rounding error: {words}"
    return {
        "charge_category": category,
        "charge_description": words or row["cost_type"],
        "charge_frequency": "One-Time",
        "charge_class": _class(row),
        "list_cost": billed,
        "contracted_cost": billed,
    }


def _credit(row: Mapping[str, Any], billed: Decimal) -> dict[str, Any]:
    kind = row.get("credit_type")
    words = row.get("credit_full_name") or row.get("credit_name") or row["sku"]
    committed = COMMITTED.get(kind or "")
    return {
        "charge_category": "Credit",
        "charge_description": ": ".join(filter(None, (kind, words))),
        "charge_frequency": "One-Time",
        "charge_class": _class(row),
        "commitment_discount_category": committed,
        "commitment_discount_id": (row["subscription_id"] or row.get("credit_id")) if committed else None,
        "commitment_discount_name": words if committed else None,
        "commitment_discount_type": "Committed use discount" if committed else None,
        "list_cost": ZERO if kind in DISCOUNTS else billed,
        "contracted_cost": ZERO if committed else billed,
    }


def _class(row: Mapping[str, Any]) -> str | None:
    return "Correction" if row["adjustment_mode"] in CORRECTIONS else None


def _quantity(row: Mapping[str, Any], name: str) -> Decimal | None:
    values = [line[name] for line in row["lines"] if line.get(name) is not None]
    return total(values) if values else None


def _in_usd(row: Mapping[str, Any], billed: Decimal) -> dict[str, Any]:
    """Google's prices are in USD where the bill is in another currency, and the rate says what one is worth there."""
    rate = exact(row["rate"]) if row["rate"] else None
    if not rate or row["currency"] == "USD":
        return {}
    return {"pricing_currency": "USD", "pricing_currency_effective_cost": exact(billed / rate)}


def resource_type(full_name: str | None) -> str | None:
    """`instance` of //compute.googleapis.com/projects/p/zones/z/instance/7."""
    parts = (full_name or "").removeprefix("//").split("/")
    return parts[-2] if len(parts) > 2 else None
