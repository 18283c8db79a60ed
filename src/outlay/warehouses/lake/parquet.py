"""Writing a span's rows as Parquet files of the lake, a run of files per billing month, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from threading import Lock
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from outlay.core import focus
from outlay.core.span import Span
from outlay.objects import open_to_write, remove
from outlay.warehouses._charges import by_month, check
from outlay.warehouses.lake.snapshot import DataFile

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_GROUP = 65_536  # of a Parquet row group: what a reader skips or reads at once
ROWS_PER_FILE = 1_000_000
BUFFERED_BYTES = 128 << 20  # of rows that wait for their row group to fill, over all months
WRITERS = 2

# Statistics that go to Delta's log, where a query finds the files it needs without opening any.
LOGGED = ("charge_date", "cut")
# Statistics that stay in the files, where they let a query skip row groups. Those of amounts skip nothing.
SKIPPED_BY = (*LOGGED, "provider", "service_name", "sub_account_id", "region_id", "charge_category")


class PartitionWriter:
    """Takes batches of one source, splits them by billing month, and writes each month's files.

    Nothing is part of the lake until its files are committed; `discard` deletes them.
    """

    def __init__(self, root: str, options: Mapping[str, str], source: str, compression: str, delivery: str) -> None:
        self._root, self._options, self._source = root, options, source
        self._compression, self._delivery = compression, delivery
        self._months: dict[date, _Month] = {}
        self._pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="parquet")
        self._pending: list[Future[None]] = []

    def write(self, batches: Iterable[pa.RecordBatch], span: Span | None) -> None:
        """Take all batches. With a span, a row outside it raises BillError."""
        import pyarrow as pa

        for batch in batches:
            if batch.num_rows == 0:
                continue
            for month, part in by_month(batch):
                if span is not None:
                    check(part, month, span)
                self._month(month).add(
                    pa.RecordBatch.from_arrays([part.column(n) for n in _stored()], schema=_stored_schema())
                )
            self._flush_full()

    def close(self) -> list[DataFile]:
        """Finish every file and tell what was written."""
        for month in self._months.values():
            self._submit(month)
        self._wait(0)
        self._pool.shutdown()
        return [file for month in self._months.values() for file in month.finish()]

    def discard(self) -> None:
        """Delete what was written. Safe to call whenever and however often."""
        self._pool.shutdown(cancel_futures=True)
        for month in self._months.values():
            month.discard()

    def _month(self, month: date) -> _Month:
        if month not in self._months:
            self._months[month] = _Month(self, month)
        return self._months[month]

    def _flush_full(self) -> None:
        for month in self._months.values():
            if month.rows >= ROWS_PER_GROUP:
                self._submit(month)
        while sum(month.bytes for month in self._months.values()) > BUFFERED_BYTES:
            self._submit(max(self._months.values(), key=lambda month: month.bytes))

    def _submit(self, month: _Month) -> None:
        table = month.take()
        if table is not None:
            self._wait(WRITERS)
            self._pending.append(self._pool.submit(month.write, table))

    def _wait(self, most: int) -> None:
        """Wait until at most `most` row groups are on their way: bounds memory, and brings errors here."""
        while len(self._pending) > most:
            self._pending.pop(0).result()

    def new_file(self, month: date) -> tuple[str, str]:
        """The path below the table's folder, and the address, of a new file."""
        kind = f"delivery-{self._delivery}" if self._delivery else "days"
        path = f"source={self._source}/month={month}/{kind}-{uuid4().hex}.parquet"
        return path, f"{self._root}/{path}"

    def open(self, uri: str) -> tuple[IO[bytes], Any, list[Any]]:
        """A file, its Parquet writer, and the list that gets its footer when the writer is closed."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        # Buffers come and go by the hundred megabytes here: the system's allocator keeps the pages that
        # Arrow's own gives back and faults in again, which costs a third of the time.
        pa.set_memory_pool(pa.system_memory_pool())
        sink = open_to_write(uri, self._options)
        footer: list[Any] = []
        strings = [c.name for c in focus.CHARGES if c.kind in {"string", "timestamp", "date"} and c.name != "source"]
        writer = pq.ParquetWriter(
            sink,
            _stored_schema(),
            compression=self._compression,
            use_dictionary=strings,  # of no use to amounts, which rarely repeat
            write_statistics=list(SKIPPED_BY),
            metadata_collector=footer,
        )
        return sink, writer, footer

    def data_file(self, path: str, uri: str, size: int, month: date, footer: Any) -> DataFile:
        """What the lake keeps of a finished file."""
        bounds = {name: _bounds(footer, name) for name in LOGGED}
        cuts = bounds["cut"]
        return DataFile(
            path, uri, size, self._source, month, footer.num_rows, *bounds["charge_date"],
            cuts[0] if cuts[0] == cuts[1] else None, self._delivery,
        )  # fmt: skip

    def forget(self, uri: str) -> None:
        """Delete one file."""
        remove(uri, self._options)


class _Month:
    """The rows that wait, and the files that are written, of one billing month."""

    def __init__(self, owner: PartitionWriter, month: date) -> None:
        self._owner, self._first = owner, month
        self._waiting: list[pa.RecordBatch] = []
        self.rows = self.bytes = 0
        self._lock = Lock()
        self._open: tuple[str, str, IO[bytes], Any, list[Any]] | None = None
        self._written = 0
        self._files: list[DataFile] = []
        self._uris: list[str] = []

    def add(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        self.rows += batch.num_rows
        self.bytes += batch.nbytes

    def take(self) -> pa.Table | None:
        """What waits, as one row group."""
        import pyarrow as pa

        if not self._waiting:
            return None
        table = pa.Table.from_batches(self._waiting)
        self._waiting, self.rows, self.bytes = [], 0, 0
        return table

    def write(self, table: pa.Table) -> None:
        with self._lock:
            if self._open is None:
                path, uri = self._owner.new_file(self._first)
                self._uris.append(uri)
                self._open = (path, uri, *self._owner.open(uri))
            self._open[3].write_table(table, row_group_size=max(table.num_rows, 1))
            self._written += table.num_rows
            if self._written >= ROWS_PER_FILE:
                self._end_file()

    def finish(self) -> list[DataFile]:
        with self._lock:
            self._end_file()
            return self._files

    def discard(self) -> None:
        with self._lock:
            if self._open is not None:
                _path, _uri, sink, writer, _footer = self._open
                writer.is_open = False  # or it would write its footer as it goes, to a file that is closed
                sink.close()
                self._open = None
            for uri in self._uris:
                self._owner.forget(uri)

    def _end_file(self) -> None:
        if self._open is None:
            return
        path, uri, sink, writer, footer = self._open
        writer.close()
        size = sink.tell()
        sink.close()
        self._open, self._written = None, 0
        self._files.append(self._owner.data_file(path, uri, size, self._first, footer[0]))


def _stored() -> list[str]:
    """The columns that a file holds: all but the source, which is in its path."""
    return [name for name in focus.NAMES if name != "source"]


def _stored_schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema([focus.schema().field(name).with_nullable(True) for name in _stored()])


def _bounds(footer: Any, name: str) -> tuple[Any, Any]:
    index = next(i for i in range(footer.num_columns) if footer.schema.column(i).path == name)
    found = [footer.row_group(i).column(index).statistics for i in range(footer.num_row_groups)]
    return min(each.min for each in found), max(each.max for each in found)
