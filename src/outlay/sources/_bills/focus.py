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
    "CommitmentDiscountStatus": ("ChargeSubcategory",),
    "InvoiceId": ("InvoiceDetailId",),
}
# What 1.0-preview calls values of 1.2, by column.
VALUES: Mapping[str, Mapping[str, str]] = {
    "PricingCategory": {"On-Demand": "Standard", "Commitment-Based": "Committed"},
    "CommitmentDiscountStatus": {"Used Commitment": "Used", "Unused Commitment": "Unused"},
}
IDENTIFYING = ("BilledCost", "BillingCurrency", "ChargePeriodStart", "BillingPeriodStart")

_TAG = re.compile(r"tags?[/.:_](.+)", re.IGNORECASE)
_PAIRS = re.compile(r'STRUCT\("?key"? .+, "?value"? .+\)\[\]$', re.IGNORECASE)
_ZONED = {"TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"}
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
    return not missing(columns)


def missing(columns: Collection[str]) -> list[str]:
    """The columns that a file lacks to be a FOCUS file."""
    has = {name.lower() for name in columns}
    return [name for name in IDENTIFYING if name.lower() not in has]


def types(columns: Collection[str]) -> dict[str, str]:
    """What a CSV's columns are read as: amounts as decimals, times with their zones, the rest as text."""
    named = _named(columns)
    typed = (column for column in FOCUS if column.kind in {"decimal", "timestamp"})
    return {named[column.spec]: _SQL[column.kind] for column in typed if column.spec in named}


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
    named = {}
    for spec in BY_SPEC:
        spellings = (name.lower() for name in (spec, *RENAMED.get(spec, ())))
        name = next((there[each] for each in spellings if each in there), None)
        if name is not None:
            named[spec] = name
    return named


def _typed(column: Column, name: str, known: str) -> str:
    if column.kind == "decimal":
        return _amount(identifier(name), known)
    if column.kind == "timestamp":
        return _zoned(_moment(name, {name: known}))
    text = f"to_json({identifier(name)})::VARCHAR" if _nested(known) else f"{identifier(name)}::VARCHAR"
    return _one_of(column, text) if column.allowed else text


def _amount(quoted: str, known: str) -> str:
    # A double's shortest text is what the provider wrote; its binary value is not.
    written = f"{quoted}::VARCHAR" if known in {"DOUBLE", "FLOAT"} else quoted
    return written if known == _SQL["decimal"] else f"{written}::{_SQL['decimal']}"


def _one_of(column: Column, text: str) -> str:
    """A value in the casing of FOCUS; what FOCUS does not know stays as it is."""
    values = dict(zip(column.allowed, column.allowed, strict=True)) | dict(VALUES.get(column.spec or "", {}))
    exact = ", ".join(literal(value) for value in column.allowed)
    cases = " ".join(f"WHEN {literal(old.lower())} THEN {literal(new)}" for old, new in values.items())
    return f"CASE WHEN {text} IN ({exact}) THEN {text} ELSE CASE lower({text}) {cases} ELSE {text} END END"


def _nested(known: str) -> bool:
    return known.startswith(("MAP", "STRUCT")) or known.endswith("]")


def _moment(name: str, columns: Mapping[str, str]) -> str:
    """A time as a plain TIMESTAMP in UTC: counting microseconds is many times faster than going by calendars."""
    known, quoted = columns[name], identifier(name)
    if known == "TIMESTAMPTZ_NS":
        return f"{quoted}::TIMESTAMP_NS::TIMESTAMP"
    if known.startswith("TIMESTAMP") and known not in _ZONED:
        return f"{quoted}::TIMESTAMP"
    zoned = quoted if known in _ZONED else f"{quoted}::TIMESTAMPTZ"
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
    if name is None:
        return _tag_columns(columns)
    known, quoted = columns[name], identifier(name)
    text = f"to_json({quoted})::VARCHAR" if _nested(known) else f"{quoted}::VARCHAR"
    if known.startswith("MAP"):
        return f"{quoted}::{_SQL['tags']}"
    if _PAIRS.match(known):
        pairs = f"list_transform({quoted}, lambda e: {{'k': e.key::VARCHAR, 'v': e.value::VARCHAR}})"
        parsed = f"TRY(map_from_entries({pairs}))"
    elif _nested(known):
        parsed = _parsed(text)
    else:
        braced = "'{' || " + text + " || '}'"  # Azure leaves the braces off
        parsed = f"coalesce({_parsed(text)}, {_parsed(braced)})"
    # What is none of these is kept whole rather than lost.
    return f"CASE WHEN {quoted} IS NOT NULL THEN coalesce({parsed}, MAP {{'x_tags': {text}}}) END"


def _parsed(json: str) -> str:
    return f"TRY(from_json({json}, '\"MAP(VARCHAR,VARCHAR)\"'))"


def _tag_columns(columns: Collection[str]) -> str:
    keys = {column: match[1] for column in columns if (match := _TAG.fullmatch(column))}
    if not keys:
        return f"NULL::{_SQL['tags']}"
    pairs = (f"{{'k': {literal(key)}, 'v': {identifier(name)}::VARCHAR}}" for name, key in keys.items())
    return f"map_from_entries(list_filter([{', '.join(pairs)}], lambda e: e.v IS NOT NULL))"
