"""Bills as files: FOCUS 1.0-preview to 1.4, AWS CUR, Azure, Oracle; CSV or Parquet, in a folder or a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from outlay.core.span import Span, Window
from outlay.sources._bills.bills import understood
from outlay.sources._bills.deliveries import Delivery, Terms, by_folder, charges, spans
from outlay.sources._bills.listing import found

if TYPE_CHECKING:
    import pyarrow as pa


TESTED_FILES = 50


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
        return spans(self._terms, self._deliveries(), window)

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """Every charge of the files of the span, file by file, as a stream."""
        return charges(self._terms, self._deliveries(), span)

    def test(self) -> str:
        """Understand the columns of the newest files, without reading the files."""
        bills = [bill for delivery in self._deliveries() for bill in delivery.bills]
        layouts = sorted({understood(bill).name for bill in bills[:TESTED_FILES]})
        return f"{len(bills)} files in {self.path}: {', '.join(layouts)}"

    def _deliveries(self) -> list[Delivery]:
        return by_folder(
            found(self.path, {key: value.get_secret_value() for key, value in self.storage_options.items()})
        )

    @property
    def _terms(self) -> Terms:
        return Terms(self.name, self.keep_columns)
