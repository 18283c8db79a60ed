"""AWS Cost and Usage Reports, legacy and 2.0, as FOCUS: what each line type is, costs and stands for.

The rules and their reasons are in docs/sources/cur.md.
Source of the columns: https://docs.aws.amazon.com/cur/latest/userguide/data-dictionary.html
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from outlay.core.focus import CHARGES
from outlay.objects import literal
from outlay.sources._bills.aws_services import OTHER, SERVICES
from outlay.sources._bills.cur_columns import (
    DECIMAL,
    TEXT,
    TIME,
    TYPES,
    ZERO,
    Report,
    case,
    exclusive,
    key,
    one_of,
)
from outlay.sources._bills.cur_costs import (
    NET_RATE,
    amortised,
    amounts,
    billed_cost,
    costs,
    discounted,
    effective_cost,
    in_currency_of_bill,
    line_type,
)
from outlay.sources._bills.cur_sku import sku_price_details

REQUIRED = frozenset(
    {
        "billbillingperiodstartdate",
        "lineitemcurrencycode",
        "lineitemlineitemtype",
        "lineitemproductcode",
        "lineitemunblendedcost",
        "lineitemusageaccountid",
        "lineitemusagestartdate",
    }
)
TIMES = (
    "billbillingperiodstartdate",
    "billbillingperiodenddate",
    "lineitemusagestartdate",
    "lineitemusageenddate",
)

# Line types, by what they are in FOCUS. Discounts, refunds and types unknown to us are adjustments.
COVERED = ("DiscountedUsage", "SavingsPlanCoveredUsage", "SavingsPlanNegation")
USAGE = ("Usage", *COVERED)
RECURRING = ("RIFee", "SavingsPlanRecurringFee", "FlatRateSubscription")
PURCHASE = ("Fee", "SavingsPlanUpfrontFee", *RECURRING)
BOUGHT = (*USAGE, *PURCHASE)
CATEGORIES = {
    **dict.fromkeys(USAGE, "'Usage'"),
    **dict.fromkeys(PURCHASE, "'Purchase'"),
    "Tax": "'Tax'",
    "Credit": "'Credit'",
}

NO_TEXT, NO_NUMBER = f"NULL::{TEXT}", f"NULL::{DECIMAL}"


def matches(columns: Collection[str]) -> bool:
    """Whether a file with these column names is a Cost and Usage Report, of any generation and spelling."""
    return {key(name) for name in columns} >= REQUIRED


def types(columns: Collection[str]) -> dict[str, str]:
    """The DuckDB types with which to read a report's CSV: amounts and times; all other columns are text."""
    kinds = dict.fromkeys(TIMES, TIME) | dict.fromkeys(amounts({key(name) for name in columns}), DECIMAL)
    return {name: kinds[key(name)] for name in columns if key(name) in kinds}


def expressions(columns: Mapping[str, str]) -> dict[str, str]:
    """The DuckDB SQL of each column of CHARGES but `source` and `cut`.

    `columns` are the names and DuckDB types in the file; those that a report may lack become nulls. The
    connection's TimeZone has to be UTC. A mandatory column is null only where the report itself is empty.
    """
    report = Report(columns)
    known = {
        **_parties(report),
        **_periods(report),
        **_service(report),
        **costs(report),
        **_prices(report),
        "sku_price_details": sku_price_details(report),
        **_commitment(report),
        "tags": report.tags(),
    }
    return {
        column.name: known.get(column.name, f"NULL::{TYPES[column.kind]}")
        for column in CHARGES
        if column.name not in {"source", "cut"}
    }


def _parties(report: Report) -> dict[str, str]:
    payer, account = report.text("billpayeraccountid"), report.text("lineitemusageaccountid")
    seller, invoice = report.text("lineitemlegalentity"), report.text("billinvoiceid")
    sold = f"{report.text('billbillingentity')} = 'AWS Marketplace'"
    return {
        "provider": "'aws'",
        "provider_name": "'AWS'",
        "publisher_name": f"CASE WHEN {sold} THEN coalesce({seller}, 'AWS Marketplace') ELSE 'AWS' END",
        "invoice_issuer_name": f"coalesce({report.text('billinvoicingentity')}, {seller}, 'AWS')",
        "invoice_id": invoice,
        "provisional": f"({invoice} IS NULL)" if report.has("billinvoiceid") else "FALSE",
        "billing_account_id": payer,
        "billing_account_name": report.text("billpayeraccountname"),
        "billing_account_type": f"CASE WHEN {payer} IS NOT NULL THEN 'Payer account' END",
        "sub_account_id": account,
        "sub_account_name": report.text("lineitemusageaccountname"),
        "sub_account_type": f"CASE WHEN {account} IS NOT NULL THEN 'Usage account' END",
    }


def _periods(report: Report) -> dict[str, str]:
    month, usage = report.time("billbillingperiodstartdate"), report.time("lineitemusagestartdate")
    interval = report.text("identitytimeinterval")
    since, until = (f"TRY_CAST(split_part({interval}, '/', {i}) AS {TIME})" for i in (1, 2))
    start = f"coalesce({usage}, {since}, {month})"
    month_start = f"coalesce({month}, date_trunc('month', {start}))"
    month_end = exclusive(report.time("billbillingperiodenddate"))
    month_end = f"coalesce({month_end}, {month_start} + INTERVAL 1 MONTH)"
    end = exclusive(report.time("lineitemusageenddate"))
    return {
        "billing_period_start": month_start,
        "billing_period_end": month_end,
        "charge_period_start": start,
        "charge_period_end": f"coalesce({end}, {until}, {month_end})",
        "charge_date": f"CAST({start} AS DATE)",
    }


def _service(report: Report) -> dict[str, str]:
    line, code = line_type(report), report.text("lineitemproductcode")
    names, categories, subcategories = (
        {code: literal(service[i]) for code, service in SERVICES.items()} for i in range(3)
    )
    refunded = f"{line} = 'Refund' OR {report.text('billbilltype')} = 'Refund'"
    frequencies = dict.fromkeys(USAGE, "'Usage-Based'") | dict.fromkeys(RECURRING, "'Recurring'")
    zone = report.text("lineitemavailabilityzone", "reservationavailabilityzone")
    of_zone = f"NULLIF(regexp_extract({zone}, '^[a-z]+(-[a-z]+)+-[0-9]+'), '')"
    reserved = report.text("capacityreservationcapacityreservationstatus")
    return {
        "charge_category": case(line, CATEGORIES, "'Adjustment'"),
        "charge_class": f"CASE WHEN {refunded} THEN 'Correction' END",
        "charge_frequency": case(line, frequencies, "'One-Time'"),
        "charge_description": report.text("lineitemlineitemdescription"),
        "service_name": f"coalesce({report.product('product_name')}, {case(code, names, code)})",
        "service_category": case(code, categories, literal(OTHER.category)),
        "service_subcategory": case(code, subcategories, literal(OTHER.subcategory)),
        "resource_id": report.text("lineitemresourceid"),
        "region_id": f"coalesce({report.product('region_code', 'region')}, {of_zone})",
        "region_name": report.product("location"),
        "availability_zone": zone,
        "capacity_reservation_id": report.text("capacityreservationcapacityreservationarn"),
        "capacity_reservation_status": case(reserved, {"Used": "'Used'", "Unused": "'Unused'"}, NO_TEXT),
    }


def _prices(report: Report) -> dict[str, str]:
    line, usage, unit = line_type(report), report.number("lineitemusageamount"), report.text("pricingunit")
    meter = report.text("lineitemusagetype")
    used = dict.fromkeys(USAGE, usage) | {"SavingsPlanNegation": ZERO}
    bought = dict.fromkeys(PURCHASE, usage) | used
    rate = discounted(report, NET_RATE, report.number("lineitemunblendedrate"))
    public = in_currency_of_bill(report, report.number("pricingpublicondemandrate"))
    rates = dict.fromkeys(BOUGHT, rate) | {"DiscountedUsage": public, "SavingsPlanNegation": NO_NUMBER}
    listed = dict.fromkeys(("Usage", "SavingsPlanCoveredUsage"), f"coalesce({public}, {rate})")
    spot = f"CASE WHEN {meter} LIKE '%SpotUsage%' THEN 'Dynamic' ELSE 'Standard' END"
    pricing = dict.fromkeys(PURCHASE, "'Standard'") | dict.fromkeys(COVERED, "'Committed'") | {"Usage": spot}
    taxed = f"{line} IS NOT DISTINCT FROM 'Tax'"
    return {
        "consumed_quantity": case(line, used, NO_NUMBER),
        "consumed_unit": f"CASE WHEN {one_of(line, USAGE)} THEN {unit} END",
        "pricing_quantity": case(line, bought, NO_NUMBER),
        "pricing_unit": f"CASE WHEN {one_of(line, BOUGHT)} THEN {unit} END",
        "pricing_category": case(line, pricing, NO_TEXT),
        "pricing_currency": report.text("pricingcurrency"),
        "contracted_unit_price": case(line, rates, NO_NUMBER),
        "list_unit_price": case(line, rates | listed, NO_NUMBER),
        "sku_id": f"CASE WHEN NOT {taxed} THEN {report.product('sku')} END",
        "sku_price_id": f"CASE WHEN NOT {taxed} THEN {report.text('pricingratecode', 'pricingrateid')} END",
        "sku_meter": f"CASE WHEN NOT {taxed} THEN {meter} END",
    }


def _commitment(report: Report) -> dict[str, str]:
    line, plan = line_type(report), report.text("savingsplansavingsplanarn")
    reservation = report.text("reservationreservationarn")
    commitment = f"coalesce({plan}, {reservation})"
    planned, reserved = f"{plan} IS NOT NULL", f"{reservation} IS NOT NULL"
    kind = f"CASE WHEN {planned} THEN 'Savings Plan' WHEN {reserved} THEN 'Reserved Instance' END"
    quantity, unit = _committed(report)
    quantity = f"CASE WHEN {commitment} IS NOT NULL THEN {quantity} END"
    used, fee = one_of(line, USAGE), one_of(line, ("RIFee", "SavingsPlanRecurringFee"))
    status = f"CASE WHEN {used} THEN 'Used' WHEN {fee} AND {effective_cost(report)} > 0 THEN 'Unused' END"
    return {
        "commitment_discount_id": commitment,
        "commitment_discount_category": f"CASE WHEN {planned} THEN 'Spend' WHEN {reserved} THEN 'Usage' END",
        "commitment_discount_type": kind,
        "commitment_discount_status": f"CASE WHEN {commitment} IS NOT NULL THEN {status} END",
        "commitment_discount_quantity": quantity,
        "commitment_discount_unit": f"CASE WHEN {quantity} IS NOT NULL THEN {unit} END",
    }


def _committed(report: Report) -> tuple[str, str]:
    """How much of a commitment a line buys or uses, and the unit of that.

    Reservations count in normalised hours, where the report has them, for one reservation covers many sizes.
    """
    plans = {
        "SavingsPlanCoveredUsage": amortised(report, "savingsplansavingsplaneffectivecost"),
        "SavingsPlanNegation": ZERO,
        "SavingsPlanRecurringFee": report.amount("savingsplantotalcommitmenttodate"),
        "SavingsPlanUpfrontFee": billed_cost(report),
    }
    bought = ("reservationtotalreservednormalizedunits", "reservationtotalreservedunits")
    used = ("lineitemnormalizedusageamount", "lineitemusageamount")
    reserved = {"DiscountedUsage": used, "RIFee": bought, "Fee": bought}
    normal = {line: f"NULLIF({report.number(each)}, 0)" for line, (each, _) in reserved.items()}
    plain = {line: f"coalesce({normal[line]}, {report.number(each)})" for line, (_, each) in reserved.items()}
    hours = f"CASE WHEN {case(line_type(report), normal, NO_NUMBER)} IS NULL THEN {report.text('pricingunit')}"
    units = dict.fromkeys(plans, report.text("lineitemcurrencycode"))
    return (
        case(line_type(report), plans | plain, NO_NUMBER),
        case(line_type(report), units, f"{hours} ELSE 'Normalized Hours' END"),
    )
