"""The engine behind a state's URL. On SQLite as on PostgreSQL there are any number of readers and one writer."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from outlay.core.errors import StoreError

BUSY_SECONDS_MAX = 30  # for another process to be done with its turn
CONNECT_SECONDS_MAX = 10
SCHEMA = "outlay_state"  # where PostgreSQL has the tables: nobody else's are called by what is in it
WRITES = "outlay_writes"  # the option of connections whose transactions take their turn

_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_EXAMPLES = "sqlite:///data/state.db or postgresql://user:password@host:5432/name"


class Trouble(Exception):
    """What is wrong with a state, in words that do not name it yet."""


def parsed(url: str) -> sa.URL:
    """The URL, with the driver that is used for it. Raises StoreError, which holds nothing of what may be secret."""
    try:
        found = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise StoreError(f"the URL of the state is none; it looks like {_EXAMPLES}") from None
    if found.drivername not in _DRIVERS:
        raise StoreError(f"the state cannot be kept in {found.drivername!r}; its URL looks like {_EXAMPLES}")
    if "@" in (found.host or ""):
        raise StoreError("the URL of the state has more than one @; in a password it is written as %40")
    return found.set(drivername=_DRIVERS[found.drivername])


def place(url: sa.URL) -> str:
    """The URL in messages: where the state is, and as whom it is used."""
    shown = sa.URL.create(url.get_backend_name(), url.username, None, url.host, url.port, url.database)
    return shown.render_as_string()


def engine(url: sa.URL) -> sa.Engine:
    """Connects when it is first used. Raises StoreError when that cannot be."""
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)


def _sqlite(url: sa.URL) -> sa.Engine:
    if url.database and url.database != ":memory:" and not url.database.startswith("file:"):
        folder = Path(url.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the folder {folder} for the state: {error.strerror}") from None
    made = sa.create_engine(url)
    sa.event.listen(made, "connect", _set_up_sqlite)
    sa.event.listen(made, "begin", _begin_sqlite)
    return made


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    """Readers beside a writer, and writers that wait for each other instead of failing."""
    connection.isolation_level = None  # the driver would begin transactions late, and none for tables
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS_MAX * 1000}")
    give_up = time.monotonic() + BUSY_SECONDS_MAX
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname.startswith("SQLITE_READONLY"):
                return  # what is there can be read
            # This one statement does not wait for a process that does the same.
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: sa.URL) -> sa.Engine:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise StoreError(
            "a state on PostgreSQL needs psycopg, which is not installed: pip install 'outlay[postgres]'"
        ) from None
    given = {
        "connect_timeout": CONNECT_SECONDS_MAX,
        "application_name": "outlay",
        "tcp_user_timeout": BUSY_SECONDS_MAX * 1000,  # a server that is gone without a word
    }
    arguments = {name: value for name, value in given.items() if name not in url.query}
    # No statement is prepared and nothing set for longer than a transaction: that also works through PgBouncer.
    made = sa.create_engine(url, pool_pre_ping=True, connect_args={**arguments, "prepare_threshold": None})
    sa.event.listen(made, "begin", _begin_postgresql)
    return made


def _begin_postgresql(connection: sa.Connection) -> None:
    """READ COMMITTED: after the wait for its turn, a writer sees what those before it have written."""
    begin = f"SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL search_path TO {SCHEMA}"
    if connection.get_execution_options().get(WRITES):
        # One that hangs in its turn is cut off, so that others get theirs.
        begin += (
            f"; SET LOCAL lock_timeout = '{BUSY_SECONDS_MAX}s'"
            f"; SET LOCAL idle_in_transaction_session_timeout = '{BUSY_SECONDS_MAX}s'"
            f"; SELECT pg_advisory_xact_lock(hashtextextended('{SCHEMA}', 0))"
        )
    connection.exec_driver_sql(begin)
