"""outlay_cost_*: what this month, the last one and the last day cost, what is not settled, what was restated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from prometheus_client.core import Metric

from outlay.core.query import TAG, Measure
from outlay.serve.metrics.answers import MEASURES, Answers
from outlay.serve.metrics.families import OTHER, Amounts, Labels, bounded, gauge, summed

if TYPE_CHECKING:
    from outlay.core.settings import Metrics
    from outlay.state import Restatement

# What the label is called, and the dimension it tells of.
BY = (("service", "service"), ("account", "sub_account"), ("region", "region"))
MONTHS = (("month_to_date", "this month so far"), ("previous_month", "the whole month before"))
LAST_DAY = "each source's last day with charges before today"
WHO = ("provider", "source")
WHAT = ("currency", "measure")


def families(answers: Answers, settings: Metrics, unsettled: Mapping[str, date]) -> Iterator[Metric]:
    """All costs. `unsettled`: the first day of each source whose cost may still change."""
    yield from _totals(answers)
    accounts: set[str] = set()
    for label, dimension in BY:
        suffix = "" if label == "service" else f"_by_{label}"  # the first there was, before there were others
        every = [(f"{name}_by_{label}", told, _by_month(answers, name, dimension)) for name, told in MONTHS]
        for name, told, found in (*every, (f"last_day{suffix}", LAST_DAY, _by_last_day(answers, dimension))):
            kept = bounded(found, 2, settings.top)
            yield _by(name, told, label, kept, settings.top)
            accounts |= {each[2] for each in kept} if label == "account" else set()
    yield _named(answers, accounts)
    days = {(source,): start_of(day) for source, day in answers.last_days.items()}
    told = "The day, at its start in UTC, that outlay_cost_last_day is of."
    yield gauge("outlay_cost_last_day_timestamp_seconds", told, ("source",), days)
    if settings.tag_keys:
        yield from _by_tags(answers, settings)
    yield _provisional(answers, unsettled)


def restated(changes: Iterable[Restatement]) -> Metric:
    """By how much days were restated; of one day several times, each of them."""
    found = summed(
        ((each.source, each.currency, "up" if change > 0 else "down"), change)
        for each in changes
        if (change := each.after - (each.before or Decimal(0)))
    )
    told = "By how much billed costs of days of this month and the last were restated, up (added) and down (negative)."
    return gauge("outlay_cost_restated", told, ("source", "currency", "direction"), found)


def start_of(day: date) -> float:
    """The start of a day in UTC, in seconds."""
    return datetime.combine(day, time(), UTC).timestamp()


def labelled(
    rows: Iterable[dict[str, Any]], names: Sequence[str], measure: Measure
) -> Iterator[tuple[Labels, Decimal]]:
    """Each row's amount under these dimensions, its currency and the measure."""
    for row in rows:
        yield (*(row[name] or "" for name in (*names, "currency")), measure), row["cost"]


def _totals(answers: Answers) -> Iterator[Metric]:
    def of(start: date, end: date) -> Amounts:
        return summed(
            pair
            for measure in MEASURES
            for pair in labelled((row for row in answers.daily(measure) if start <= row["date"] < end), WHO, measure)
        )

    current, previous = of(answers.month.start, answers.month.end), of(answers.before.start, answers.before.end)
    # What was charged last month is zero, not absent, until this month's first charge arrives.
    current = dict.fromkeys(previous, Decimal(0)) | current
    for (name, told), found in zip(MONTHS, (current, previous), strict=True):
        yield gauge(f"outlay_cost_{name}", f"Cost of {told}.", (*WHO, *WHAT), found)


def _by(name: str, told: str, label: str, found: Amounts, top: int) -> Metric:
    told = f"Cost of {told} by {label}: the {top} largest, the others as {OTHER}."
    return gauge(f"outlay_cost_{name}", told, (*WHO, label, *WHAT), found)


def _named(answers: Answers, accounts: Iterable[str]) -> Metric:
    """Every value there is of the label has its name, be it itself: joined to it, no money is lost."""
    names = answers.account_names(answers.both)
    told = "What each account, subscription or project is called."
    named = {(account, names.get(account, account)): 1 for account in accounts}
    return gauge("outlay_account_info", told, ("account", "account_name"), named)


def _by_month(answers: Answers, name: str, dimension: str) -> Amounts:
    start = answers.month.start if name == "month_to_date" else answers.before.start
    return summed(
        pair
        for measure in MEASURES
        for pair in labelled(
            (row for row in answers.monthly((dimension,), measure) if row["month"] == start),
            (*WHO, dimension),
            measure,
        )
    )


def _by_last_day(answers: Answers, dimension: str) -> Amounts:
    return summed(
        pair
        for measure in MEASURES
        for pair in labelled(answers.on_last_days((dimension,), measure), (*WHO, dimension), measure)
    )


def _by_tags(answers: Answers, settings: Metrics) -> Iterator[Metric]:
    keys = [(key, f"{TAG}{key}") for key in dict.fromkeys(settings.tag_keys)]
    for name, told in (*MONTHS, ("last_day", LAST_DAY)):
        found: Amounts = {}
        for key, dimension in keys:
            amounts = _by_last_day(answers, dimension) if name == "last_day" else _by_month(answers, name, dimension)
            found |= {(*each[:2], key, *each[2:]): cost for each, cost in bounded(amounts, 2, settings.top).items()}
        says = f"Cost of {told} by tag: of each key the {settings.top} largest values, the others as {OTHER}."
        yield gauge(f"outlay_cost_{name}_by_tag", says, (*WHO, "key", "value", *WHAT), found)


def _provisional(answers: Answers, unsettled: Mapping[str, date]) -> Metric:
    def open_of(row: dict[str, Any]) -> Decimal:
        source, day = row["source"], row["date"]
        is_open = (source, day) in answers.estimated or day >= unsettled.get(source, answers.month.end)
        return row["cost"] if is_open else Decimal(0)

    found = summed(
        pair
        for measure in MEASURES
        for pair in labelled(({**row, "cost": open_of(row)} for row in answers.daily(measure)), WHO, measure)
    )
    told = "Of this month and the last, the cost of days that may still change; 0 when all are settled."
    return gauge("outlay_cost_provisional", told, (*WHO, *WHAT), found)
