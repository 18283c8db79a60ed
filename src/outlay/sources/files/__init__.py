"""Bills as files: FOCUS 1.0-preview to 1.4 and AWS CUR, as CSV or Parquet, in a folder or a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from outlay.core import focus
from outlay.core.span import Period, Span, Window
from outlay.objects import identifier, literal
from outlay.sources.files.bills import Bill, read_bill, understood
from outlay.sources.files.listing import found, identity, month_hint

if TYPE_CHECKING:
    import pyarrow as pa


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
        for months, bills in self._deliveries():
            wanted = months if months is not None or asked is None else asked
            if wanted is None:
                yield Span.of_everything(self.name, identity(bills))
            elif asked is None or (wanted.start < asked.end and asked.start < wanted.end):
                yield Span(self.name, wanted, version=identity(bills))

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """Every charge of the files of the span, file by file, as a stream."""
        for months, bills in self._deliveries():
            if months is None or months == span.months:
                cut = span.months if months is None and not span.is_everything else None
                for bill in bills:
                    yield from read_bill(bill, self._columns(bill), cut, self._options)

    def test(self) -> str:
        """Understand every file's columns without reading the files."""
        bills = [bill for _, bills in self._deliveries() for bill in bills]
        layouts = sorted({understood(bill, self._options).name for bill in bills})
        return f"{len(bills)} files in {self.path}: {', '.join(layouts)}"

    def _deliveries(self) -> list[tuple[Period | None, list[Bill]]]:
        """The files by the billing month that their folder names, newest first, or all together without one."""
        bills = found(self.path, self._options)
        hints = [month_hint(bill.path) for bill in bills]
        if None in hints:
            return [(None, bills)]
        months = sorted({hint for hint in hints if hint is not None}, key=lambda hint: hint.start, reverse=True)
        return [(month, [b for b, hint in zip(bills, hints, strict=True) if hint == month]) for month in months]

    def _columns(self, bill: Bill) -> list[str]:
        """The SQL of every column of CHARGES, in its order, over this bill's own columns."""
        layout = understood(bill, self._options)
        sql = layout.expressions | {"source": literal(self.name), "cut": "''"}
        kept = [name for name in self.keep_columns if name in layout.columns]
        if kept:
            extra = ", ".join(f"{literal(name)}: {identifier(name)}::VARCHAR" for name in kept)
            sql["tags"] = f"map_concat(coalesce({sql['tags']}, MAP {{}}), MAP {{{extra}}})"
        return [f"{sql[column.name]} AS {identifier(column.name)}" for column in focus.CHARGES]

    @property
    def _options(self) -> dict[str, str]:
        return {key: value.get_secret_value() for key, value in self.storage_options.items()}
