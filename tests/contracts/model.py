"""What a store should answer: the charges in a dict by source, billing month and day; and steps that change it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from outlay.core import focus
from outlay.core.ports import DayChange, Replaced, Warehouse
from outlay.core.query import CostQuery
from outlay.core.span import Period, Span, month_of, next_month
from tests.charges import charge, midnight

SOURCES = ("prod", "team.b-2")
MONTHS = (date(2026, 8, 1), date(2026, 9, 1), date(2026, 10, 1))
# Days that meet in one span, edges of months, and days charged in none of the billing months.
DAYS = tuple(
    date(2026, month, day)
    for month, day in ((7, 31), (8, 1), (8, 2), (8, 31), (9, 1), (9, 15), (9, 30), (10, 1), (10, 31), (11, 1))
)
EVER = Period(date(2026, 1, 1), date(2027, 1, 1))

Key = tuple[str, date, date]  # source, billing month, day


@dataclass(frozen=True, slots=True)
class Row:
    """One charge, as far as the model looks at it."""

    source: str
    month: date
    day: date
    cost: Decimal
    provider: str
    service: str | None

    def as_charge(self) -> dict[str, Any]:
        return charge(
            self.day,
            str(self.cost),
            self.source,
            self.provider,
            service_name=self.service,
            billing_period_start=midnight(self.month),
            billing_period_end=midnight(next_month(self.month)),
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One replace."""

    span: Span
    rows: tuple[Row, ...]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows in batches of three."""
        for start in range(0, len(self.rows), 3):
            yield focus.batch(row.as_charge() for row in self.rows[start : start + 3])


VALUES: dict[str, Callable[[Row], Any]] = {
    "source": lambda row: row.source,
    "date": lambda row: row.day,
    "month": lambda row: month_of(row.day),
    "provider": lambda row: row.provider.lower(),
    "service": lambda row: row.service,
}


@dataclass
class Model:
    """The charges that should be there."""

    rows: dict[Key, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def replace(self, step: Step) -> Replaced:
        """Do the step, and say what a store should say of it."""
        span, before = step.span, self._days(step.span.source)
        held = any(
            source == span.source and month in span.months for (source, month, _), rows in self.rows.items() if rows
        )
        # A month that is new restates nothing of its own days, whatever late charges were known of them.
        unknown = span.months if span.days is None and not held else ()
        for key in list(self.rows):
            source, month, day = key
            if source == span.source and month in span.months and (span.days is None or day in span.days):
                del self.rows[key]
        for row in step.rows:
            self.rows[row.source, row.month, row.day].append(row)
        after = self._days(span.source)
        changes = [
            DayChange(day, "USD", None if day in unknown else before.get(day), after.get(day, Decimal(0)))
            for day in sorted(before.keys() | after.keys())
            if before.get(day) != after.get(day)
        ]
        totals = {"USD": sum((row.cost for row in step.rows), Decimal(0))} if step.rows else {}
        return Replaced(len(step.rows), totals, changes)

    def answer(self, query: CostQuery) -> dict[tuple[Any, ...], Decimal]:
        """The cost of every combination of the query's dimensions."""
        sums: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        for rows in self.rows.values():
            for row in rows:
                kept = all((VALUES[f.dimension](row) in f.values) != f.exclude for f in query.filters)
                if row.day in query.days and kept:
                    sums[tuple(VALUES[name](row) for name in query.dimensions)] += row.cost
        return dict(sums)

    def _days(self, source: str) -> dict[date, Decimal]:
        sums: dict[date, Decimal] = defaultdict(Decimal)
        for (of, _, day), rows in self.rows.items():
            if of == source:
                sums[day] += sum((row.cost for row in rows), Decimal(0))
        return dict(sums)


def answer(warehouse: Warehouse, query: CostQuery) -> dict[tuple[Any, ...], Decimal]:
    """The cost of every combination of the query's dimensions, as the store has it."""
    found = warehouse.query(query).to_pylist()
    costs = {tuple(row[name] for name in query.dimensions): row["cost"] for row in found}
    assert len(costs) == len(found)
    return costs


def unread() -> Iterator[pa.RecordBatch]:
    """Rows that nobody may read."""
    raise AssertionError("rows were read")
    yield


_VERSIONS = st.sampled_from([None, "a delivery"])
_COSTS = st.integers(-(10**20), 10**20).map(lambda number: Decimal(number).scaleb(-18))


@st.composite
def _rows(draw: st.DrawFn, source: str, months: list[date], days: list[date]) -> tuple[Row, ...]:
    row = st.builds(
        Row,
        st.just(source),
        st.sampled_from(months),
        st.sampled_from(days),
        _COSTS,
        st.sampled_from(["AWS", "gcp"]),
        st.sampled_from(["EC2", "S3", None]),
    )
    return tuple(draw(st.lists(row, max_size=7)))


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """A replace of months, of all there is, or of some days of a month; deliveries and days asked for."""
    source = draw(st.sampled_from(SOURCES))
    first = draw(st.sampled_from(MONTHS))
    match draw(st.sampled_from(["days", "months", "everything"])):
        case "days":
            edges = sorted(draw(st.lists(st.sampled_from(DAYS), min_size=2, max_size=2, unique=True)))
            days = Period(*edges)
            inside = [day for day in DAYS if day in days]
            return Step(Span(source, Period(first, next_month(first)), days), draw(_rows(source, [first], inside)))
        case "months":
            last = draw(st.sampled_from([month for month in MONTHS if month >= first]))
            span = Span(source, Period(first, next_month(last)), version=draw(_VERSIONS))
            inside = [month for month in MONTHS if month in span.months]
            return Step(span, draw(_rows(source, inside, list(DAYS))))
        case _:
            everything = Span.of_everything(source, draw(_VERSIONS))
            return Step(everything, draw(_rows(source, list(MONTHS), list(DAYS))))
