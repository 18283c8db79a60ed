"""FOCUS files, 1.0-preview to 1.4, as DuckDB SQL over their columns."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from outlay.core.focus import BY_SPEC, CHARGES, FOCUS, PROVIDERS, Column
from outlay.objects import identifier, literal

# What other versions call a column of 1.2: the first that a file has counts.
# 0.5 and 1.0-preview used shorter names; 1.3 renamed the provider columns and 1.4 took the old ones away.
RENAMED: Mapping[str, tuple[str, ...]] = {
    "ProviderName": ("ServiceProviderName", "Provider"),
    "PublisherName": ("Publisher", "ServiceProviderName"),
    "InvoiceIssuerName": ("InvoiceIssuer",),
    "RegionId": ("Region",),
    "ConsumedQuantity": ("UsageQuantity",),
    "ConsumedUnit": ("UsageUnit",),
    "EffectiveCost": ("AmortizedCost",),
    "ChargeCategory": ("ChargeType",),
    "ChargeDescription": ("ChargeSubcategory",),
    "InvoiceId": ("InvoiceDetailId",),
}
IDENTIFYING = ("BilledCost", "BillingCurrency", "ChargePeriodStart", "BillingPeriodStart")

_TAG = re.compile(r"tags?[/.:_](.+)", re.IGNORECASE)
_SQL = {
    "string": "VARCHAR",
    "decimal": "DECIMAL(38,18)",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
    "boolean": "BOOLEAN",
    "tags": "MAP(VARCHAR, VARCHAR)",
}


def matches(columns: Collection[str]) -> bool:
    """A FOCUS file has the columns without which there is no charge, in any casing."""
    has = {name.lower() for name in columns}
    return all(name.lower() in has for name in IDENTIFYING)


def types(columns: Collection[str]) -> dict[str, str]:
    """What a CSV's columns are read as: amounts as decimals, times with their zones, the rest as text."""
    named = _named(columns)
    return {named[c.spec]: _SQL[c.kind] for c in FOCUS if c.spec in named and c.kind in {"decimal", "timestamp"}}


def expressions(columns: Mapping[str, str]) -> dict[str, str]:
    """The SQL of every column of CHARGES except `source` and `cut`. `columns`: name -> DuckDB type."""
    named = _named(columns)
    sql: dict[str, str] = {}
    for column in FOCUS:
        name = named.get(column.spec or "")
        sql[column.name] = _typed(column, name, columns[name]) if name else f"NULL::{_SQL[column.kind]}"
    sql["tags"] = _tags(columns, named.get("Tags"))
    sql["effective_cost"] = sql["effective_cost"] if "EffectiveCost" in named else sql["billed_cost"]
    sql["charge_category"] = sql["charge_category"] if "ChargeCategory" in named else "'Usage'"
    sql["charge_date"] = f"{_moment(named['ChargePeriodStart'], columns)}::DATE"
    sql["billing_period_end"] = _end("BillingPeriodStart", "BillingPeriodEnd", named, columns)
    sql["charge_period_end"] = _end("ChargePeriodStart", "ChargePeriodEnd", named, columns)
    sql["provider_name"] = f"coalesce({sql['provider_name']}, {sql['invoice_issuer_name']}, 'unknown')"
    sql["provider"] = provider(sql["provider_name"])
    sql["provisional"] = "false"
    return {column.name: sql[column.name] for column in CHARGES if column.name in sql}


def provider(name: str) -> str:
    """The short name of a provider, of the SQL that is its name."""
    cases = " ".join(f"WHEN {literal(long)} THEN {literal(short)}" for long, short in PROVIDERS.items())
    return f"CASE lower(trim({name})) {cases} ELSE lower(trim({name})) END"


def _named(columns: Collection[str]) -> dict[str, str]:
    """For each column of FOCUS 1.2, the file's column that holds it."""
    there = {name.lower(): name for name in reversed(list(columns))}
    wanted = {spec: (spec, *RENAMED.get(spec, ())) for spec in BY_SPEC}
    found = {spec: next((there[n.lower()] for n in names if n.lower() in there), None) for spec, names in wanted.items()}
    return {spec: name for spec, name in found.items() if name is not None}


def _typed(column: Column, name: str, known: str) -> str:
    quoted = identifier(name)
    if column.kind == "decimal":
        # A double's shortest text is what the provider wrote; its binary value is not.
        return quoted if known == "DECIMAL(38,18)" else f"{quoted}::VARCHAR::DECIMAL(38,18)" if known in {"DOUBLE", "FLOAT"} else f"{quoted}::DECIMAL(38,18)"
    if column.kind == "timestamp":
        return _zoned(_moment(name, {name: known}))
    text = quoted if known == "VARCHAR" else f"to_json({quoted})::VARCHAR" if _nested(known) else f"{quoted}::VARCHAR"
    if not column.allowed:
        return text
    exact = ", ".join(literal(value) for value in column.allowed)
    cases = " ".join(f"WHEN {literal(value.lower())} THEN {literal(value)}" for value in column.allowed)
    return f"CASE WHEN {text} IN ({exact}) THEN {text} ELSE CASE lower({text}) {cases} ELSE {text} END END"


def _nested(known: str) -> bool:
    return known.startswith(("MAP", "STRUCT")) or known.endswith("]")


def _moment(name: str, columns: Mapping[str, str]) -> str:
    """A time as a plain TIMESTAMP in UTC: counting microseconds is many times faster than going by calendars."""
    known, quoted = columns[name], identifier(name)
    if known.startswith("TIMESTAMP") and known != "TIMESTAMP WITH TIME ZONE" and known != "TIMESTAMPTZ":
        return f"{quoted}::TIMESTAMP"
    zoned = quoted if known in {"TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"} else f"{quoted}::TIMESTAMPTZ"
    return f"make_timestamp(epoch_us({zoned}))"


def _zoned(moment: str) -> str:
    return f"make_timestamptz(epoch_us({moment}))"


def _end(start: str, end: str, named: Mapping[str, str], columns: Mapping[str, str]) -> str:
    """An exclusive end: some files write the last second, others the last day, and some none."""
    first = _moment(named[start], columns)
    whole = f"{first} + INTERVAL 1 {'MONTH' if start.startswith('Billing') else 'DAY'}"
    if end not in named:
        return _zoned(f"({whole})")
    last = _moment(named[end], columns)
    month_end = f"last_day({first}::DATE)::TIMESTAMP" if start.startswith("Billing") else first
    return _zoned(
        f"CASE WHEN {last} IS NULL THEN {whole}"
        f" WHEN epoch_us({last}) % 86400000000 >= 86399000000 THEN date_trunc('day', {last}) + INTERVAL 1 DAY"
        f" WHEN {last} = {month_end} OR {last} < {first} THEN {last} + INTERVAL 1 DAY"
        f" ELSE {last} END"
    )


def _tags(columns: Mapping[str, str], name: str | None) -> str:
    """Tags as a map: from JSON text, a map, a struct, a list of keys and values, or a column for each key."""
    keys = {column: match[1] for column in columns if (match := _TAG.fullmatch(column)) and column != name}
    if name is None and keys:
        pairs = ", ".join(f"{{'k': {literal(key)}, 'v': {identifier(column)}::VARCHAR}}" for column, key in keys.items())
        return f"map_from_entries(list_filter([{pairs}], lambda e: e.v IS NOT NULL))"
    if name is None:
        return "NULL::MAP(VARCHAR, VARCHAR)"
    known, quoted = columns[name], identifier(name)
    if known.startswith("MAP"):
        return f"{quoted}::MAP(VARCHAR, VARCHAR)"
    if known.endswith("[]"):
        return f"map_from_entries(list_transform({quoted}, lambda e: {{'k': e.key::VARCHAR, 'v': e.value::VARCHAR}}))"
    text = f"to_json({quoted})" if known.startswith("STRUCT") else quoted
    parsed = f"TRY(from_json({text}, '\"MAP(VARCHAR,VARCHAR)\"'))"
    # Text that is no JSON object is kept whole rather than lost.
    return f"CASE WHEN {quoted} IS NOT NULL THEN coalesce({parsed}, MAP {{'x_tags': {text}::VARCHAR}}) END"
