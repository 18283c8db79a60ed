"""Connections to one PostgreSQL database: some kept for questions, one of its own for each writer.

Nothing is set for longer than a transaction and no statement is prepared: that also works through PgBouncer.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from outlay.core.errors import StoreError

if TYPE_CHECKING:
    import psycopg
    from psycopg.rows import TupleRow

    Connection = psycopg.Connection[TupleRow]

WAIT_SECONDS_MAX = 60  # for another question's connection
CONNECT_SECONDS_MAX = 10


class Trouble(Exception):
    """What is wrong with the database, in words that do not name it yet."""


def psycopg_or_told() -> Any:
    """The module psycopg. Raises StoreError that says how to install it."""
    try:
        import alembic  # noqa: F401 - of the same extra
        import psycopg
    except ImportError as error:
        raise StoreError(
            f"PostgreSQL needs {error.name}, which is not installed: pip install 'outlay[postgres]'"
        ) from None
    return psycopg


class Connections:
    """Hands out connections. `parameters` are libpq's; `most`: how many questions are asked at once."""

    def __init__(self, parameters: Mapping[str, Any], schema: str, most: int) -> None:
        self.schema = schema
        self._parameters = {"connect_timeout": CONNECT_SECONDS_MAX, "application_name": "outlay", **parameters}
        self._idle: deque[Connection] = deque()
        self._free = BoundedSemaphore(most)
        weakref.finalize(self, _close, self._idle)

    def open(self, *, autocommit: bool = False) -> Connection:
        """A new connection, which its `with` commits and closes."""
        import psycopg

        return psycopg.connect(**self._parameters, autocommit=autocommit, prepare_threshold=None)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A new connection in a transaction that is committed at the end, or undone by an error."""
        with self.open() as connection:
            self.begin_writing(connection)
            yield connection

    def begin_writing(self, connection: Connection) -> None:
        """Make the transaction that starts with this one to write in."""
        # A source may be slow and a COPY long: what a server allows questions is not meant for them.
        connection.execute(
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE;"
            f'SET LOCAL search_path TO "{self.schema}";'
            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;"
            "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL work_mem = '64MB'"
        )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection in a transaction that sees one state of the database, however many questions it asks."""
        if not self._free.acquire(timeout=WAIT_SECONDS_MAX):
            raise Trouble(f"all connections were busy for {WAIT_SECONDS_MAX} s; raise store.pool_size")
        try:
            connection = self._begun()
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)
        finally:
            self._free.release()

    def _begun(self) -> Connection:
        import psycopg

        # jit: it takes longer to compile a question about our many columns than to answer it.
        begin = (
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
            f'SET LOCAL search_path TO "{self.schema}"; SET LOCAL jit = off;'
            "SET LOCAL TimeZone TO 'UTC'; SET LOCAL DateStyle TO 'ISO'"
        )
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            try:
                connection.execute(begin)
            except psycopg.OperationalError:  # the server was restarted since
                connection.close()
            else:
                return connection
        connection = self.open(autocommit=True)
        connection.execute(begin)
        return connection


def lock(connection: Connection, what: str) -> None:
    """Wait for our turn at something of this schema; it ends with the transaction."""
    connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('outlay ' || current_setting('search_path') || ' ' || %s, 0))",
        (what,),
    )


def exists(connection: Connection, table: str) -> bool:
    """Whether the schema has the table."""
    return connection.execute("SELECT to_regclass(%s)", (table,)).fetchone() != (None,)


def _close(idle: deque[Connection]) -> None:
    while idle:
        idle.pop().close()
