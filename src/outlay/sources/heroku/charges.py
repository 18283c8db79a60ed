"""One month of one owner as FOCUS rows, whose sum is the invoice's total to the last digit once there is one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from outlay.core.money import amount
from outlay.core.span import Period
from outlay.sources.heroku.api import Owner
from outlay.sources.heroku.invoices import Invoice
from outlay.sources.heroku.usage import ADDONS, Kind, Use

NOTHING = Decimal(0)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """What rows of one kind of usage say of it. `publisher` is None where Heroku does not say who it is."""

    name: str
    category: str
    subcategory: str
    unit: str
    publisher: str | None = "Heroku"
    remark: str | None = None


SERVICES: Mapping[Kind, Service] = {
    "dynos": Service("Heroku Dynos", "Compute", "Containers", "Dyno units"),
    "space": Service("Heroku Private Spaces", "Networking", "Network Infrastructure", "Space units"),
    "data": Service("Heroku Data Add-ons", "Databases", "Other (Databases)", "Add-on credits"),
    "partner": Service("Heroku Partner Add-ons", "Other", "Other (Other)", "Add-on credits", None),
    "other": Service(
        "Heroku Add-ons",
        "Other",
        "Other (Other)",
        "Add-on credits",
        None,
        "Add-ons as Heroku totals them, beyond its data and partner add-ons",
    ),
}
PLATFORM = "Heroku Platform"


@dataclass(frozen=True, slots=True)
class Prices:
    """USD for one add-on credit, one dyno unit and one space unit; None where that is not known."""

    addon_credit: Decimal
    dyno_unit: Decimal | None
    space_unit: Decimal | None

    def of(self, kind: Kind) -> Decimal | None:
        """The price of one unit."""
        return {"dynos": self.dyno_unit, "space": self.space_unit}.get(kind, self.addon_credit)


@dataclass(frozen=True, slots=True)
class Bill:
    """What one owner is billed for one month. Without an invoice, usage is all there is to tell."""

    source: str
    owner: Owner
    month: Period
    uses: Sequence[Use]
    invoice: Invoice | None
    prices: Prices
    provisional: bool


def rows(bill: Bill) -> list[Row]:
    """Every charge of the bill. To be called with enough digits; see __init__.EXACT."""
    costs = _costs(bill)
    used = [_used(bill, use, cost) for use, cost in zip(bill.uses, costs, strict=True)]
    addons = sum((cost for use, cost in zip(bill.uses, costs, strict=True) if use.kind in ADDONS), NOTHING)
    return [*used, *(_beyond(bill, bill.invoice, addons) if bill.invoice else ())]


def allocated(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """`total` by weight, in steps of the 18th place, of which none is lost. The weights' sum is not 0."""
    whole = sum(weights, NOTHING)
    shares: list[Decimal] = []
    running = handed_out = NOTHING
    for weight in weights:
        running += weight
        until = amount(total * running / whole)
        shares.append(until - handed_out)
        handed_out = until
    return shares


def _costs(bill: Bill) -> list[Decimal]:
    """USD of each use: units times their price, or a share of the invoice's platform charges."""
    costs = [
        NOTHING if _is_platform(bill, use) else amount(use.quantity * (bill.prices.of(use.kind) or NOTHING))
        for use in bill.uses
    ]
    spread_by = _platform_kind(bill)
    if bill.invoice and bill.invoice.platform and spread_by:
        at = [index for index, use in enumerate(bill.uses) if use.kind == spread_by]
        shares = allocated(bill.invoice.platform, [bill.uses[index].quantity for index in at])
        for index, share in zip(at, shares, strict=True):
            costs[index] = share
    return costs


def _is_platform(bill: Bill, use: Use) -> bool:
    """Whether the invoice tells what this use costs, among its platform charges."""
    return bill.invoice is not None and use.kind not in ADDONS


def _remark(bill: Bill, use: Use, service: Service) -> str | None:
    if use.kind not in ADDONS and bill.invoice is None and bill.prices.of(use.kind) is None:
        return "Units without a price: Heroku has told none yet"
    if use.days == bill.month:
        return "Usage of the month beyond what Heroku told of its days"
    return service.remark


def _platform_kind(bill: Bill) -> Kind | None:
    """Whose units the platform charges are spread by: dynos', else spaces', else nobody's."""
    kinds: tuple[Kind, ...] = ("dynos", "space")
    for kind in kinds:
        units = [use.quantity for use in bill.uses if use.kind == kind]
        # Corrections may be less than nothing; units that cancel out would make shares of any size.
        if 2 * sum(units, NOTHING) > sum(map(abs, units), NOTHING):
            return kind
    return None


def _used(bill: Bill, use: Use, cost: Decimal) -> Row:
    service = SERVICES[use.kind]
    price = None if _is_platform(bill, use) else bill.prices.of(use.kind)
    tags = {"team": use.team.name if use.team else None, "app": use.app}
    return _row(bill, use.days, cost) | {
        "charge_category": "Usage",
        "charge_frequency": "Usage-Based",
        "charge_description": _remark(bill, use, service),
        "consumed_quantity": amount(use.quantity),
        "consumed_unit": service.unit,
        "pricing_quantity": amount(use.quantity),
        "pricing_unit": service.unit,
        "pricing_category": "Standard",
        "contracted_unit_price": price,
        "publisher_name": service.publisher,
        "resource_id": use.app,
        "resource_name": use.app,
        "resource_type": "App" if use.app else None,
        "service_name": service.name,
        "service_category": service.category,
        "service_subcategory": service.subcategory,
        "sku_meter": use.kind,
        "sub_account_id": use.team.id if use.team else None,
        "sub_account_name": use.team.name if use.team else None,
        "sub_account_type": "Team" if use.team else None,
        "tags": {key: value for key, value in tags.items() if value},
    }


def _beyond(bill: Bill, invoice: Invoice, addons_used: Decimal) -> Iterator[Row]:
    """What the invoice has beyond usage, part by part; the parts and the usage add up to its total."""
    platform = invoice.platform or NOTHING
    addons = invoice.addon_charges
    broken_down = invoice.platform is not None
    fitted = "Adjustment" if bill.uses else "Usage"  # of no usage at all, the charges stand for it
    lines: list[tuple[Decimal, str, str, str]] = [
        (
            NOTHING if _platform_kind(bill) else platform,
            "Usage",
            PLATFORM,
            "Platform charges of the invoice, for which Heroku told no units",
        ),
        (addons - addons_used, fitted, SERVICES["other"].name, "Add-ons of the invoice less those of the usage"),
        (
            invoice.charges - platform - addons,
            "Adjustment" if broken_down else "Usage",
            PLATFORM,
            "Charges that the invoice does not break down",
        ),
        (invoice.credited, "Credit", PLATFORM, "Credits of the invoice"),
        (
            invoice.total - invoice.charges - invoice.credited,
            "Adjustment",
            PLATFORM,
            "Total of the invoice less its charges and credits, such as tax",
        ),
    ]
    for cost, category, service, why in lines:
        if cost:
            yield _row(bill, bill.month, cost) | _invoiced(bill, category, service, why)


def _invoiced(bill: Bill, category: str, service: str, why: str) -> Row:
    team = next((use.team for use in bill.uses if use.team), None)
    return {
        "charge_category": category,
        "charge_frequency": "One-Time",
        "charge_description": why,
        "publisher_name": "Heroku",
        "service_name": service,
        "service_category": "Other",
        "service_subcategory": "Other (Other)",
        "sub_account_id": (team.id if team else bill.owner.named) if bill.owner.kind == "team" else None,
        "sub_account_name": (team.name if team else bill.owner.named) if bill.owner.kind == "team" else None,
        "sub_account_type": "Team" if bill.owner.kind == "team" else None,
    }


def _row(bill: Bill, days: Period, cost: Decimal) -> Row:
    """What every row has: whose it is, when, and what it costs."""
    cost = amount(cost)
    return {
        "source": bill.source,
        "provider_name": "Heroku",
        "invoice_issuer_name": "Heroku",
        "invoice_id": bill.invoice.number if bill.invoice else None,
        "billing_account_id": bill.owner.named or None,
        "billing_account_name": bill.owner.named or None,
        "billing_account_type": bill.owner.kind.capitalize(),
        "billing_currency": "USD",
        "billed_cost": cost,
        "effective_cost": cost,
        "contracted_cost": cost,
        "charge_period_start": _midnight(days.start),
        "charge_period_end": _midnight(days.end),
        "billing_period_start": _midnight(bill.month.start),
        "billing_period_end": _midnight(bill.month.end),
        "provisional": bill.provisional,
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
