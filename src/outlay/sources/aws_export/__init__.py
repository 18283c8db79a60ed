"""AWS by its exports: Cost and Usage Reports, CUR 2.0 and FOCUS, as AWS delivers them to S3, or in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator

from outlay.core.errors import BillError
from outlay.core.ports import Coverage
from outlay.core.span import Span, Window
from outlay.sources._aws import Access
from outlay.sources._bills.bills import understood
from outlay.sources._bills.deliveries import Terms, charges, spans
from outlay.sources.aws_export.bucket import Bucket
from outlay.sources.aws_export.exports import Export, export_of
from outlay.sources.aws_export.places import Folder, Place

if TYPE_CHECKING:
    import pyarrow as pa


def _folder_or_bucket(path: str) -> str:
    scheme, there, rest = path.partition("://")
    if there and (scheme != "s3" or not rest.strip("/")):
        raise ValueError("path is a folder of this machine, or s3://bucket/prefix")
    return path


@contextmanager
def _told_by(place: Place) -> Iterator[None]:
    """Whoever reads the files can only say that they could not be read: the place knows why."""
    try:
        yield
    except BillError:
        if place.failed is not None:
            raise place.failed from None
        raise


class AwsExport(Access):
    """AWS by its exports: legacy Cost and Usage Reports, CUR 2.0 and FOCUS 1.0 and 1.2 of Data Exports.

    `path`          `s3://bucket/prefix`, or a folder that holds a copy of one; the manifests are looked for below it
    `export`        the name of the report or export, where there are several below the path
    `keep_columns`  columns outside the layout to keep as tags of their own name; all others are left out

    Of each billing month the files are read that its newest manifest names, and only if one of them has changed.
    A folder asks for no credentials. `region` is that of the bucket.
    """

    ENVIRONMENT: ClassVar[Mapping[str, str]] = {**Access.ENVIRONMENT, "OUTLAY_AWS_EXPORT": "path"}
    SWITCH: ClassVar[tuple[str, ...]] = ("OUTLAY_AWS_EXPORT",)

    name: Annotated[str, *Access.model_fields["name"].metadata] = "aws-export"
    path: Annotated[str, AfterValidator(_folder_or_bucket)]
    export: str | None = None
    keep_columns: tuple[str, ...] = ()

    def spans(self, window: Window) -> Iterator[Span]:
        """The billing months that are there whole, newest first. An asked window picks months.

        Raises BillError at the end when the delivery of a month is not finished, and none before it is there.
        """
        export = self._export(self._place())
        months = window.days.months() if window.asked else None
        for delivery in export.deliveries(months):
            yield from spans(self._terms, [delivery], window)
        export.raise_unfinished()

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """Every charge of the newest finished delivery of the span, file by file, as a stream."""
        place = self._place()
        export = self._export(place)
        deliveries = list(export.deliveries(None if span.is_everything else span.months))
        export.raise_unfinished()
        with _told_by(place):
            yield from charges(self._terms, deliveries, span)

    def covers(self) -> Coverage | None:
        """The account whose export it is, as its newest manifest tells."""
        account = self._export(self._place()).account()
        return Coverage(account) if account else None

    def test(self) -> str:
        """Find the manifests, and understand the columns of the newest delivery's first file."""
        place = self._place()
        export = self._export(place)
        deliveries = list(export.deliveries())
        export.raise_unfinished()
        with _told_by(place):
            layout = next((understood(each.bills[0]).name for each in deliveries if each.bills), "no charges yet")
        newest = "none of them whole"
        if deliveries:
            month, files = deliveries[0].month, len(deliveries[0].bills)
            newest = f"the newest {f'{month.start:%Y-%m} ' if month else ''}of {files} files"
        return f"{export.title} in {self.path}: {len(deliveries)} deliveries, {newest}, {layout}"

    def _place(self) -> Place:
        if self.path.startswith("s3://"):
            return Bucket(self, self.path)
        return Folder(Path(self.path).expanduser())

    def _export(self, place: Place) -> Export:
        return export_of(place, self.export)

    @property
    def _terms(self) -> Terms:
        return Terms(self.name, self.keep_columns)
