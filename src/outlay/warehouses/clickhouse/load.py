"""Rows on their way into ClickHouse: checked, and inserted in blocks into a table of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from outlay.core import focus
from outlay.core.money import PRECISION, SCALE
from outlay.core.span import Span
from outlay.warehouses._charges import by_month, check
from outlay.warehouses.clickhouse.server import Server, Trouble
from outlay.warehouses.clickhouse.tables import HAS_TAGS, INCOMING, LOAD, Tables

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_INSERT = 131_072
BYTES_PER_INSERT = 64 << 20

# What Date32 and DateTime64 hold. Of other days ClickHouse makes the nearest that it knows, and says nothing.
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2299, 12, 31)
_TOO_MUCH = 10 ** (PRECISION - SCALE)
_TIMES = [column.name for column in focus.CHARGES if column.kind in {"date", "timestamp"}]


class Line(NamedTuple):
    """The billed cost of one day, currency and cut."""

    day: date
    currency: str
    cut: str
    cost: Decimal


class Incoming(AbstractContextManager["Incoming"]):
    """A table with the rows of one load, of any months: made for the first row, dropped at the end of the `with`."""

    def __init__(self, server: Server, tables: Tables) -> None:
        self.load = uuid4().hex
        self.table = tables.name(INCOMING + self.load)
        self.rows = 0
        self._server, self._tables = server, tables
        self._waiting: list[pa.RecordBatch] = []
        self._lines: dict[date, tuple[Line, ...]] = {}

    def __exit__(self, *raised: object) -> None:
        if self.rows:
            self._server.drop(self.table)

    def write(self, batches: Iterable[pa.RecordBatch], span: Span) -> None:
        """Insert every row. Raises BillError for one outside of the span."""
        for batch in batches:
            for month, part in by_month(batch) if batch.num_rows else ():
                check(part, month, span)
                _check_times(part, span)
                self._add(part)
        self._insert()
        self._lines = self._sums() if self.rows else {}

    @property
    def months(self) -> list[date]:
        """The billing months of the rows."""
        return sorted(self._lines)

    def lines(self, month: date) -> tuple[Line, ...]:
        """What the rows of a month sum up to."""
        return self._lines.get(month, ())

    def _add(self, part: pa.RecordBatch) -> None:
        for start in range(0, part.num_rows, ROWS_PER_INSERT):
            self._waiting.append(part.slice(start, ROWS_PER_INSERT))
            rows, size = (sum(each) for each in zip(*((b.num_rows, b.nbytes) for b in self._waiting), strict=True))
            if rows >= ROWS_PER_INSERT or size >= BYTES_PER_INSERT:
                self._insert()

    def _insert(self) -> None:
        import pyarrow as pa

        if self._waiting:
            table = pa.Table.from_batches([each.select(list(focus.NAMES)) for each in self._waiting])
            self._waiting.clear()
            table = table.append_column(HAS_TAGS, table.column("tags").is_valid())
            load = pa.repeat(pa.scalar(self.load), table.num_rows)
            if not self.rows:
                self._server.do(self._tables.create_stage(INCOMING + self.load))
            self.rows += table.num_rows
            self._server.insert(self.table, table.append_column(LOAD, load))

    def _sums(self) -> dict[date, tuple[Line, ...]]:
        found: dict[date, list[Line]] = defaultdict(list)
        sql = (
            f"SELECT month, charge_date, billing_currency, cut, sum(toDecimal256(billed_cost, {SCALE}))"  # noqa: S608 - our own name
            f" FROM {self.table} GROUP BY month, charge_date, billing_currency, cut"
        )
        for month, *line in self._server.lines(sql):
            found[month].append(Line(*line))
            if not -_TOO_MUCH < found[month][-1].cost < _TOO_MUCH:
                raise Trouble(f"the charges of {found[month][-1].day} sum up to more than 38 digits hold")
        return {month: tuple(lines) for month, lines in found.items()}


def as_charges(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows as they are stored, in the schema of CHARGES."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {name: batch.column(name) for name in focus.NAMES}
    tags, without = columns["tags"], pc.invert(batch.column(HAS_TAGS))
    columns["tags"] = pa.MapArray.from_arrays(tags.offsets, tags.keys, tags.items, mask=without)
    return pa.RecordBatch.from_pydict(columns).cast(focus.schema())


def _check_times(part: pa.RecordBatch, span: Span) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in _TIMES:
        bounds = pc.min_max(part.column(name).cast(pa.date32(), safe=False)).as_py()
        for day in bounds.values():
            if day is not None and not FIRST_DAY <= day <= LAST_DAY:
                raise Trouble(f"{span}: a charge has the {name} {day}: ClickHouse holds {FIRST_DAY} to {LAST_DAY}")
