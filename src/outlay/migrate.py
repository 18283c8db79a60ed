"""The use case "migrate": copy every charge from one store to another, and prove that the sums are equal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from outlay.core.errors import StoreError
from outlay.core.query import MEASURES

if TYPE_CHECKING:
    import pyarrow as pa

    from outlay.core.ports import Warehouse

Costs = dict[str, tuple[Decimal, ...]]  # of each currency the sums of the measures, in the order of MEASURES


@dataclass(slots=True)
class Sums:
    """What some charges add up to: how many there are, and their costs in each currency."""

    rows: int = 0
    costs: Costs = field(default_factory=dict)

    def add(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches, each counted as it passes."""
        for batch in batches:
            self._count(batch)
            yield batch

    def _count(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa

        table = pa.Table.from_batches([batch]).select(["billing_currency", *MEASURES.values()])
        sums = table.group_by("billing_currency").aggregate([(name, "sum") for name in MEASURES.values()])
        self.rows += batch.num_rows
        for row in sums.to_pylist():
            currency = row["billing_currency"]
            found = tuple(row[f"{name}_sum"] or Decimal(0) for name in MEASURES.values())
            before = self.costs.get(currency, (Decimal(0),) * len(MEASURES))
            self.costs[currency] = tuple(a + b for a, b in zip(before, found, strict=True))

    @property
    def billed(self) -> dict[str, Decimal]:
        """The billed cost in each currency."""
        return {currency: costs[0] for currency, costs in sorted(self.costs.items())}


@dataclass(frozen=True, slots=True)
class Moved:
    """One source's billing month, which both stores now hold alike. `there`: the new one had it before."""

    source: str
    month: date
    sums: Sums
    there: bool = False


def migrate(old: Warehouse, new: Warehouse) -> Iterator[Moved]:
    """Copy month by month, oldest first; each is told once what the new store gives back adds up to the same.

    The old store is only read. A month that the new one holds alike is left as it is, so that a migration which was
    cut short goes on where it was. Raises StoreError for months of the new store that the old one does not have,
    before anything is written, and for sums that differ.
    """
    new.prepare()
    months = {(source, month): delivery for source, month, delivery in old.months()}
    held = {(source, month): delivery for source, month, delivery in new.months()}
    if more := sorted(held.keys() - months.keys()):
        source, month = more[0]
        others = f" and {len(more) - 1} more" if more[1:] else ""
        raise StoreError(
            f"the new store holds {source} {month:%Y-%m}{others}, which the old one does not: name an empty one"
        )
    for (source, month), delivery in sorted(months.items(), key=lambda each: each[0]):
        if (source, month) in held and held[source, month] == delivery:
            ours, theirs = sums_of(old, source, month), sums_of(new, source, month)
            if ours == theirs:
                yield Moved(source, month, ours, there=True)
                continue
        yield _move(old, new, source, month, delivery)


def _move(old: Warehouse, new: Warehouse, source: str, month: date, delivery: str | None) -> Moved:
    sent = Sums()
    new.adopt(source, month, delivery, sent.add(old.rows(source, month)))
    got = sums_of(new, source, month)
    if got != sent:
        raise StoreError(
            f"{source} {month:%Y-%m}: {sent.rows} charges of {sent.billed} were copied, {got.rows} of {got.billed} "
            "are there: does something else write to the new store?"
        )
    return Moved(source, month, sent)


def sums_of(store: Warehouse, source: str, month: date) -> Sums:
    """What a store's charges of one source and billing month add up to."""
    sums = Sums()
    for _ in sums.add(store.rows(source, month)):
        pass
    return sums
