"""Azure's own cost files as FOCUS: actual and amortised, of every kind of agreement, generation and language.

The rules and their reasons are in docs/sources/azure.md.
Source of the columns: https://learn.microsoft.com/azure/cost-management-billing/dataset-schema/schema-index
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from outlay.core.focus import CHARGES
from outlay.objects import literal
from outlay.sources._azure_services import ORIGINAL, group_sql, service_sql
from outlay.sources._azure_terms import charge_category_sql, region_sql
from outlay.sources._bills.azure_columns import Columns, Order, english
from outlay.sources._bills.cur_columns import DECIMAL, TEXT, TYPES, case

NAME = "Azure"  # among the layouts

# The first that a file has counts. Costs in the currency of prices or in USD are none of these.
COSTS = ("costinbillingcurrency", "cost", "pretaxcost", "extendedcost")
DAYS = ("date", "usagedatetime", "usagedate")
CURRENCIES = ("billingcurrency", "billingcurrencycode", "currency", "currencycode")
METERS = frozenset({"metercategory", "meterid", "metername"})

RESOURCE_GROUP = "x_resource_group"
NO_CURRENCY = "XXX"  # ISO 4217

_FREQUENCIES = {"onetime": "'One-Time'", "recurring": "'Recurring'", "usagebased": "'Usage-Based'"}
_PRICING = {
    "ondemand": "'Standard'",
    "reservation": "'Committed'",
    "savingsplan": "'Committed'",
    "spot": "'Dynamic'",
}
_COMMITMENTS = {"reservation": "'Reservation'", "savingsplan": "'Savings Plan'"}
_COMMITMENT_CATEGORIES = {"reservation": "'Usage'", "savingsplan": "'Spend'"}


def matches(columns: Collection[str]) -> bool:
    """Whether a file with these column names is one of Azure's cost files: it has days, costs and meters."""
    keys = {english(name) for name in columns}
    return bool(keys & {*DAYS} and keys & {*COSTS} and keys & METERS)


def types(columns: Collection[str]) -> dict[str, str]:
    """All columns of a CSV are read as text: how amounts and days are written is another matter in each language."""
    return {}


def expressions(columns: Mapping[str, str], order: Order = "auto", currency: str | None = None) -> dict[str, str]:
    """The DuckDB SQL of each column of CHARGES but `source` and `cut`.

    `columns`   names and DuckDB types in the file; those that it may lack become nulls
    `order`     how days are written; `auto` reads them as MM/DD/YYYY, unless the row's billing period tells otherwise
    `currency`  of files that have no column for it

    The connection's TimeZone has to be UTC. A mandatory column is null where the file has no such value.
    """
    file = Columns(columns)
    known = {
        **_parties(file),
        **_periods(file, order),
        **_charge(file),
        **_service(file),
        **_resource(file),
        **_costs(file, currency),
        **_commitment(file),
    }
    return {
        column.name: known.get(column.name, f"NULL::{TYPES[column.kind]}")
        for column in CHARGES
        if column.name not in {"source", "cut"}
    }


def _parties(file: Columns) -> dict[str, str]:
    account = file.text("billingaccountid")
    subscription = file.text("subscriptionid", "subscriptionguid")
    invoice = file.text("invoiceid")
    ours = f"lower({file.text('publishertype')}) IN ('azure', 'microsoft')"
    return {
        "provider": "'azure'",
        "provider_name": "'Microsoft'",
        "publisher_name": f"coalesce({file.word('publishername')}, CASE WHEN {ours} THEN 'Microsoft' END)",
        "invoice_issuer_name": f"coalesce({file.word('partnername')}, 'Microsoft')",
        "invoice_id": invoice,
        "provisional": f"({invoice} IS NULL)" if file.has("invoiceid") else "FALSE",
        "billing_account_id": account,
        "billing_account_name": file.text("billingaccountname"),
        "billing_account_type": f"CASE WHEN {account} IS NOT NULL THEN 'Billing account' END",
        "sub_account_id": subscription,
        "sub_account_name": file.text("subscriptionname"),
        "sub_account_type": f"CASE WHEN {subscription} IS NOT NULL THEN 'Subscription' END",
    }


def _periods(file: Columns, order: Order) -> dict[str, str]:
    day, billed = file.day(order, *DAYS), file.day(order, "billingperiodstartdate", "billingperiodstart")
    # Subscriptions with a credit card are billed from some day of a month on: they are put to calendar months.
    month = f"coalesce(CASE WHEN day({billed}) = 1 THEN {billed} END, date_trunc('month', {day}))"
    return {
        "charge_date": f"CAST({day} AS DATE)",
        "charge_period_start": day,
        "charge_period_end": f"({day} + INTERVAL 1 DAY)",
        "billing_period_start": month,
        "billing_period_end": f"({month} + INTERVAL 1 MONTH)",
    }


def _charge(file: Columns) -> dict[str, str]:
    kind, usual = _key(file.text("chargetype")), f"{file.text('chargetype')} IS NULL"
    quantity, unit = file.amount("quantity", "usagequantity", "consumedquantity"), file.text("unitofmeasure")
    used = f"coalesce({kind} = 'usage', TRUE)"
    return {
        "charge_category": f"CASE WHEN {usual} THEN 'Usage' ELSE {charge_category_sql(file.text('chargetype'))} END",
        "charge_class": f"CASE WHEN {kind} = 'refund' THEN 'Correction' END",
        "charge_frequency": case(_key(file.text("frequency")), _FREQUENCIES, f"NULL::{TEXT}"),
        "charge_description": file.word("productname", "product", "metername"),
        "consumed_quantity": f"CASE WHEN {used} THEN {quantity} END",
        "consumed_unit": f"CASE WHEN {used} THEN {unit} END",
        "pricing_quantity": quantity,
        "pricing_unit": unit,
    }


def _service(file: Columns) -> dict[str, str]:
    meter, consumed = file.word("metercategory"), file.word("consumedservice")
    name = f"coalesce({meter}, {file.word('servicename')}, {consumed}, {file.word('publishername')})"
    group = group_sql(name, file.word("metersubcategory"), file.word("metername"))
    return {
        "service_name": group,
        "service_category": service_sql("category", group, name, consumed),
        "service_subcategory": service_sql("subcategory", group, name, consumed),
        "sku_id": file.word("productid", "partnumber"),
        "sku_meter": file.word("metername"),
        "sku_price_id": file.word("meterid"),
        "sku_price_details": file.json("additionalinfo"),
        "tags": _tags(file, name, group),
    }


def _tags(file: Columns, name: str, group: str) -> str:
    """The resource's tags, its group, and the service's own name where another groups it."""
    ours = {RESOURCE_GROUP: file.word("resourcegroup", "resourcegroupname"), ORIGINAL: f"NULLIF({name}, {group})"}
    pairs = ", ".join(f"{{'k': {literal(tag)}, 'v': {value}}}" for tag, value in ours.items())
    extra = f"map_from_entries(list_filter([{pairs}], lambda e: e.v IS NOT NULL))"
    return f"map_concat(coalesce({file.tags('tags')}, MAP {{}}), {extra})"


def _resource(file: Columns) -> dict[str, str]:
    resource, region = file.text("resourceid", "instanceid", "instancename"), file.word("resourcelocation", "location")
    provided = f"NULLIF(regexp_extract({resource}, '(?i)/providers/([^/]+/[^/]+)/[^/]+/*$', 1), '')"
    return {
        "resource_id": resource,
        "resource_name": f"coalesce({file.word('resourcename')}, NULLIF(regexp_extract({resource}, '[^/]+$'), ''))",
        "resource_type": f"coalesce({file.word('resourcetype')}, {provided})",
        "region_id": region_sql(region),
        "region_name": region,
        "availability_zone": file.word("availabilityzone"),
    }


def _costs(file: Columns, currency: str | None) -> dict[str, str]:
    column = [each for each in COSTS if file.has(each)][:1]
    cost, said = file.amount(*column), file.text(*CURRENCIES)
    known = f"coalesce({said}, {literal(currency)})" if currency else said
    nothing = f"({file.text(*column)} IS NULL AND {said} IS NULL)"  # a line of nothing, which tells a day at most
    billing = f"CASE WHEN {nothing} THEN coalesce({known}, {literal(NO_CURRENCY)}) ELSE {known} END"
    billed = f"CASE WHEN {nothing} THEN 0::{DECIMAL} ELSE {cost} END"
    priced = file.text("pricingcurrency", "pricingcurrencycode")
    same = f"coalesce({priced} = {said}, TRUE)"
    return {
        "billing_currency": billing,
        "billed_cost": billed,
        "effective_cost": billed,
        "list_cost": file.amount("paygcostinbillingcurrency"),
        "list_unit_price": f"CASE WHEN {same} THEN {file.amount('paygprice')} END",
        "contracted_unit_price": f"CASE WHEN {same} THEN {file.amount('unitprice', 'resourcerate')} END",
        "pricing_currency": priced,
        "pricing_currency_effective_cost": file.amount("costinpricingcurrency"),
        "pricing_currency_list_unit_price": f"CASE WHEN {priced} IS NOT NULL THEN {file.amount('paygprice')} END",
    }


def _commitment(file: Columns) -> dict[str, str]:
    kind = _key(file.text("chargetype"))
    commitment = file.text("benefitid", "reservationid")
    # Files without pricing models still tell a charge that nobody used.
    model = f"CASE {kind} WHEN 'unusedreservation' THEN 'reservation' WHEN 'unusedsavingsplan' THEN 'savingsplan' ELSE"
    model = f"{model} coalesce({_key(file.text('pricingmodel'))}, {_of_reservation(file)}) END"
    status = f"CASE {kind} WHEN 'usage' THEN 'Used' WHEN 'unusedreservation' THEN 'Unused'"
    status = f"{status} WHEN 'unusedsavingsplan' THEN 'Unused' END"
    committed = f"{model} IN ('reservation', 'savingsplan')"
    return {
        "pricing_category": case(model, _PRICING, f"NULL::{TEXT}"),
        "commitment_discount_id": f"CASE WHEN {committed} THEN {commitment} END",
        "commitment_discount_name": f"CASE WHEN {committed} THEN {file.text('benefitname', 'reservationname')} END",
        "commitment_discount_category": case(model, _COMMITMENT_CATEGORIES, f"NULL::{TEXT}"),
        "commitment_discount_type": case(model, _COMMITMENTS, f"NULL::{TEXT}"),
        "commitment_discount_status": f"CASE WHEN {committed} THEN {status} END",
    }


def _of_reservation(file: Columns) -> str:
    return f"CASE WHEN {file.text('reservationid')} IS NOT NULL THEN 'reservation' END"


def _key(text: str) -> str:
    """A word of a file in lower case and without what is between its letters, as files differ in that."""
    return f"regexp_replace(lower({text}), '[^a-z]', '', 'g')"
