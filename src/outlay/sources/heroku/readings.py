"""Readings: the invoices and the usage of this month and the last, under the names that Heroku exporters gave them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from outlay.core.reading import Reading
from outlay.core.span import Period, month_of, next_month
from outlay.sources.heroku.answers import Record
from outlay.sources.heroku.invoices import Invoice
from outlay.sources.heroku.usage import ADDONS, amounts

TEAM_TOTAL = "_team_total"

# Names after `heroku_invoice_<current or previous>_`, the field of the invoice, and the unit.
MONEY = (
    ("charges_total_usd", "charges"),
    ("credits_total_usd", "credits"),
    ("addons_total_usd", "addons"),
    ("database_total_usd", "database"),
    ("platform_total_usd", "platform"),
)
UNITS = (("dyno_units", "dyno_units", "units"), ("weighted_dyno_hours", "weighted_dyno_hours", "hours"))


def previous_month(day: date) -> date:
    """The first day of the month before that of `day`."""
    return month_of(month_of(day) - timedelta(days=1))


def of_invoices(account: str, invoices: Sequence[Invoice], day: date) -> Iterator[Reading]:
    """The newest invoice that had begun on `day` and the one before it. `invoices`: the newest first."""
    begun = [each for each in invoices if each.period.start <= day]
    for which, invoice in zip(("current", "previous"), begun, strict=False):
        yield from _invoice(f"heroku_invoice_{which}", account, invoice)


def _invoice(prefix: str, account: str, invoice: Invoice) -> Iterator[Reading]:
    last = (invoice.period.end - timedelta(days=1)).isoformat()
    labels = {"account": account, "period_end": last}
    status = {"payment_status": invoice.payment_status, "state": str(invoice.state)}
    yield Reading(f"{prefix}_total_usd", invoice.total, "USD", labels | status, invoice.period)
    for name, field, unit in [*((name, field, "USD") for name, field in MONEY), *UNITS]:
        value: Decimal | None = getattr(invoice, field)
        if value is not None:
            yield Reading(f"{prefix}_{name}", value, unit, labels, invoice.period)


def of_usage(which: str, month: date, teams: Sequence[Record], usd_per_credit: Decimal) -> Iterator[Reading]:
    """What teams and their apps used in a month, `which` being `current` or `previous`.

    Types add up to add-ons, which are therefore a reading of their own: none is in another.
    """
    prefix, days = f"heroku_team_usage_{which}", Period(month, next_month(month))
    for team in teams:
        named = {"team_name": team.text("name"), "month": f"{month:%Y-%m}"}
        for app, record in [(TEAM_TOTAL, team), *((each.text("app_name"), each) for each in team.records("apps"))]:
            yield from _used(prefix, named | {"app_name": app}, record, days, usd_per_credit)


def _used(
    prefix: str, labels: Mapping[str, str], record: Record, days: Period, usd_per_credit: Decimal
) -> Iterator[Reading]:
    told = amounts(record)
    for kind in ADDONS:
        yield Reading(f"{prefix}_usd", told[kind] * usd_per_credit, "USD", {**labels, "type": kind}, days)
    addons = sum((told[kind] for kind in ADDONS), Decimal(0))
    yield Reading(f"{prefix}_addons_usd", addons * usd_per_credit, "USD", labels, days)
    yield Reading(f"{prefix}_dyno_units", told["dynos"], "units", labels, days)
    if "space" in told:
        yield Reading(f"{prefix}_space_units", told["space"], "units", labels, days)
    if record.has("connect"):  # rows that were synced, which is no money
        yield Reading(f"{prefix}_connect_rows", record.number("connect"), "rows", labels, days)
