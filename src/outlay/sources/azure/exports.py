"""The exports of Cost Management in a container: what they deliver for each month, and its charges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from outlay.core.errors import BillError, NotFoundError, SourceError
from outlay.core.span import Period, Span, Window
from outlay.sources._bills import azure
from outlay.sources._bills.azure_columns import Order
from outlay.sources._bills.bills import Bill, understood
from outlay.sources._bills.cur_columns import DECIMAL
from outlay.sources._bills.deliveries import Delivery, Terms, spans
from outlay.sources._bills.reading import Reading
from outlay.sources.azure.blobs import Blob, Blobs
from outlay.sources.azure.days import order_of
from outlay.sources.azure.runs import Kind, Month, Run, Unfinished, months, newest

if TYPE_CHECKING:
    import pyarrow as pa

Share = Literal["both", "billed", "effective"]

# Of the kinds that a month has of the same costs, the first counts; an actual one with its amortised one.
_KINDS: tuple[Kind, ...] = ("focus", "actual", "amortized", "usage")

_ZERO, _NONE = f"0::{DECIMAL}", f"NULL::{DECIMAL}"
# What the halves of a pair leave to each other: what is billed stands in the actual file, what it costs whom in the
# amortised one; and usage, which is in both, counts once.
_INSTEAD: Mapping[Share, Mapping[str, str]] = {
    "both": {},
    "billed": {"effective_cost": _ZERO, "pricing_currency_effective_cost": _NONE},
    "effective": {
        "billed_cost": _ZERO,
        **dict.fromkeys(("list_cost", "contracted_cost", "consumed_quantity", "pricing_quantity"), _NONE),
    },
}


@dataclass(frozen=True, slots=True)
class Taken:
    """A run that counts, and which of the two costs is taken from it."""

    run: Run
    share: Share


@dataclass(frozen=True, kw_only=True)
class Exports:
    """The exports in a container.

    `source`       what the rows call their source
    `path`         the folder in the container below which exports are looked for
    `export_name`  only the export of this name
    `order`        how days are written; `auto` for what the files tell
    `currency`     of files that do not say theirs
    """

    source: str
    blobs: Blobs = field(repr=False)
    path: str = ""
    export_name: str = ""
    order: Order = "auto"
    currency: str | None = None
    keep_columns: tuple[str, ...] = ()

    def spans(self, window: Window) -> Iterator[Span]:
        """The months that were exported, newest first. An asked window picks months. Raises SourceError."""
        asked = window.days.months() if window.asked else None
        found = (each for each in self._found() if asked is None or each[0].start in asked)
        bills = ((month, self._bills(exports)) for month, exports in found)
        return spans(self._terms, (Delivery(month, files) for month, files in bills if files is not None), window)

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """Every charge of a month, file by file, as a stream. Raises SourceError, and BillError for what cannot be."""
        exports = next((exports for month, exports in self._found() if month == span.months), [])
        taken = self._taken(exports)
        if not taken:
            raise NotFoundError(f"{self.blobs.place}: there is no export of {span.months.start:%Y-%m} any more")
        for each in taken:
            yield from self._charges(each)

    def test(self) -> str:
        """List the exports and understand the columns of the newest one, without reading its files."""
        found = self._found()
        newest_first = ((month, taken) for month, exports in found if (taken := self._taken(exports)))
        month, taken = next(newest_first, (None, []))
        if month is None:
            raise NotFoundError(f"{self.blobs.place}: no finished run of an export yet; Azure takes up to a day")
        with self._told_by_azure():
            layouts = sorted({understood(self._bill(each, each.run.parts[0])).name for each in taken if each.run.parts})
        names = ", ".join(sorted({each.run.export or "files" for each in taken}))
        written = max(each.run.finished for each in taken)
        return (
            f"{self.blobs.place}: {len(found)} months; the newest is {month.start:%Y-%m}, written on"
            f" {written:%Y-%m-%d at %H:%M} UTC by {names} ({', '.join(layouts) or 'no charges yet'})"
        )

    def _found(self) -> list[tuple[Period, list[Month]]]:
        """What there is for each month, newest first. Raises NotFoundError when there is nothing."""
        folder = f"{self.path.strip('/')}/" if self.path.strip("/") else ""
        listed = self.blobs.listed(folder)
        found = months(listed, self.export_name)
        if not found:
            raise NotFoundError(f"{self.blobs.place}: {self._nothing(folder, listed)}")
        by_month: dict[Period, list[Month]] = {}
        for each in found:
            by_month.setdefault(each.month, []).append(each)
        return list(by_month.items())

    def _nothing(self, folder: str, listed: Sequence[Blob]) -> str:
        """Why there is no export, and what there is instead."""
        where = f"below {folder}" if folder else "in it"
        if not listed:
            return f"there is nothing {where}; check export.path, or wait for the first run: it takes up to a day"
        others = sorted({each.export.rpartition("/")[2] for each in months(listed)} - {""})
        if others:
            return f"no export named {self.export_name!r} {where}; there are: {', '.join(others)}"
        return f"{len(listed)} files {where}, and none in a folder of a month such as 20261001-20261031"

    def _taken(self, exports: Sequence[Month]) -> list[Taken]:
        """The runs of a month that count. Raises BillError for files that are not what their manifest says."""
        runs = []
        for each in exports:
            run = newest(each, self.blobs.read, self._is_whole)
            if isinstance(run, Unfinished):
                raise BillError(f"{self.blobs.place}: {run.reason}")
            runs += [run] if run else []
        return shared(runs)

    def _bills(self, exports: Sequence[Month]) -> list[Bill] | None:
        """The files that are a month; all there are where something is wrong with them, which reading them tells.

        None while there is no finished run.
        """
        try:
            taken = self._taken(exports)
        except BillError:
            return [self.blobs.bill(blob) for each in exports for blob in each.blobs]
        return [self._bill(each, part) for each in taken for part in each.run.parts] if taken else None

    def _bill(self, taken: Taken, part: Blob) -> Bill:
        return self.blobs.bill(part, f"{taken.run.version} {taken.share} {self.order} {self.currency}")

    def _charges(self, taken: Taken) -> Iterator[pa.RecordBatch]:
        bills = [self._bill(taken, part) for part in taken.run.parts]
        with self._told_by_azure():
            files = [(bill, understood(bill)) for bill in bills]
            own = [(bill, layout) for bill, layout in files if layout.name == azure.NAME]
            order = self.order if self.order != "auto" else order_of(own, taken.run.month)
            terms = replace(self._terms, instead=_INSTEAD[taken.share])
            for bill, layout in files:
                if layout.name == azure.NAME:
                    sql = azure.expressions(layout.columns, order, self.currency)
                    layout = replace(layout, expressions=sql)  # noqa: PLW2901 - the same one, better informed
                yield from Reading(bill, layout, terms.columns(layout), taken.run.month).charges(None)

    def _is_whole(self, blob: Blob, stated: int) -> bool:
        """Whether a packed file is whole whose manifest states another size: that may be the size unpacked."""
        end = self.blobs.read(blob, max(0, blob.size - 4))
        if blob.name.lower().endswith(".gz"):
            return int.from_bytes(end, "little") == stated % 2**32
        return blob.name.lower().endswith(".parquet") and end == b"PAR1" and stated > blob.size

    @contextmanager
    def _told_by_azure(self) -> Iterator[None]:
        """Readers call whatever goes wrong a bill that cannot be read: where a request failed, tell that."""
        self.blobs.failure = None
        try:
            yield
        except BillError:
            if self.blobs.failure is not None:
                raise self.blobs.failure from None
            raise

    @property
    def _terms(self) -> Terms:
        return Terms(self.source, self.keep_columns)


def shared(runs: Sequence[Run]) -> list[Taken]:
    """Which of a month's runs count, and for which cost, so that no money counts twice.

    Of the same costs a FOCUS export has both costs; of an actual and an amortised one each has one. Whose costs a run
    has its manifest tells: runs that do not tell are taken for those of different exports, as their folders are.
    Raises SourceError when two exports are of the same kind and costs.
    """
    of_scope: dict[str, dict[Kind, list[Run]]] = {}
    for run in runs:
        of_scope.setdefault(run.scope, {}).setdefault(run.kind, []).append(run)
    taken: list[Taken] = []
    for scope, kinds in of_scope.items():
        twice = next((same for same in kinds.values() if len(same) > 1), None)
        if scope and twice:
            names = " and ".join(sorted(run.export for run in twice))
            raise SourceError(f"{names} export the same costs of {scope}; set export.export_name to one of them")
        shares = _shares(kinds)
        taken += [Taken(run, shares[kind]) for kind, same in kinds.items() if kind in shares for run in same]
    return sorted(taken, key=lambda each: (each.run.export, each.share))


def _shares(kinds: Mapping[Kind, Sequence[Run]]) -> dict[Kind, Share]:
    if "focus" not in kinds and {"actual", "amortized"} <= kinds.keys():
        return {"actual": "billed", "amortized": "effective"}
    first: Kind = next(kind for kind in _KINDS if kind in kinds)
    return {first: "both"}
