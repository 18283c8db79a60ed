"""Answers about costs, kept until the charges change: the same question is asked of the store once."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from pydantic import BaseModel

from outlay import __version__
from outlay.cache.identity import fingerprint
from outlay.core.query import CostQuery, DuckDb, column_names, compile_query

if TYPE_CHECKING:
    from datetime import date

    import pyarrow as pa

    from outlay.cache.guard import Guarded
    from outlay.core.ports import Replaced, Warehouse
    from outlay.core.span import Span

KIND = "queries"


class CachedWarehouse:
    """A warehouse whose answers are kept in a cache; see ports.Warehouse. Safe for many threads.

    An answer is kept under the version of the charges it was made of, so it is never one of before they changed.
    Equal questions at the same time are asked once.
    """

    def __init__(self, warehouse: Warehouse, cache: Guarded, seconds: float) -> None:
        """`seconds`: how long an answer is kept; of charges that do not change it would be true for ever."""
        self.warehouse = warehouse
        self._cache, self._seconds = cache, seconds
        self._store = _identity(warehouse)
        self._fresh = False
        self._asked: dict[str, Future[pa.Table]] = {}
        self._lock = threading.Lock()

    def query(self, query: CostQuery) -> pa.Table:
        """The answer: kept, being asked for by another thread, or asked for now. Raises what the store raises."""
        version = self.warehouse.version()
        if not version:  # of a store that holds nothing yet
            return self.warehouse.query(query)
        key = self._key(version, query)
        with self._lock:
            others = self._asked.get(key)
            if others is None:
                mine = self._asked[key] = Future()
        return others.result() if others is not None else self._told(mine, key, version, query)

    def fresh(self) -> CachedWarehouse:
        """The same, which goes round the answers of before; those it gets are kept for others."""
        found = copy(self)
        found._fresh, found._asked = True, {}
        return found

    def _told(self, future: Future[pa.Table], key: str, version: str, query: CostQuery) -> pa.Table:
        """The answer, which those who wait for it are told as well."""
        try:
            answer = self._kept(key, query)
            if answer is None:
                answer = self._answer(key, version, query)
            future.set_result(answer)
        except BaseException as error:
            future.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._asked[key]
        return answer

    def _answer(self, key: str, version: str, query: CostQuery) -> pa.Table:
        answer = self.warehouse.query(query)
        if self.warehouse.version() == version:  # else nobody knows which version it was made of
            self._cache.put(KIND, key, _packed(answer), self._seconds)
        return answer

    def _kept(self, key: str, query: CostQuery) -> pa.Table | None:
        import pyarrow as pa

        packed = None if self._fresh else self._cache.get(KIND, key, self._seconds)
        if packed is None:
            return None
        try:
            found = pa.ipc.open_stream(packed).read_all()
        except (pa.ArrowException, OSError) as error:
            self._cache.failed(KIND, f"an answer cannot be read ({type(error).__name__}); it is made anew")
            return None
        return found if found.column_names == column_names(query) else None

    def _key(self, version: str, query: CostQuery) -> str:
        """Another one for another answer. The SQL too, so that one of a release that asked differently is not found."""
        compiled = compile_query(query, DuckDb())
        return repr((__version__, self._store, version, column_names(query), compiled.sql, compiled.params))

    # -- the rest is the store's own ---------------------------------------------------------------

    def prepare(self) -> None:
        """Create or migrate what the store needs."""
        self.warehouse.prepare()

    def replace(self, span: Span, rows: Iterable[pa.RecordBatch]) -> Replaced:
        """Make `rows` all there is of the span."""
        return self.warehouse.replace(span, rows)

    def version(self) -> str:
        """A text that changes whenever the charges do."""
        return self.warehouse.version()

    def months(self) -> list[tuple[str, date, str | None]]:
        """Each source and billing month there is."""
        return self.warehouse.months()

    def rows(self, source: str, month: date) -> Iterator[pa.RecordBatch]:
        """Every charge of a source's billing month."""
        return self.warehouse.rows(source, month)

    def adopt(self, source: str, month: date, delivery: str | None, rows: Iterable[pa.RecordBatch]) -> Replaced:
        """Replace a month by what another store has of it."""
        return self.warehouse.adopt(source, month, delivery, rows)

    def maintain(self) -> None:
        """What is due after collecting."""
        self.warehouse.maintain()


def _packed(answer: pa.Table) -> bytes:
    """Arrow's stream format: types and decimals stay what they are, and reading it runs nothing."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, answer.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(answer)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _identity(warehouse: Warehouse) -> str:
    """A text of this store alone: a folder is one of this machine, and what cannot be told is of this process."""
    if not isinstance(warehouse, BaseModel):
        return uuid4().hex
    path = str(getattr(warehouse, "path", "://"))
    beside = () if "://" in path else (socket.gethostname(), str(Path(path).absolute()))
    return fingerprint(warehouse, *beside)
