"""Charges on their way to PostgreSQL and back, as CSV: what COPY reads and writes, and Arrow makes and reads in C++.

The server takes text, CSV and its binary format at much the same rate; only CSV has somebody to write it from Arrow.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING

from outlay.core import focus
from outlay.core.span import Span
from outlay.objects import connect
from outlay.warehouses._charges import by_month, check

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from outlay.warehouses.postgres.connections import Connection

ROWS_PER_COPY = 16_384
WAITING_BYTES = 64 << 20  # of rows that wait for their COPY to fill, over all months
AHEAD = 2  # how many are written as CSV while one is sent
COLUMNS = ", ".join((*focus.NAMES, "month"))
INSTEAD = "\ufffd"  # of what PostgreSQL cannot hold in a text: the character NUL


def copy_in(
    connection: Connection, batches: Iterable[pa.RecordBatch], span: Span, place: Callable[[date], str]
) -> dict[date, int]:
    """Store every row, each in the partition that `place` names for its billing month.

    Returns the number of rows of each month. Raises BillError for a row outside of the span.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="csv") as pool:
        sent = _Sending(connection, pool, place)
        try:
            for batch in batches:
                if batch.num_rows:
                    for month, part in by_month(batch):
                        check(part, month, span)
                        sent.add(month, part)
            return sent.finish()
        finally:
            pool.shutdown(cancel_futures=True)


class _Sending:
    """Rows that wait, by month; CSV that is being written; and what was sent."""

    def __init__(self, connection: Connection, pool: ThreadPoolExecutor, place: Callable[[date], str]) -> None:
        self._connection, self._pool, self._place = connection, pool, place
        self._waiting: dict[date, list[pa.RecordBatch]] = defaultdict(list)
        self._writing: deque[tuple[date, Future[bytes]]] = deque()
        self._partitions: dict[date, str] = {}
        self._rows: dict[date, int] = defaultdict(int)
        self._duck = connect()

    def add(self, month: date, part: pa.RecordBatch) -> None:
        for start in range(0, part.num_rows, ROWS_PER_COPY):
            self._waiting[month].append(part.slice(start, ROWS_PER_COPY))
            if sum(each.num_rows for each in self._waiting[month]) >= ROWS_PER_COPY:
                self._write(month)
        while sum(map(_bytes, self._waiting.values())) > WAITING_BYTES:
            self._write(max(self._waiting, key=lambda month: _bytes(self._waiting[month])))

    def finish(self) -> dict[date, int]:
        for month in list(self._waiting):
            self._write(month)
        self._send(0)
        return self._rows

    def _write(self, month: date) -> None:
        import pyarrow as pa

        table = pa.Table.from_batches(self._waiting.pop(month))
        self._rows[month] += table.num_rows
        self._writing.append((month, self._pool.submit(_as_csv, table, month, self._duck)))
        self._send(AHEAD)

    def _send(self, most: int) -> None:
        """Send what is written until at most `most` wait for it: bounds memory, and brings errors here."""
        while len(self._writing) > most:
            month, written = self._writing.popleft()
            text = written.result()
            if month not in self._partitions:
                self._partitions[month] = self._place(month)
            into = f"COPY {self._partitions[month]} ({COLUMNS}) FROM STDIN (FORMAT csv)"
            with self._connection.cursor().copy(into) as copy:
                copy.write(text)


def copy_out(connection: Connection, source: str, month: date) -> Iterator[pa.RecordBatch]:
    """Every charge of a source billed in one month, in the schema of CHARGES."""
    duck = connect()
    names = ", ".join(focus.NAMES)
    query = f"SELECT {names} FROM charges WHERE source = %s AND month = %s"  # noqa: S608 - our own names
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv)", (source, month)) as copy:
        lines = iter(copy)  # a row each: so does the server send them
        while block := b"".join(islice(lines, ROWS_PER_COPY)):
            yield _from_csv(block, duck)


def storable(text: str) -> str:
    """A text as this store has it: with a replacement character for NUL, and for what is no character at all."""
    return text.replace("\0", INSTEAD).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _bytes(batches: list[pa.RecordBatch]) -> int:
    return sum(each.nbytes for each in batches)


def _as_csv(table: pa.Table, month: date, duck: DuckDBPyConnection) -> bytes:
    """Rows as COPY reads them: a null is nothing, a text is in quotes."""
    text = _written(table, month, duck)
    # NUL is as rare as looking for it in every column would be dear. In the JSON of tags it is written like this.
    return _written(_without_nul(table), month, duck) if b"\0" in text or b"\\u0000" in text else text


def _without_nul(table: pa.Table) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    def replaced(texts: pa.Array) -> pa.Array:
        return pc.replace_substring(texts, "\0", INSTEAD)

    for index, field in enumerate(table.schema):
        column = table.column(index)
        if pa.types.is_string(field.type):
            table = table.set_column(index, field, replaced(column))
        elif pa.types.is_map(field.type):
            tags = column.combine_chunks()
            keys, values = replaced(tags.keys), replaced(tags.items)
            # The offsets have no nulls: where a row has no tags, the mask says so.
            table = table.set_column(
                index, field, pa.MapArray.from_arrays(tags.offsets, keys, values, mask=tags.is_null())
            )
    return table


def _written(table: pa.Table, month: date, duck: DuckDBPyConnection) -> bytes:
    import pyarrow as pa
    from pyarrow import csv

    tags = duck.from_arrow(table.select(["tags"])).project("CAST(to_json(tags) AS VARCHAR)").to_arrow_table()
    columns = [*table.select(focus.NAMES), pa.repeat(pa.scalar(month), table.num_rows)]
    columns[focus.NAMES.index("tags")] = tags.column(0)
    sink = pa.BufferOutputStream()
    csv.write_csv(pa.table(columns, [*focus.NAMES, "month"]), sink, csv.WriteOptions(include_header=False))
    return bytes(sink.getvalue().to_pybytes())


def _from_csv(block: bytes, duck: DuckDBPyConnection) -> pa.RecordBatch:
    import pyarrow as pa
    from pyarrow import csv

    schema = focus.schema()
    kinds = {field.name: field.type for field in schema} | {"tags": pa.string()}
    table = csv.read_csv(
        BytesIO(block),
        csv.ReadOptions(column_names=schema.names, use_threads=False, block_size=len(block) + 1),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types=kinds, null_values=[""], true_values=["t"], false_values=["f"],
            strings_can_be_null=True, quoted_strings_can_be_null=False,
        ),
    )  # fmt: skip
    tags = duck.from_arrow(table.select(["tags"])).project("from_json(tags, '\"MAP(VARCHAR,VARCHAR)\"')")
    index = schema.names.index("tags")
    table = table.set_column(index, "tags", tags.to_arrow_table().column(0))
    return pa.RecordBatch.from_arrays([column.combine_chunks() for column in table.columns], schema=schema)
