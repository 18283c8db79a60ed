"""What a source of OCI's reports says, as numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from outlay.core import focus
from outlay.core.span import Period, Span, Window, month_of
from outlay.sources.oci import Oci

TODAY = datetime.now(UTC).date()
THIS_MONTH = month_of(TODAY)
LAST_MONTH = month_of(THIS_MONTH - timedelta(days=1))
BEFORE_LAST = month_of(LAST_MONTH - timedelta(days=1))
WINDOW = Window(Period.last(3, until=TODAY))


def rows(source: Oci, span: Span) -> list[dict[str, Any]]:
    """Every charge of a span."""
    found = []
    for batch in source.fetch(span):
        assert batch.schema == focus.schema()
        found += batch.to_pylist(maps_as_pydicts="strict")
    return found


def collected(source: Oci, window: Window = WINDOW) -> list[dict[str, Any]]:
    """Every charge of every span, each in the months of its own."""
    found = []
    for span in source.spans(window):
        some = rows(source, span)
        assert all(row["billing_period_start"].date() in span.months for row in some)
        found += some
    return found


def totals(charges: Iterable[dict[str, Any]], by: str) -> dict[Any, Decimal]:
    """The billed cost by a column, without those that are zero; a billing period by its first day."""
    sums: defaultdict[Any, Decimal] = defaultdict(Decimal)
    for row in charges:
        value = row[by].date() if by.startswith("billing_period") else row[by]
        sums[value] += row["billed_cost"]
    return {value: cost for value, cost in sums.items() if cost}


def months(source: Oci, window: Window = WINDOW) -> dict[date, str | None]:
    """The version of every span, by its first month."""
    return {span.months.start: span.version for span in source.spans(window)}
