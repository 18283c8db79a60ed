"""What every store does with charges alike: refuse those outside a span, split them by month, tell what changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from outlay.core import focus
from outlay.core.errors import BillError
from outlay.core.ports import DayChange
from outlay.core.query import CostQuery, column_names
from outlay.core.span import Span

if TYPE_CHECKING:
    import pyarrow as pa

Days = Mapping[tuple[date, str], Decimal]  # the billed cost of each day and currency of one source

_REQUIRED = [column.name for column in focus.CHARGES if not column.nullable and column.name != "source"]


class Rows:
    """What a source yields, and the error that ended it: a source's own errors are not the store's."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = batches
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._batches
        except Exception as error:
            self.error = error
            raise


def identity(span: Span) -> str:
    """A delivery's identity, hexadecimal and the same in every store; '' for days asked of an API.

    Of a delivery a part may have been asked for, which is not the whole: the span is part of the identity.
    """
    if span.version is None:
        return ""
    return blake2b(f"{span.months} {span.days} {span.version}".encode(), digest_size=8).hexdigest()


def by_month(batch: pa.RecordBatch) -> Iterator[tuple[date, pa.RecordBatch]]:
    """The batch's rows by billing month, oldest first. Raises BillError for a row without one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    months = pc.floor_temporal(batch.column("billing_period_start"), unit="month").cast(pa.date32())
    counts = {each["values"]: each["counts"] for each in pc.value_counts(months).to_pylist()}
    if None in counts:
        raise BillError("a charge has no billing period")
    if len(counts) > 1:
        batch = batch.take(pc.sort_indices(months))  # one pass, where filtering takes one for each month
    start = 0
    for month in sorted(counts):
        yield month, batch.slice(start, counts[month])
        start += counts[month]


def check(part: pa.RecordBatch, month: date, span: Span) -> None:
    """Refuse rows of one month that the span does not name: replacing it would leave them, to be counted twice."""
    import pyarrow.compute as pc

    sources = pc.unique(part.column("source")).to_pylist()
    if sources != [span.source]:
        other = next(each for each in sources if each != span.source)
        raise BillError(f"{span}: a row says it is of the source {other!r}")
    for name in _REQUIRED:
        if part.column(name).null_count:
            raise BillError(f"{span}: a charge has no {name}")
    if month not in span.months:
        raise BillError(f"{span}: a charge is billed in {month:%Y-%m}, outside of what is being replaced")
    if span.days is not None:
        bounds = pc.min_max(part.column("charge_date")).as_py()
        if not (bounds["min"] in span.days and bounds["max"] in span.days):
            day = bounds["min"] if bounds["min"] not in span.days else bounds["max"]
            raise BillError(f"{span}: a charge is of {day}, outside of what is being replaced")


def changes(span: Span, *, held: bool, before: Days, after: Days) -> list[DayChange]:
    """The days of a source whose billed cost a replace changed. `held`: whether anything was there of the span."""
    # Months come newest first: of one that is new, a late charge on the next bill was no belief about its days.
    unknown = span.months if span.days is None and not held else ()
    return [
        DayChange(
            day,
            currency,
            None if day in unknown else before.get((day, currency)),
            after.get((day, currency), Decimal(0)),
        )
        for day, currency in sorted(before.keys() | after.keys())
        if before.get((day, currency)) != after.get((day, currency))
    ]


def answer_schema(query: CostQuery) -> pa.Schema:
    """The columns of a query's answer and their types."""
    import pyarrow as pa

    days = dict.fromkeys(("date", "month", "provisional_from"), "date")
    kinds: dict[str, Any] = {"cost": "decimal", "is_total": "boolean", **days}
    return pa.schema([(name, focus.arrow_type(kinds.get(name, "string"))) for name in column_names(query)])
