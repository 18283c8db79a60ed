"""outlay_source_* and outlay_api_*: how each source does, how old its data is, what asking for it costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from outlay.serve.metrics.costs import start_of
from outlay.serve.metrics.families import bounded, counter, gauge, summed

if TYPE_CHECKING:
    from outlay.state import Counted, Freshness, Spent

DAY_SECONDS = 86400
CALLS = ("source", "account", "operation")


def health(fresh: Iterable[Freshness]) -> Iterator[Metric]:
    """How the last attempt went."""
    each = list(fresh)
    told = "Whether the last attempt to refresh the source succeeded."
    yield _each("up", told, {f.source: not f.stale for f in each})
    told = "When the source was last refreshed."
    done = {f.source: f.last_success.timestamp() for f in each if f.last_success}
    yield _each("last_success_timestamp_seconds", told, done)
    told = "When it was last tried to refresh the source."
    yield _each("last_attempt_timestamp_seconds", told, {f.source: f.last_attempt.timestamp() for f in each})
    yield _each("refresh_seconds", "How long the last attempt took.", {f.source: f.seconds for f in each})
    told = "1 for what kind of error keeps the source stale; a source that is fresh has none."
    stale = {(f.source, f.code or "unexpected"): 1 for f in each if f.stale}
    yield gauge("outlay_source_error", told, ("source", "code"), stale)


def counts(counted: Mapping[str, Counted]) -> Iterator[Metric]:
    """What was counted of all attempts."""
    told = "Attempts at a part of the source: days, a month, a delivery, its readings."
    yield counter("outlay_source_runs", told, ("source",), {(name,): each.runs for name, each in counted.items()})
    told = "Charges and readings that were read of the source, those that were read again too."
    yield counter("outlay_source_rows", told, ("source",), {(name,): each.rows for name, each in counted.items()})
    told = "Attempts that failed, by the kind of error."
    failed = {(name, code): count for name, each in counted.items() for code, count in each.failed.items()}
    yield counter("outlay_source_errors", told, ("source", "code"), failed)


def ages(newest: Mapping[str, date], today: date, unsettled: Mapping[str, date]) -> Iterator[Metric]:
    """How old the data is: the last day with charges of each source, and the first that may still change."""
    told = "Whole days, in seconds, between the last day the source has charges of and today, UTC."
    yield _each("data_age_seconds", told, {name: (today - day).days * DAY_SECONDS for name, day in newest.items()})
    told = "The first day, at its start in UTC, whose cost may still change."
    first = {name: start_of(day) for name, day in unsettled.items() if name in newest}
    yield _each("provisional_from_timestamp_seconds", told, first)


def calls(spent: Iterable[Spent], top: int) -> Iterator[Metric]:
    """What asking the providers cost."""
    each = list(spent)
    everything = slice(0, 0)
    told = "Calls to providers in this calendar month, those that failed too."
    made = summed(((s.source, s.account, s.operation), Decimal(s.calls)) for s in each)
    yield gauge("outlay_api_calls_month_to_date", told, CALLS, bounded(made, 1, top, everything))
    told = "What these calls cost, in USD."
    paid = summed(((s.source, s.account, s.operation), s.usd) for s in each if s.usd)
    yield gauge("outlay_api_spend_month_to_date_usd", told, CALLS, bounded(paid, 1, top, everything))


def cap(usd: Decimal | None) -> Metric:
    """What calls may cost."""
    told = "What calls may cost in a calendar month; what no longer fits is left out."
    return gauge("outlay_api_spend_cap_usd", told, (), {} if usd is None else {(): usd})


def _each(name: str, told: str, values: Mapping[str, float]) -> Metric:
    return gauge(f"outlay_source_{name}", told, ("source",), {(source,): value for source, value in values.items()})
