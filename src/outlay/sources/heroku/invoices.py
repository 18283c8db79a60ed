"""Invoices: a team's in integer cents, an account's in decimal dollars, both in USD from here on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from outlay.core.errors import BillError
from outlay.core.span import Period, month_of
from outlay.sources.heroku.answers import Record

USD_PER_CENT = Decimal("0.01")
PENDING = 0
# The schema tells the states in this order and gives 1 for a paid invoice.
STATES: Mapping[int, str] = {PENDING: "pending", 1: "successful", 2: "failed"}
DAY_FORMATS = ("%m/%d/%Y", "%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice, or several of one month together. Amounts are USD.

    `charges`, `credits` and `total` are what Heroku calls them: `total` should be the first less the second.
    `platform`, `addons`, `database`, `dyno_units` (months of one unit) and `weighted_dyno_hours` only teams are told;
    `platform` is None where Heroku does not break charges down.
    """

    number: str
    period: Period
    state: int
    payment_status: str  # in words
    total: Decimal
    charges: Decimal
    credits: Decimal
    platform: Decimal | None = None
    addons: Decimal | None = None
    database: Decimal | None = None
    dyno_units: Decimal | None = None
    weighted_dyno_hours: Decimal | None = None

    @property
    def month(self) -> date:
        """The billing month: that of the period's middle, should its bounds be some hours or days off."""
        return month_of(self.period.start + (self.period.end - self.period.start) / 2)

    @property
    def credited(self) -> Decimal:
        """The credits as they lower the total: zero or less, whichever sign Heroku gives them."""
        return -abs(self.credits)

    @property
    def addon_charges(self) -> Decimal:
        """What is charged for add-ons, databases included but never twice.

        Databases are counted beside the add-ons, unless the charges add up only with databases among the add-ons.
        """
        platform, addons, database = (each or Decimal(0) for each in (self.platform, self.addons, self.database))
        contained = platform + addons == self.charges != platform + addons + database
        return addons if contained else addons + database


def invoices(answers: Iterable[Record], *, cents: bool) -> list[Invoice]:
    """The invoices, the newest period first. Raises BillError, also for one that is listed twice."""
    found: dict[str, Invoice] = {}
    for record in answers:
        invoice = _invoice(record, cents=cents)
        if invoice.number in found:
            raise BillError(f"{record.place}: the invoice {invoice.number} is listed twice")
        found[invoice.number] = invoice
    return sorted(found.values(), key=lambda each: (each.period.end, each.period.start, each.number), reverse=True)


def together(several: Sequence[Invoice]) -> Invoice | None:
    """All invoices of one month as one, pending as long as one of them is; None of none."""
    if len(several) < 2:
        return several[0] if several else None
    return Invoice(
        " + ".join(each.number for each in several),
        Period(min(each.period.start for each in several), max(each.period.end for each in several)),
        PENDING if any(each.state == PENDING for each in several) else several[0].state,
        several[0].payment_status,
        **{each.name: _sum(several, each.name) for each in fields(Invoice)[4:]},
    )


def _sum(several: Sequence[Invoice], name: str) -> Decimal:
    return sum((getattr(each, name) or Decimal(0) for each in several), Decimal(0))


def _invoice(record: Record, *, cents: bool) -> Invoice:
    number = record.whole("number")
    at = Record(f"{record.place}, {number}", record.said)
    state = at.whole("state")

    def usd(name: str) -> Decimal:
        return at.whole(name) * USD_PER_CENT if cents else at.number(name)

    return Invoice(
        number=str(number),
        period=_period(at),
        state=state,
        payment_status=_status(at, state),
        total=usd("total"),
        charges=usd("charges_total"),
        credits=usd("credits_total"),
        platform=usd("platform_total") if cents else None,
        addons=usd("addons_total") if cents else None,
        database=usd("database_total") if cents else None,
        dyno_units=at.number("dyno_units") if cents else None,
        weighted_dyno_hours=at.number("weighted_dyno_hours") if cents else None,
    )


def _period(record: Record) -> Period:
    """The period; the day it ends on is part of it."""
    start, last = _day(record, "period_start"), _day(record, "period_end")
    if last < start:
        raise record.fault("period_end", f"is before period_start, {start}")
    return Period(start, last + timedelta(days=1))


def _day(record: Record, name: str) -> date:
    said = record.text(name)
    for form in DAY_FORMATS:
        try:
            return datetime.strptime(said[:10], form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    raise record.fault(name, "is no day such as 10/31/2026")


def _status(record: Record, state: int) -> str:
    """The payment status in words; where Heroku tells none, or a number, it is the state's."""
    said = record.said.get("payment_status")
    if isinstance(said, str) and said and not said.isdecimal():
        return said
    number = int(said) if isinstance(said, int | str) and str(said).isdecimal() else state
    return STATES.get(number, f"unknown ({number})")
