"""One replace, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from outlay.core.ports import Replaced
from outlay.core.span import Period, Span
from outlay.warehouses._charges import changes
from outlay.warehouses.postgres.connections import Connections, lock
from outlay.warehouses.postgres.copy import copy_in
from outlay.warehouses.postgres.schema import partition
from outlay.warehouses.postgres.sums import (
    Known,
    Part,
    clear,
    days_of,
    provider_days,
    sum_up,
    totals_of,
    write_costs,
)

if TYPE_CHECKING:
    import pyarrow as pa


def replace(
    connections: Connections, span: Span, delivery: str, rows: Iterable[pa.RecordBatch], *, known: bool
) -> Replaced:
    """Make `rows` all there is of the span; unless it is `known`, and came with that very delivery."""
    with connections.writing() as connection:
        lock(connection, f"source {span.source}")
        before = Known.of(connection, span)
        if known and delivery and before.deliveries == [delivery]:
            return Replaced(unchanged=True)
        old = days_of(connection, span.source)
        gone = []
        if before.months:
            there = Part.of(span, before.months)
            gone = provider_days(connection, there)
            clear(connection, there)
        stored = copy_in(connection, rows, span, lambda month: partition(connection, month, connections))
        new = Part.of(span, sorted(stored))
        if stored:
            sum_up(connection, new, delivery)
        edges = before.edges + Known.of(connection, span).edges
        if edges:
            # From here to the end one at a time: several sources add up in the costs of one provider.
            lock(connection, "costs")
            write_costs(connection, Period(min(edges), max(edges) + timedelta(days=1)), gone)
            connection.execute("UPDATE charges_revision SET number = number + 1")
        told = changes(span, held=bool(before.months), before=old, after=days_of(connection, span.source))
        totals = totals_of(connection, new, span.source) if stored else {}
        return Replaced(sum(stored.values()), totals, told)
