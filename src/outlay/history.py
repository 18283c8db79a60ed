"""The memory of what the bill used to say: since when days are settled, and what was believed on another day."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from outlay import reports
from outlay.analysis.settling import Belief, Look, Point, curve, settled_age
from outlay.core.errors import StoreError, UsageError
from outlay.core.moments import iso
from outlay.core.money import PRECISION, text
from outlay.core.ports import DayChange
from outlay.core.query import CostQuery, Filter, column_names
from outlay.core.span import END_MONTH, FIRST_MONTH, Period, month_of, next_month

if TYPE_CHECKING:
    import pyarrow as pa

    from outlay.core.ports import Warehouse
    from outlay.reports import Costs
    from outlay.state import Restatement, State

log = logging.getLogger(__name__)

CURVE_DAYS = 180  # how far back days are measured
EVER = Period(FIRST_MONTH, END_MONTH)
TOLD = ("date", "month", "source", "provider")  # what the ledger can tell of a cost


@runtime_checkable
class Remembering(Protocol):
    """A warehouse whose older versions can be asked."""

    @property
    def keep_days(self) -> int:
        """For how many days they are kept."""

    def query_as_of(self, query: CostQuery, moment: datetime) -> pa.Table | None:
        """The answer as it was at a moment; None when what it takes is not kept any more."""


# -- what is settled -----------------------------------------------------------------------------------


def settling_curve(state: State, source: str) -> list[Point]:
    """How much of its days' final costs a source had told after 1, 2, 3 ... days."""
    return curve(_beliefs(state, source), _looks(state, source))


def measure(state: State, lookback_days: int, sources: Sequence[str] = ()) -> None:
    """Work out again from which day on these sources (none: all) may still change, after they were collected.

    That is the age at which the curve is settled, and `lookback_days` at least, before the last look. What fails
    is logged: it is never needed for right answers.
    """
    from outlay.state import Settling

    try:
        for source in sources or [each.source for each in state.freshness()]:
            looks = _looks(state, source)
            age = max(settled_age(curve(_beliefs(state, source), looks)) or 0, lookback_days)
            if first := _first_unsettled(looks, age):
                state.past.record_settling(source, Settling(age, first))
    except StoreError as error:
        log.warning("how costs settle could not be measured: %s", error)


def provisional_from(state: State) -> dict[str, date]:
    """The first day of each source whose numbers may still change, as last measured.

    None while the state cannot be read, which is logged: costs are told anyway.
    """
    try:
        return {source: each.provisional_from for source, each in state.past.settling().items()}
    except StoreError as error:
        log.warning("which days are settled is not known: %s", error)
        return {}


def costs(warehouse: Warehouse, query: CostQuery, unsettled: Mapping[str, date]) -> Costs:
    """`reports.costs`, whose `provisional_from` knows of days that their source has not settled yet, too."""
    found = reports.costs(warehouse, query)
    first = max(min(unsettled.values(), default=query.days.end), query.days.start)
    if first >= query.days.end or (found.provisional_from and found.provisional_from <= first):
        return found
    young = replace(
        query, days=Period(first, query.days.end), dimensions=("date", "source"), order="dimensions", limit=None
    )
    rows = reports.costs(warehouse, young).rows
    days = [row["date"] for row in rows if row["date"] >= unsettled.get(row["source"], query.days.end)]
    return replace(found, provisional_from=min(filter(None, [found.provisional_from, *days]), default=None))


def _since() -> date:
    return reports.today() - timedelta(days=CURVE_DAYS)


def _beliefs(state: State, source: str) -> list[Belief]:
    found = state.past.beliefs(source, _since())
    return [Belief(each.observed_at, each.day, each.currency, each.after) for each in found]


def _looks(state: State, source: str) -> list[Look]:
    found = state.past.looks(source, datetime.combine(_since(), time(), UTC))
    return [Look(at, days) for at, span in found if (days := _days_of(span.removeprefix(f"{source} ")))]


def _first_unsettled(looks: Sequence[Look], age: int) -> date | None:
    """The first day that no look has seen at this age in days."""
    return max((min(each.days.end, each.at.date() - timedelta(days=age)) for each in looks), default=None)


def _days_of(span: str) -> Period | None:
    """The days that the text of a Span, without its source, names; None when it names none."""
    if span == "everything":
        return EVER
    first, _, last = span.partition("..")
    try:
        start, end = (date.fromisoformat(each if len(each) > 7 else f"{each}-01") for each in (first, last or first))
    except ValueError:  # readings, and sources that could not tell their spans
        return None
    return Period(start, end + timedelta(days=1) if len(first) > 7 else next_month(end))


def restated_json(each: Restatement) -> dict[str, str | None]:
    """The JSON of a restatement: amounts are decimal strings."""
    return {
        "observed_at": iso(each.observed_at),
        "source": each.source,
        "day": each.day.isoformat(),
        "currency": each.currency,
        "before": None if each.before is None else text(each.before),
        "after": text(each.after),
    }


# -- what was believed ---------------------------------------------------------------------------------


def complete(warehouse: Warehouse, state: State, sources: Sequence[str]) -> None:
    """Have the ledger know what the store holds of these sources: due before they are collected.

    A process that was killed after it had stored a span, and before it noted that, leaves the ledger behind.
    Raises StoreError.
    """
    for source in sources if warehouse.version() else ():
        query = CostQuery(EVER, ("date",), (Filter("source", (source,)),), order="dimensions")
        held = {(row["date"], row["currency"]): row["cost"] for row in warehouse.query(query).to_pylist()}
        told = {(each.day, each.currency): each.after for each in state.past.believed(_now(), EVER, [source])}
        missed = [
            DayChange(key[0], key[1], told.get(key), held.get(key, Decimal(0)))
            for key in sorted(held.keys() | told.keys())
            if held.get(key, 0) != told.get(key, 0)
        ]
        if missed:
            state.past.record(source, missed)


def as_of(warehouse: Warehouse, state: State, query: CostQuery, moment: datetime) -> Costs:
    """The answer that `query` would have had at a moment (UTC).

    By the version of the store that was the newest then, with every detail; when that is not kept any more, by
    the ledger of restatements, which knows the billed cost of each source and day. Raises UsageError, with the
    reason, for what that cannot tell, and StoreError.
    """
    day = moment.astimezone(UTC).date()
    unsettled = {source: day - timedelta(days=each.age) for source, each in state.past.settling().items()}
    if isinstance(warehouse, Remembering):
        try:
            return costs(_Then(warehouse, moment), query, unsettled)  # type: ignore[arg-type] # asked, never written
        except _NotKept:
            pass
    _refuse(query, day, warehouse)
    return costs(_Ledger(warehouse, state, moment), query, unsettled)  # type: ignore[arg-type] # as above


class _NotKept(Exception):
    """The version that was asked for is gone."""


@dataclass(frozen=True, slots=True)
class _Then:
    """A warehouse as it was at a moment."""

    warehouse: Remembering
    moment: datetime

    def query(self, query: CostQuery) -> pa.Table:
        found = self.warehouse.query_as_of(query, self.moment)
        if found is None:
            raise _NotKept
        return found


@dataclass(frozen=True, slots=True)
class _Ledger:
    """What the ledger of restatements knows of a moment."""

    warehouse: Warehouse
    state: State
    moment: datetime

    def query(self, query: CostQuery) -> pa.Table:
        import pyarrow as pa

        sums: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        totals: dict[str, Decimal] = defaultdict(Decimal)
        with localcontext(prec=PRECISION):
            for belief, told in self._told(query):
                if all(_holds(each, told[each.dimension]) for each in query.filters):
                    sums[*(told[name] for name in query.dimensions), belief.currency] += belief.after
                    totals[belief.currency] += belief.after
        rows = [(*key, cost, None) for key, cost in sorted(sums.items(), key=_by(query))][: query.limit]
        if query.totals:
            nothing = (None,) * len(query.dimensions)
            last = [(*nothing, currency, cost, None, True) for currency, cost in sorted(totals.items())]
            rows = [*((*row, False) for row in rows), *last]
        return pa.Table.from_pylist([dict(zip(column_names(query), row, strict=True)) for row in rows])

    def _told(self, query: CostQuery) -> Iterator[tuple[Restatement, dict[str, Any]]]:
        """Every belief, with what is known of it. A day whose charges had vanished is a day without any."""
        asked = {*query.dimensions, *(each.dimension for each in query.filters)}
        believed = [each for each in self.state.past.believed(self.moment, query.days) if each.after]
        providers = self._providers({each.source for each in believed}) if "provider" in asked else {}
        for each in believed:
            known = {"date": each.day, "month": month_of(each.day), "source": each.source}
            yield each, known | {"provider": providers.get(each.source)}

    def _providers(self, sources: set[str]) -> dict[str, str | None]:
        """The provider of each source, as far as it has one alone: what is stored now tells. Raises UsageError."""
        found: dict[str, str | None] = {}
        for row in self.warehouse.query(CostQuery(EVER, ("source", "provider"))).to_pylist():
            source = row["source"]
            if source in sources and found.setdefault(source, row["provider"]) != row["provider"]:
                raise UsageError(
                    f"{source} brings charges of several providers, and what was believed on"
                    f" {self.moment.date()} is known by source alone: group by source, filter by source"
                )
        return found


def _now() -> datetime:
    return datetime.now(UTC)


def _refuse(query: CostQuery, day: date, warehouse: Warehouse) -> None:
    """Raise UsageError for a question that the ledger cannot answer."""
    asked = [*query.dimensions, *(each.dimension for each in query.filters)]
    untold = sorted({name for name in asked if name not in TOLD})
    if query.measure != "billed":
        untold.append(f"{query.measure} costs")
    if untold:
        kept = "this store keeps no older versions of itself"
        if isinstance(warehouse, Remembering):
            first = reports.today() - timedelta(days=warehouse.keep_days)
            kept = f"older versions of the store, which know all, are kept from {first} on (store.keep_days)"
        raise UsageError(
            f"of what was believed on {day} only billed costs are known, by {', '.join(TOLD)};"
            f" not by {', '.join(untold)}: {kept}"
        )


def _holds(each: Filter, value: Any) -> bool:
    """Whether a filter keeps a row with this value of its dimension."""
    cut = 7 if each.dimension == "month" else None  # as CostQuery has it, any day stands for its month
    known = value.isoformat()[:cut] if isinstance(value, date) else value
    return (known in {word and word[:cut] for word in each.values}) != each.exclude


def _by(query: CostQuery) -> Any:
    """The order of an answer's groups: what sorts a pair of dimensions and cost. A null comes last."""

    def key(group: tuple[tuple[Any, ...], Decimal]) -> Any:
        names = [(value is None, "" if value is None else str(value)) for value in group[0]]
        return names if query.order == "dimensions" else (-group[1], names)

    return key
