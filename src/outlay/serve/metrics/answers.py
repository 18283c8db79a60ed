"""What the store says of this month and the last: each question asked once, whichever metrics are made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from outlay import reports
from outlay.core.query import CostQuery, Filter, Measure
from outlay.core.span import FIRST_MONTH, Period, month_of

if TYPE_CHECKING:
    from outlay.core.ports import Warehouse

MEASURES: tuple[Measure, ...] = ("billed", "effective")

Rows = Sequence[dict[str, Any]]


class Answers:
    """One look at the store, as of `today`."""

    def __init__(self, warehouse: Warehouse, today: date) -> None:
        self.today = today
        self.month = Period(month_of(today), today + timedelta(days=1))
        self.before = Period(month_of(self.month.start - timedelta(days=1)), self.month.start)
        self.both = Period(self.before.start, self.month.end)
        self._warehouse = warehouse
        self._rows: dict[CostQuery, Rows] = {}
        self._names: dict[Period, dict[str, str]] = {}

    def rows(self, query: CostQuery) -> Rows:
        """The rows of `reports.costs`."""
        if query not in self._rows:
            self._rows[query] = reports.costs(self._warehouse, query).rows
        return self._rows[query]

    def account_names(self, days: Period) -> Mapping[str, str]:
        """What each account is called, by its id."""
        if days not in self._names:
            self._names[days] = reports.account_names(self._warehouse, days)
        return self._names[days]

    def daily(self, measure: Measure) -> Rows:
        """Costs of both months by date, provider and source."""
        return self.rows(CostQuery(self.both, ("date", "provider", "source"), (), measure, order="dimensions"))

    def monthly(self, dimensions: Iterable[str], measure: Measure, filters: tuple[Filter, ...] = ()) -> Rows:
        """Costs of both months by month, provider, source and these dimensions."""
        names = ("month", "provider", "source", *dimensions)
        return self.rows(CostQuery(self.both, names, filters, measure, order="dimensions"))

    def on_last_days(self, dimensions: Iterable[str], measure: Measure, filters: tuple[Filter, ...] = ()) -> Rows:
        """Costs of each source's last day, by date, provider, source and these dimensions."""
        last = self.last_days
        if not last:
            return ()
        days = Period(min(last.values()), max(last.values()) + timedelta(days=1))
        only = Filter("date", tuple(day.isoformat() for day in sorted(set(last.values()))))
        names = ("date", "provider", "source", *dimensions)
        found = self.rows(CostQuery(days, names, (only, *filters), measure, order="dimensions"))
        return [row for row in found if row["date"] == last.get(row["source"])]

    @cached_property
    def last_days(self) -> dict[str, date]:
        """The last day before today, in both months, on which each source has charges."""
        return _last(row for row in self.daily("billed") if row["date"] < self.today)

    def newest_days(self, sources: Iterable[str]) -> dict[str, date]:
        """The last day, today too, on which each of these sources ever had charges."""
        found = _last(self.daily("billed"))
        if missing := [source for source in sources if source not in found]:
            ever = Period(FIRST_MONTH, self.both.start)
            query = CostQuery(ever, ("date", "source"), (Filter("source", tuple(missing)),), order="dimensions")
            found |= _last(self.rows(query))
        return found

    @cached_property
    def estimated(self) -> frozenset[tuple[str, date]]:
        """Each source's days of both months with charges that the provider itself calls an estimate."""
        found = self._warehouse.query(CostQuery(self.both, ("date", "source"), order="dimensions")).to_pylist()
        return frozenset((row["source"], row["date"]) for row in found if row["provisional_from"] is not None)


def _last(rows: Iterable[dict[str, Any]]) -> dict[str, date]:
    return {row["source"]: row["date"] for row in rows}
