"""The rows of one bill as a stream of CHARGES, and where in the file a row is that cannot be one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Event
from typing import IO, TYPE_CHECKING

from outlay.core import focus
from outlay.core.errors import BillError
from outlay.core.span import END_MONTH, FIRST_MONTH, Period
from outlay.objects import connect, identifier
from outlay.sources._bills import csv_files
from outlay.sources._bills.bills import Bill, Layout, opened
from outlay.sources._bills.faults import fault_of

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_BATCH = 16_384  # larger batches cost more in page faults than they save
MEMORY = "512MB"

_EVER = Period(FIRST_MONTH, END_MONTH)
_STARTS = ("billing_period_start", "charge_period_start")
# Ends last: they are made of starts, where they are missing.
_MANDATORY = sorted((c for c in focus.CHARGES if not c.nullable), key=lambda column: column.name.endswith("_end"))


@dataclass(frozen=True, slots=True)
class Reading:
    """One bill being read.

    `columns`  the SQL of every column of CHARGES, in its order, over the bill's own
    `month`    the billing month that its folder names, if it does
    """

    bill: Bill
    layout: Layout
    columns: Mapping[str, str]
    month: Period | None = None

    def charges(self, months: Period | None) -> Iterator[pa.RecordBatch]:
        """Every charge, batch by batch; with `months` only those billed in them. Raises BillError."""
        import duckdb
        import pyarrow as pa

        selected = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in self.columns.items())
        query = f"SELECT {selected} FROM {self.layout.table}"  # noqa: S608 - names and paths are quoted
        if months is not None:
            inside = _inside(self.columns["billing_period_start"], months)
            query += f" WHERE {inside} IS NOT FALSE"  # a charge without a month is a fault, not one to leave out
        with self._compared(), closing(connect(self.bill.files)) as con:
            con.execute("SET preserve_insertion_order = false")
            con.execute(f"SET memory_limit = '{MEMORY}'")
            try:
                for batch in con.sql(query).to_arrow_reader(ROWS_PER_BATCH):
                    self._refuse(batch)
                    yield batch.cast(focus.schema())
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                raise BillError(self._explained(error)) from None

    @contextmanager
    def _compared(self) -> Iterator[None]:
        """Raise BillError at the end if the file is packed and cut short or damaged.

        The engine does not compare checksums: a flipped bit may become another amount. So that is done beside it,
        while the file is in memory anyway. Buckets check theirs.
        """
        if self.bill.files is not None:
            yield
            return
        stop = Event()
        with ThreadPoolExecutor(1, "checksum") as pool:
            done = pool.submit(self._unpack, stop)
            try:
                yield
                done.result()
            finally:
                stop.set()

    def _unpack(self, stop: Event) -> None:
        header = self.layout.header
        if header is not None and header.compression != "none":
            with opened(self.bill) as file:
                csv_files.read_to_end(file, header.compression, stop)

    def _refuse(self, batch: pa.RecordBatch) -> None:
        """Raise BillError for charges without what every charge has, and for times that only look like some."""
        for column in _MANDATORY:
            if batch.column(column.name).null_count:
                place = self._place_where(f"{self.columns[column.name]} IS NULL")
                raise BillError(f"{place}: a charge has no {column.spec or column.name}")
        for name in _STARTS:
            if not _within(batch.column(name), _EVER):
                # Such as `5/1/25`, which is read as January of the year 5.
                place = self._place_where(f"NOT {_inside(self.columns[name], _EVER)}")
                years, spec = f"{_EVER.start.year}..{_EVER.end.year}", focus.BY_NAME[name].spec
                raise BillError(f"{place}: {spec} lies outside {years}; write a day as 2026-10-31")
        if self.month and not _within(batch.column("billing_period_start"), self.month):
            place = self._place_where(f"NOT {_inside(self.columns['billing_period_start'], self.month)}")
            raise BillError(f"{place}: a charge is billed outside {self.month.start:%Y-%m}, the month of its folder")

    def _place_where(self, condition: str) -> str:
        """The file and, of a CSV, the line of the first row for which a condition holds."""
        if self.layout.header is None:
            return self.bill.path
        numbered = f'SELECT *, row_number() OVER () AS "#" FROM {self.layout.table}'  # noqa: S608 - as above
        with closing(connect(self.bill.files)) as con:
            found = con.sql(f'SELECT "#" FROM ({numbered}) WHERE {condition} LIMIT 1').fetchall()  # noqa: S608
        return self._place(csv_files.line_of_row, found[0][0]) if found else self.bill.path

    def _explained(self, error: Exception) -> str:
        """What is wrong with the bill: file, line, column and value where the reader tells them."""
        self._unpack(Event())
        fault = fault_of(error, self.layout.columns)
        place = self._place(csv_files.line_of_entry, fault.entry) if fault.entry else self.bill.path
        return f"{place}: {fault.words}"

    def _place(self, line_of: Callable[[IO[bytes], csv_files.Header, int], int], number: int) -> str:
        assert self.layout.header is not None  # noqa: S101 - only rows of a CSV have numbers
        with opened(self.bill) as file:
            return f"{self.bill.path}:{line_of(file, self.layout.header, number)}"


def _inside(time: str, days: Period) -> str:
    return f"({time} >= TIMESTAMPTZ '{days.start}' AND {time} < TIMESTAMPTZ '{days.end}')"


def _within(times: pa.Array, days: Period) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(times):
        return True
    bounds = pc.min_max(times)
    first, end = (pa.scalar(day, pa.date32()).cast(times.type) for day in (days.start, days.end))
    return bool(pc.greater_equal(bounds["min"], first).as_py() and pc.less(bounds["max"], end).as_py())
