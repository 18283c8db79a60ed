"""Bills as files: FOCUS 1.0-preview to 1.4 and AWS CUR, as CSV or Parquet, in a folder or a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from outlay.core import focus
from outlay.core.span import Period, Span, Window
from outlay.objects import identifier, literal
from outlay.sources.files.bills import Bill, Layout, understood
from outlay.sources.files.listing import found, identity, month_hint
from outlay.sources.files.reading import Reading

if TYPE_CHECKING:
    import pyarrow as pa


TESTED_FILES = 50


class Delivery(NamedTuple):
    """Files that are replaced together, and the billing month that their folder names, if it does."""

    month: Period | None
    bills: list[Bill]


class Files(BaseModel):
    """Billing files, told apart by their columns, never by their names.

    `path`             a file, a folder (searched below), a glob such as `exports/**/*.parquet`, or a bucket's URL
    `storage_options`  what the bucket's client needs, such as AWS_REGION
    `keep_columns`     columns outside the layout to keep as tags of their own name; all others are left out

    A changed file is read once, however many months it holds. Where the folders name their billing month
    (`BILLING_PERIOD=2026-10`, `20261001-20261101`) only months with a changed file are read again; elsewhere what
    the files hold is one delivery, replaced as a whole.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    ENVIRONMENT: ClassVar[dict[str, str]] = {"OUTLAY_FILES": "path"}
    SWITCH: ClassVar[tuple[str, ...]] = ("OUTLAY_FILES",)

    name: str = "files"
    path: str
    storage_options: dict[str, SecretStr] = Field(default_factory=dict)
    keep_columns: tuple[str, ...] = ()

    def spans(self, window: Window) -> Iterator[Span]:
        """The billing months that the files' folders name, or everything in one. An asked window picks months."""
        asked = window.days.months() if window.asked else None
        for delivery in self._deliveries():
            version = identity(delivery.bills, *self.keep_columns)
            months = delivery.month or asked
            if months is None:
                yield Span.of_everything(self.name, version)
            elif asked is None or (months.start < asked.end and asked.start < months.end):
                yield Span(self.name, months, version=version)

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """Every charge of the files of the span, file by file, as a stream."""
        for delivery in self._deliveries():
            if delivery.month in {None, span.months}:
                cut = span.months if delivery.month is None and not span.is_everything else None
                for bill in delivery.bills:
                    layout = understood(bill, self._options)
                    reading = Reading(bill, layout, self._columns(layout), self._options, delivery.month)
                    yield from reading.charges(cut)

    def test(self) -> str:
        """Understand the columns of the newest files, without reading the files."""
        bills = [bill for delivery in self._deliveries() for bill in delivery.bills]
        layouts = sorted({understood(bill, self._options).name for bill in bills[:TESTED_FILES]})
        return f"{len(bills)} files in {self.path}: {', '.join(layouts)}"

    def _deliveries(self) -> list[Delivery]:
        """The files by the billing month that their folder names, newest first, or all together without one."""
        bills = found(self.path, self._options)
        months: dict[Period | None, list[Bill]] = {}
        for bill in bills:
            months.setdefault(month_hint(bill.path), []).append(bill)
        if None in months:
            return [Delivery(None, bills)]
        return sorted((Delivery(*each) for each in months.items()), key=_start, reverse=True)

    def _columns(self, layout: Layout) -> dict[str, str]:
        """The SQL of every column of CHARGES, in its order, over a bill's own columns."""
        sql = layout.expressions | {"source": literal(self.name), "cut": "''"}
        kept = [name for name in self.keep_columns if name in layout.columns]
        if kept:
            pairs = (f"{{'k': {literal(name)}, 'v': {identifier(name)}::VARCHAR}}" for name in kept)
            extra = f"map_from_entries(list_filter([{', '.join(pairs)}], lambda e: e.v IS NOT NULL))"
            sql["tags"] = f"map_concat(coalesce({sql['tags']}, MAP {{}}), {extra})"
        return {column.name: sql[column.name] for column in focus.CHARGES}

    @property
    def _options(self) -> dict[str, str]:
        return {key: value.get_secret_value() for key, value in self.storage_options.items()}


def _start(delivery: Delivery) -> date:
    assert delivery.month is not None  # noqa: S101 - only deliveries of months are told apart
    return delivery.month.start
