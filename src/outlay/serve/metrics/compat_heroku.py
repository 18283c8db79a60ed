"""The twenty gauges of the Heroku exporter, from what the source of that name read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from outlay.serve.metrics.families import Amounts, Labels, bounded, gauge, summed

if TYPE_CHECKING:
    from outlay.core.reading import Reading

TEAM_TOTAL = "_team_total"
ADDONS = "addons"
TYPES = ("data", "partner")  # that are the exporter's; what its `addons` has beyond them is in `addons` alone

STATUS = ("payment_status", "state", "period_end")
INVOICE = (
    ("total_usd", "invoice total", STATUS),
    ("charges_total_usd", "invoice charges", ("period_end",)),
    ("credits_total_usd", "invoice credits", ("period_end",)),
    ("addons_total_usd", "invoice add-ons", ("period_end",)),
    ("database_total_usd", "invoice databases", ("period_end",)),
    ("platform_total_usd", "invoice platform charges", ("period_end",)),
    ("dyno_units", "invoice dyno units", ("period_end",)),
    ("weighted_dyno_hours", "invoice weighted dyno hours", ("period_end",)),
)
USED = ("team_name", "app_name", "type", "month")
UNITS = ("team_name", "app_name", "month")


def families(readings: Iterable[Reading], top: int) -> Iterator[Metric]:
    """All of them. What has the same labels, such as invoices of several teams, is one sum."""
    every = list(readings)
    for which, told in (("current", "Current"), ("previous", "Previous")):
        prefix = f"heroku_invoice_{which}"
        for suffix, what, labels in INVOICE:
            found = _of(every, f"{prefix}_{suffix}", labels)
            yield gauge(f"{prefix}_{suffix}", f"{told} Heroku {what}.", labels, found)
        prefix = f"heroku_team_usage_{which}"
        usd = summed(pair for each in every for pair in _usage(each, prefix))
        yield gauge(f"{prefix}_usd", f"{told} month's Heroku team usage in USD.", USED, _fewer(usd, top))
        units = _of(every, f"{prefix}_dyno_units", UNITS)
        yield gauge(f"{prefix}_dyno_units", f"{told} month's Heroku dyno units.", UNITS, _fewer(units, top))


def _of(every: Iterable[Reading], name: str, labels: tuple[str, ...]) -> Amounts:
    # Heroku bills in USD; what is not would be told as what it is not.
    return summed(
        (tuple(each.labels.get(label, "") for label in labels), each.value)
        for each in every
        if each.name == name and (each.unit == "USD" or not name.endswith("_usd"))
    )


def _usage(each: Reading, prefix: str) -> Iterator[tuple[Labels, Decimal]]:
    is_addons = each.name == f"{prefix}_addons_usd"
    kind = ADDONS if is_addons else each.labels.get("type", "")
    if each.unit == "USD" and (is_addons or (each.name == f"{prefix}_usd" and kind in TYPES)):
        told = {**each.labels, "type": kind}
        yield tuple(told.get(label, "") for label in USED), each.value


def _fewer(found: Amounts, top: int) -> Amounts:
    """The largest apps of each type and month, and the others as one; a team's total is no app."""
    totals = {labels: amount for labels, amount in found.items() if labels[1] == TEAM_TOTAL}
    apps = {labels: amount for labels, amount in found.items() if labels[1] != TEAM_TOTAL}
    return totals | bounded(apps, 1, top, slice(2, None))
