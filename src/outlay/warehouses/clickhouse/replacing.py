"""One replace: the rows are taken in first, then each of its months is swapped, newest first."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

from outlay.core.money import totals
from outlay.core.ports import Replaced
from outlay.core.span import Span
from outlay.warehouses._charges import changes
from outlay.warehouses.clickhouse.load import Incoming
from outlay.warehouses.clickhouse.server import Server
from outlay.warehouses.clickhouse.swap import Months, believed
from outlay.warehouses.clickhouse.tables import LOAD, Tables

if TYPE_CHECKING:
    import pyarrow as pa


def holds(server: Server, tables: Tables, span: Span, delivery: str) -> bool:
    """Whether all there is of the span came with this delivery."""
    sql = f"SELECT DISTINCT month, {LOAD} FROM {tables.local('charges')} WHERE source = {{source:String}}"  # noqa: S608 - our own names
    found = {load for month, load in server.lines(sql, {"source": span.source}) if month in span.months}
    if not found:
        return False
    sql = (
        f"SELECT {LOAD} FROM {tables.local('loads')}"  # noqa: S608 - as above
        " WHERE source = {source:String} AND identity = {delivery:String}"
    )
    return found <= {load for (load,) in server.lines(sql, {"source": span.source, "delivery": delivery})}


def replace(server: Server, tables: Tables, span: Span, delivery: str, rows: Iterable[pa.RecordBatch]) -> Replaced:
    """Make `rows` all there is of the span."""
    months = Months(server, tables, span.source)
    with Incoming(server, tables) as incoming:
        incoming.write(rows, span)
        there = months.all()
        before = {month: found.lines for month, found in there.items()}
        after = dict(before)
        held = any(month in span.months for month in there)
        for month in sorted({*incoming.months, *(m for m in there if m in span.months)}, reverse=True):
            old, after[month] = months.swap(month, incoming, span.days)
            before[month] = old.lines
        if delivery and incoming.rows:
            # Only now: of a writer killed among several months nobody may believe that it brought all of them.
            _remember(server, tables, span.source, incoming.load, delivery)
    told = changes(span, held=held, before=believed(chain(*before.values())), after=believed(chain(*after.values())))
    new = believed(line for month in incoming.months for line in incoming.lines(month))
    return Replaced(incoming.rows, totals((currency, cost) for (_, currency), cost in new.items()), told)


def _remember(server: Server, tables: Tables, source: str, load: str, delivery: str) -> None:
    server.do(
        f"INSERT INTO {tables.local('loads')} ({LOAD}, source, identity)"
        " SELECT {load:String}, {source:String}, {delivery:String}",
        {"load": load, "source": source, "delivery": delivery},
    )
