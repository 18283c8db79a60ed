"""One database behind an SQLAlchemy URL: SQLite beside the store, or a server."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from outlay.core.errors import StoreError
from outlay.state import tables

BUSY_SECONDS_MAX = 30  # for another process to be done with the file

T = TypeVar("T")


class Database:
    """Reads and writes, whose faults are a StoreError that names the place. Safe for many threads and processes."""

    def __init__(self, url: str) -> None:
        self._where = sa.make_url(url).render_as_string(hide_password=True)
        if url.startswith("sqlite:///"):
            folder = Path(url.removeprefix("sqlite:///")).parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(f"cannot make the folder {folder} for the state: {error.strerror}") from None
        self._engine = sa.create_engine(url)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _wal)
        self.write(tables.create)

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` does, in one transaction: all of it or, when it raises, nothing."""

        def transaction() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        return self._reported(transaction)

    def read(self, query: Any) -> Sequence[sa.Row[Any]]:
        """All rows of a query."""

        def rows() -> Sequence[sa.Row[Any]]:
            with self._engine.connect() as connection:
                return connection.execute(query).all()

        return self._reported(rows)

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def _reported(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except sa.exc.SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).split("\n", 1)[0]
            raise StoreError(f"cannot use the state at {self._where}: {reason}") from None


def naive(moment: datetime) -> datetime:
    """UTC without its zone: what SQLite keeps."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def aware(moment: datetime) -> datetime:
    """What `naive` made of a moment, as that moment."""
    return moment.replace(tzinfo=UTC)


def now() -> datetime:
    """This moment, naive."""
    return naive(datetime.now(UTC))


def _wal(connection: Any, _record: Any) -> None:
    """Readers beside a writer, and writers that wait for each other instead of failing."""
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS_MAX * 1000}")
    give_up = time.monotonic() + BUSY_SECONDS_MAX
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:  # this one statement does not wait for a process that does the same
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return
