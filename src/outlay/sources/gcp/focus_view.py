"""Google's FOCUS export and the views that people make of the detailed one, by Google's template."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from outlay.core.errors import BillError
from outlay.core.focus import BY_NAME, CATEGORIES, FOCUS, Column
from outlay.core.money import text
from outlay.sources.gcp.amounts import ZERO, exact, total
from outlay.sources.gcp.export import Table
from outlay.sources.gcp.services import SERVICE_CATEGORIES, service_of
from outlay.sources.gcp.sql import Shape
from outlay.sources.gcp.standard import COMMITTED, DISCOUNTS
from outlay.sources.gcp.tags import RATE, pairs

NEEDED = ("BilledCost", "BillingCurrency", "BillingPeriodStart", "ChargeCategory", "ChargePeriodStart", "ServiceName")

# Google starts a month at midnight in California, FOCUS in UTC: both are the same month half a day later.
MONTH = "FORMAT_TIMESTAMP('%Y%m', TIMESTAMP_ADD(CAST(BillingPeriodStart AS TIMESTAMP), INTERVAL 12 HOUR)) = @month"
# Of these, lines are summed up; other numbers (prices) are the same for all lines of a group.
SUMMED = frozenset(
    {"billed_cost", "effective_cost", "list_cost", "contracted_cost", "consumed_quantity", "pricing_quantity"}
)
OUR_TIMES = frozenset({"BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"})
# The fields of a credit, in the spellings there are; BigQuery does not tell upper from lower case.
CREDIT: Mapping[str, tuple[str, ...]] = {
    "type": ("type",),
    "name": ("name",),
    "full_name": ("full_name", "fullname"),
    "amount": ("amount",),
}


def shape(table: Table) -> Shape:
    """What the view is asked for. Raises BillError when it lacks a column that it takes."""
    has = table.columns
    missing = [name for name in NEEDED if name.lower() not in has]
    if missing:
        raise BillError(f"{table} is no FOCUS view: it lacks {', '.join(missing)}")
    here = [
        column for column in FOCUS if _is_plain(has.get((column.spec or "").lower())) and column.spec not in OUR_TIMES
    ]
    groups = {
        "day": "DATE(CAST(ChargePeriodStart AS TIMESTAMP))",
        **{column.name: _text(column) for column in here if column.name not in SUMMED},
    }
    if "tags" in has:
        groups["tags"] = "TO_JSON_STRING(Tags)"
    for name, path in (("project_id", "x_Project.id"), ("project_name", "x_Project.name")):
        if path.lower() in has:
            groups[name] = path
    if "x_currencyconversionrate" in has:
        groups["rate"] = "CAST(x_CurrencyConversionRate AS STRING)"
    credit = _credit_fields(has)
    lines = {c.name: str(c.spec) for c in here if c.name in SUMMED - {"billed_cost"}}
    if credit:
        lines["credited"] = "TO_JSON_STRING(x_Credits)"
    return Shape(
        groups=groups,
        lines=lines,
        cost="BilledCost",
        credits="x_Credits" if credit else None,
        credit=credit,
        month=MONTH,
        exported=("x_ExportTime", "ChargePeriodStart"),
    )


def charge(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """What one group says of itself, in columns of ours; None when it is worth nothing at any price.

    Raises KeyError, TypeError or ValueError for what cannot be.
    """
    costs = _of_credit(row) if row["is_credit"] else _of_charge(row)
    if all(costs[name] == ZERO for name in ("billed_cost", "effective_cost", "list_cost", "contracted_cost")):
        return None
    said = {name: _value(BY_NAME[name], row[name]) for name in BY_NAME if row.get(name) is not None}
    if said.get("service_category") not in SERVICE_CATEGORIES:
        said |= dict(
            zip(("service_category", "service_subcategory"), service_of(said.get("service_name")), strict=True)
        )
    return {"provider_name": "Google Cloud", **said, **_project(row), **costs, "tags": _tags(row)}


def _of_charge(row: Mapping[str, Any]) -> dict[str, Any]:
    """Google's billed and effective costs have the credits in them, which are rows of their own here."""
    lines = row["lines"]
    credited = total(each for line in lines for each in _amounts(line.get("credited")))
    billed = total(line["cost"] for line in lines)
    sums = {name: total(line[name] for line in lines) for name in SUMMED if name in lines[0] and _has(lines, name)}
    listed = {name: sums.get(name, billed - credited) for name in ("list_cost", "contracted_cost")}
    effective = sums.get("effective_cost", billed) - credited
    category = (row["charge_category"] or "Usage").capitalize()
    return {
        **sums,
        **listed,
        "billed_cost": billed - credited,
        "effective_cost": effective,
        "charge_category": category if category in CATEGORIES else "Adjustment",
    }


def _of_credit(row: Mapping[str, Any]) -> dict[str, Any]:
    billed, kind = total(line["cost"] for line in row["lines"]), row.get("credit_type")
    words = row.get("credit_full_name") or row.get("credit_name") or row.get("charge_description")
    return {
        "billed_cost": billed,
        "effective_cost": billed,
        "list_cost": ZERO if kind in DISCOUNTS else billed,
        "contracted_cost": ZERO if kind in COMMITTED else billed,
        "charge_category": "Credit",
        "charge_description": ": ".join(filter(None, (kind, words))),
        "charge_frequency": "One-Time",
        "pricing_category": None,
    }


def _project(row: Mapping[str, Any]) -> dict[str, Any]:
    """Google's template gives the billing account as sub account; who reads costs means the project."""
    if row.get("project_id") is None:
        return {}
    return {
        "sub_account_id": row["project_id"],
        "sub_account_name": row.get("project_name"),
        "sub_account_type": "Project",
    }


def _tags(row: Mapping[str, Any]) -> dict[str, str]:
    tags = _read_tags(row.get("tags"))
    if row.get("rate") and row["billing_currency"] != "USD":
        tags[RATE] = text(exact(row["rate"]))
    return tags


def _read_tags(json_text: str | None) -> dict[str, str]:
    """Tags as a list of keys and values, the nearest first, or as an object."""
    found = json.loads(json_text) if json_text else None
    if isinstance(found, str):  # a column that is JSON text already
        found = json.loads(found)
    if isinstance(found, dict):
        return {str(key): str(value) for key, value in found.items()}
    tags: dict[str, str] = {}
    for key, value in pairs(json.dumps(found)):
        tags.setdefault(key, value)
    return tags


def _amounts(json_text: str | None) -> list[Decimal]:
    """The amounts of the credits of one line."""
    credits = json.loads(json_text, parse_float=Decimal) if json_text else None
    amounts = ((each.get("Amount", each.get("amount"))) for each in credits or ())
    return [exact(each) for each in amounts if each is not None]


def _value(column: Column, value: Any) -> Any:
    if column.kind == "decimal":
        return exact(value)
    fitting = {allowed.lower(): allowed for allowed in column.allowed}
    return fitting.get(str(value).lower()) if fitting else value


def _has(lines: list[Mapping[str, Any]], name: str) -> bool:
    return any(line[name] is not None for line in lines)


def _is_plain(kind: str | None) -> bool:
    """Whether a column is there, and holds one text or number."""
    return kind in {"STRING", "FLOAT", "FLOAT64", "NUMERIC", "BIGNUMERIC", "INTEGER", "INT64"}


def _text(column: Column) -> str:
    """A group's column. Prices as texts, as what is grouped by should not be a FLOAT64."""
    return f"CAST({column.spec} AS STRING)" if column.kind == "decimal" else str(column.spec)


def _credit_fields(has: Mapping[str, str]) -> dict[str, str]:
    """What is said of a credit: name -> the field that has it; nothing where there are no credits."""
    found = {name: field for name, spellings in CREDIT.items() for field in spellings if f"x_credits.{field}" in has}
    return found if "amount" in found else {}
