"""OCI's own cost reports as FOCUS: one line per resource and hour, corrections beside what they correct.

The mapping is the one by which Oracle makes its FOCUS reports of the same lines.
Source of the columns: https://docs.oracle.com/iaas/Content/Billing/Concepts/costusagereportsoverview.htm
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from outlay.core.focus import CHARGES
from outlay.objects import identifier, literal
from outlay.sources._bills.cur_columns import DECIMAL, MAP, TIME, TYPES, Report, case, key
from outlay.sources._bills.oci_services import OTHER, SERVICES

COST, CURRENCY, START, END = "costmycost", "costcurrencycode", "lineitemintervalusagestart", "lineitemintervalusageend"
REQUIRED = frozenset({COST, CURRENCY, START, "productservice"})

PREFIX = "tags/"


def matches(columns: Collection[str]) -> bool:
    """Whether a file with these column names is a cost report."""
    return {key(name) for name in columns} >= REQUIRED


def is_usage(columns: Collection[str]) -> bool:
    """Whether a file with these column names is a usage report: the same lines with quantities, without costs."""
    return {key(name) for name in columns} >= {START, "usageconsumedquantity"} and not matches(columns)


def types(columns: Collection[str]) -> dict[str, str]:
    """The DuckDB types with which to read a report's CSV: the cost and the times; all other columns are text."""
    kinds = {COST: DECIMAL, START: TIME, END: TIME}
    return {name: kinds[key(name)] for name in columns if key(name) in kinds}


def expressions(columns: Mapping[str, str]) -> dict[str, str]:
    """The DuckDB SQL of each column of CHARGES but `source` and `cut`.

    `columns` are the names and DuckDB types in the file. The connection's TimeZone has to be UTC.
    """
    report = Report(columns)
    known = {
        **_parties(report),
        **_periods(report),
        **_service(report),
        **_costs(report),
        "tags": _tags(report, columns),
    }
    return {
        column.name: known.get(column.name, f"NULL::{TYPES[column.kind]}")
        for column in CHARGES
        if column.name not in {"source", "cut"}
    }


def _parties(report: Report) -> dict[str, str]:
    subscription, tenancy = report.text("costsubscriptionid"), report.text("lineitemtenantid")
    return {
        "provider": "'oci'",
        "provider_name": "'Oracle'",
        "publisher_name": "'Oracle'",
        "invoice_issuer_name": "'Oracle'",
        "provisional": "FALSE",
        "billing_account_id": subscription,
        "billing_account_type": f"CASE WHEN {subscription} IS NOT NULL THEN 'Subscription' END",
        "sub_account_id": tenancy,
        "sub_account_type": f"CASE WHEN {tenancy} IS NOT NULL THEN 'Tenancy' END",
    }


def _periods(report: Report) -> dict[str, str]:
    start, end = report.time(START), report.time(END)
    month = f"date_trunc('month', {start})"
    return {
        "charge_date": f"CAST({start} AS DATE)",
        "charge_period_start": start,
        "charge_period_end": (
            f"CASE WHEN {end} IS NULL OR {end} <= {start} THEN {start} + INTERVAL 1 HOUR"
            # Usage is counted by whole hours: an end in an hour's last minute is meant inclusively.
            f" WHEN minute({end}) = 59 THEN date_trunc('hour', {end}) + INTERVAL 1 HOUR ELSE {end} END"
        ),
        "billing_period_start": month,
        "billing_period_end": f"{month} + INTERVAL 1 MONTH",
    }


def _service(report: Report) -> dict[str, str]:
    service, resource = report.text("productservice"), report.text("productresourceid")
    plain = f"regexp_replace(lower({service}), '[^a-z0-9]', '', 'g')"
    corrects = f"coalesce(lower({report.text('lineitemiscorrection')}) = 'true', FALSE)"
    return {
        "charge_category": f"CASE WHEN {corrects} THEN 'Adjustment' ELSE 'Usage' END",
        "charge_class": f"CASE WHEN {corrects} THEN 'Correction' END",
        "charge_frequency": "'Usage-Based'",
        "charge_description": report.text("productdescription"),
        "service_name": service,
        "service_category": case(plain, {name: literal(what) for name, what in SERVICES.items()}, literal(OTHER)),
        "region_id": report.text("productregion"),
        "region_name": report.text("productregion"),
        "availability_zone": report.text("productavailabilitydomain"),
        "resource_id": resource,
        "resource_type": f"NULLIF(regexp_extract({resource}, '^ocid[0-9]+[.]([a-z0-9]+)[.]', 1), '')",
    }


def _costs(report: Report) -> dict[str, str]:
    cost, quantity = report.amount(COST), report.number("usagebilledquantity")
    unit = report.text("costskuunitdescription", "costbillingunitreadable")
    return {
        "billing_currency": report.text(CURRENCY),
        "billed_cost": cost,
        "effective_cost": cost,
        "contracted_cost": cost,
        "contracted_unit_price": report.number("costunitprice"),
        "pricing_quantity": quantity,
        "pricing_unit": unit,
        "consumed_quantity": quantity,
        "consumed_unit": unit,
        "sku_id": report.text("costproductsku"),
    }


def _tags(report: Report, columns: Collection[str]) -> str:
    """The report's columns `tags/*`, and the compartment under the name that FOCUS reports have for it."""
    tags = {"oci_CompartmentName": report.text("productcompartmentname")}
    for name in columns:
        if name.lower().startswith(PREFIX):
            tags[name[len(PREFIX) :]] = f"NULLIF({identifier(name)}::VARCHAR, '')"
    entries = ", ".join(f"{{'k': {literal(tag)}, 'v': {sql}}}" for tag, sql in tags.items())
    return f"map_from_entries(list_filter([{entries}], lambda tag: tag.v IS NOT NULL))::{MAP}"
