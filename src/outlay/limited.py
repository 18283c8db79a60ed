"""A Warehouse whose every answer is of some money alone, as if there were no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from outlay.core.limits import LimitedError, Limits, digest, told_sources

if TYPE_CHECKING:
    from datetime import date

    import pyarrow as pa

    from outlay.core.ports import Replaced, Warehouse
    from outlay.core.query import CostQuery
    from outlay.core.span import Span


@runtime_checkable
class Refreshable(Protocol):
    """A warehouse that keeps answers, and can be asked to go round them."""

    def fresh(self) -> Warehouse:
        """The same, which goes round the answers of before."""


class Limited:
    """A warehouse seen through limits; see ports.Warehouse. Safe for many threads.

    The limits become filters of every question, before any cache sees it, so that no answer is kept under the name
    of another one's. Of a source whose cut of the money lacks a dimension of the limits nothing is seen. Who is limited
    writes nothing.
    """

    def __init__(self, warehouse: Warehouse, limits: Callable[[], Limits]) -> None:
        """`limits` tells, whenever something is asked, those of who asks; see core.limits."""
        self.warehouse = warehouse
        self._limits = limits

    def query(self, query: CostQuery) -> pa.Table:
        """The answer of what may be seen."""
        return self.warehouse.query(replace(query, filters=(*query.filters, *self._limits())))

    def version(self) -> str:
        """The store's, made another one for each other limits: what names an answer names whose it is."""
        version, limits = self.warehouse.version(), self._limits()
        return f"{version} {digest(limits)}" if version and limits else version

    def fresh(self) -> Limited:
        """The same, which goes round the answers of before."""
        inner = self.warehouse
        return Limited(inner.fresh(), self._limits) if isinstance(inner, Refreshable) else self

    def months(self) -> list[tuple[str, date, str | None]]:
        """Each source and billing month there is, of the sources that may be seen."""
        told = told_sources(self._limits())
        return [each for each in self.warehouse.months() if told is None or each[0] in told]

    # -- what nobody does who is limited -----------------------------------------------------------

    def prepare(self) -> None:
        """Create or migrate what the store needs."""
        self._whole().prepare()

    def replace(self, span: Span, rows: Iterable[pa.RecordBatch]) -> Replaced:
        """Make `rows` all there is of the span."""
        return self._whole().replace(span, rows)

    def rows(self, source: str, month: date) -> Iterator[pa.RecordBatch]:
        """Every charge of a source's billing month."""
        return self._whole().rows(source, month)

    def adopt(self, source: str, month: date, delivery: str | None, rows: Iterable[pa.RecordBatch]) -> Replaced:
        """Replace a month by what another store has of it."""
        return self._whole().adopt(source, month, delivery, rows)

    def maintain(self) -> None:
        """What is due after collecting."""
        self._whole().maintain()

    def _whole(self) -> Warehouse:
        if self._limits():
            raise LimitedError("a key that is limited to some money reads answers about costs, and nothing else")
        return self.warehouse
