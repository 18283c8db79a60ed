"""Deliveries: the files that are replaced together, as spans and as charges. Every source of files is made of this."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from outlay.core import focus
from outlay.core.span import Period, Span, Window
from outlay.objects import identifier, literal
from outlay.sources._bills.bills import Bill, Layout, understood
from outlay.sources._bills.listing import identity, month_hint
from outlay.sources._bills.reading import Reading

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Delivery:
    """Files that are replaced together, and the billing month that they are the whole of (None: any months)."""

    month: Period | None
    bills: Sequence[Bill]


@dataclass(frozen=True, slots=True)
class Terms:
    """How a source takes its bills.

    `source`        the name of the source, which every row carries
    `keep_columns`  columns outside the layout to keep as tags of their own name
    `instead`       SQL over a bill's columns that takes the place of the layout's, by column of CHARGES
    """

    source: str
    keep_columns: tuple[str, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict)

    def columns(self, layout: Layout) -> dict[str, str]:
        """The SQL of every column of CHARGES, in its order, over a bill's own columns."""
        sql = {"cut": "''", **layout.expressions, "source": literal(self.source), **self.instead}
        kept = [name for name in self.keep_columns if name in layout.columns]
        if kept:
            pairs = (f"{{'k': {literal(name)}, 'v': {identifier(name)}::VARCHAR}}" for name in kept)
            extra = f"map_from_entries(list_filter([{', '.join(pairs)}], lambda e: e.v IS NOT NULL))"
            sql["tags"] = f"map_concat(coalesce({sql['tags']}, MAP {{}}), {extra})"
        return {column.name: sql[column.name] for column in focus.CHARGES}


def by_folder(bills: Iterable[Bill]) -> list[Delivery]:
    """The files by the billing month that their folder names, newest first, or all together without one."""
    every = list(bills)
    months: dict[Period | None, list[Bill]] = {}
    for bill in every:
        months.setdefault(month_hint(bill.path), []).append(bill)
    if None in months:
        return [Delivery(None, every)]
    named = [(month, found) for month, found in months.items() if month is not None]
    return [Delivery(month, found) for month, found in sorted(named, key=lambda each: each[0].start, reverse=True)]


def spans(terms: Terms, deliveries: Iterable[Delivery], window: Window) -> Iterator[Span]:
    """A span for each delivery, with its identity. An asked window picks months."""
    asked = window.days.months() if window.asked else None
    for delivery in deliveries:
        version = identity(delivery.bills, *terms.keep_columns)
        months = delivery.month or asked
        if months is None:
            yield Span.of_everything(terms.source, version)
        elif asked is None or (months.start < asked.end and asked.start < months.end):
            yield Span(terms.source, months, version=version)


def charges(terms: Terms, deliveries: Iterable[Delivery], span: Span) -> Iterator[pa.RecordBatch]:
    """Every charge of the deliveries that make up the span, file by file, as a stream. Raises BillError."""
    for delivery in deliveries:
        if delivery.month in {None, span.months}:
            cut = span.months if delivery.month is None and not span.is_everything else None
            for bill in delivery.bills:
                layout = understood(bill)
                yield from Reading(bill, layout, terms.columns(layout), delivery.month).charges(cut)
