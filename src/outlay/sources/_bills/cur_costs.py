"""What a line of an AWS Cost and Usage Report costs: billed, amortised, contracted and listed."""

from __future__ import annotations

from collections.abc import Collection

from outlay.sources._bills.cur_columns import ZERO, Report, case

RESERVATION_COSTS = (
    "reservationeffectivecost",
    "reservationunusedamortizedupfrontfeeforbillingperiod",
    "reservationunusedrecurringfee",
)
SAVINGS_PLAN_COSTS = (
    "savingsplansavingsplaneffectivecost",
    "savingsplantotalcommitmenttodate",
    "savingsplanusedcommitment",
)
_AMOUNTS = ("lineitemunblendedcost", "pricingpublicondemandcost")
# A report has its discounts as lines, or in this column: then what is invoiced are the net costs.
DISCOUNT, NET_COST, NET_RATE = "discounttotaldiscount", "lineitemnetunblendedcost", "lineitemnetunblendedrate"
NET = {
    "reservationeffectivecost": "reservationneteffectivecost",
    "reservationunusedamortizedupfrontfeeforbillingperiod": "reservationnetunusedamortizedupfrontfeeforbillingperiod",
    "reservationunusedrecurringfee": "reservationnetunusedrecurringfee",
    "savingsplansavingsplaneffectivecost": "savingsplannetsavingsplaneffectivecost",
}


def amounts(keys: Collection[str]) -> tuple[str, ...]:
    """The keys of what is billed in a report with these columns, or listed: no line may have something else there."""
    return (*_AMOUNTS, DISCOUNT, NET_COST) if {DISCOUNT, NET_COST} <= set(keys) else _AMOUNTS


def costs(report: Report) -> dict[str, str]:
    """The SQL of the four costs and of their currency."""
    line, billed = line_type(report), billed_cost(report)
    effective = effective_cost(report)
    public = f"NULLIF({in_currency_of_bill(report, report.amount('pricingpublicondemandcost'))}, 0)"
    contracted = {"DiscountedUsage": f"coalesce({public}, {effective})", "SavingsPlanNegation": ZERO}
    gross = report.amount("lineitemunblendedcost")
    listed = dict.fromkeys(("Usage", "SavingsPlanCoveredUsage"), f"coalesce({public}, {gross})")
    return {
        "billing_currency": report.text("lineitemcurrencycode"),
        "billed_cost": billed,
        "effective_cost": effective,
        "contracted_cost": case(line, contracted, billed),
        "list_cost": case(line, contracted | listed, billed),
    }


def effective_cost(report: Report) -> str:
    """Usage costs its share of the commitment that pays for it, and the fee costs what nobody used.

    In a file that lacks a column of the amortisation, all lines of such commitments cost what is billed:
    amortised in part, fee and usage would both count, or neither.
    """
    billed = billed_cost(report)
    by_line: dict[str, str] = {}
    if report.has(*RESERVATION_COSTS):
        used, upfront, recurring = (amortised(report, each) for each in RESERVATION_COSTS)
        reserved = f"{report.text('reservationreservationarn')} IS NOT NULL"
        by_line["DiscountedUsage"] = f"coalesce({used}, {billed})"
        by_line["RIFee"] = f"coalesce({upfront} + {recurring}, {upfront}, {recurring}, {billed})"
        by_line["Fee"] = f"CASE WHEN {reserved} THEN {ZERO} ELSE {billed} END"
    if report.has(*SAVINGS_PLAN_COSTS):
        used, committed, spent = (amortised(report, each) for each in SAVINGS_PLAN_COSTS)
        by_line["SavingsPlanCoveredUsage"] = f"coalesce({used}, {billed})"
        by_line["SavingsPlanRecurringFee"] = f"coalesce({committed} - {spent}, {billed})"
        by_line["SavingsPlanNegation"] = by_line["SavingsPlanUpfrontFee"] = ZERO
    return case(line_type(report), by_line, billed)


def line_type(report: Report) -> str:
    """What a line is, in AWS's words."""
    return report.text("lineitemlineitemtype")


def billed_cost(report: Report) -> str:
    """What is invoiced for a line, where the other lines are invoiced too."""
    return discounted(report, NET_COST, report.amount("lineitemunblendedcost"))


def discounted(report: Report, net: str, gross: str) -> str:
    """The net amount of lines that have a discount in their columns, the gross one of all others."""
    if not report.has(DISCOUNT, NET_COST, net):
        return gross
    return f"CASE WHEN {report.amount(DISCOUNT)} <> 0 THEN coalesce({report.amount(net)}, {gross}) ELSE {gross} END"


def amortised(report: Report, gross: str) -> str:
    """A cost of a commitment, net where discounts are in columns: the line that carries it has none of its own."""
    if gross not in NET or not report.has(DISCOUNT, NET_COST, NET[gross]):
        return report.amount(gross)
    return f"coalesce(NULLIF({report.amount(NET[gross])}, 0), {report.amount(gross)})"


def in_currency_of_bill(report: Report, price: str) -> str:
    """A public price, which may be in another currency than the bill: then it is none of ours."""
    ours = f"coalesce({report.text('pricingcurrency')} = {report.text('lineitemcurrencycode')}, TRUE)"
    return f"CASE WHEN {ours} THEN {price} END"
