"""Talking to one ClickHouse server over HTTP, or to the engine inside this process, in Arrow."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from outlay.core.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa
    from clickhouse_connect.driver.client import Client

DATABASE = "outlay"

# The oldest of which every question sees one state of a table.
OLDEST = (25, 6)

# Of ClickHouse's errors, by their numbers.
_NO_TABLE, _NO_DATABASE = 60, 81

# What differs from ClickHouse's defaults, where the server knows it.
_SETTINGS: Mapping[str, int | str] = {
    "distributed_product_mode": "global",
    "enable_shared_storage_snapshot_in_query": 1,  # all parts of a question see one state of the table
    "max_partitions_per_insert_block": 0,  # a delivery may hold any number of months
    "allow_replace_partition_from_empty_source": 1,  # so that a month is emptied as it is replaced
    "max_table_size_to_drop": 0,  # what is dropped is a writer's own table, or has been replaced
    "max_partition_size_to_drop": 0,
}


class Trouble(Exception):
    """What we find wrong ourselves, in words that go on from where the store is."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a store is. `path` is set for the engine in this process, `host` and `port` for a server."""

    scheme: str
    host: str
    port: int
    path: str
    user: str
    password: str
    database: str

    @classmethod
    def of(cls, url: str) -> Address:
        """The parts of a URL. Raises ValueError for what is none of a ClickHouse store."""
        parts = urlsplit(url)
        if parts.scheme == "chdb":
            database = parse_qs(parts.query).get("database", [DATABASE])[0]
            found = cls("chdb", "", 0, unquote(parts.netloc + parts.path), "", "", database)
        else:
            port = parts.port or (8443 if parts.scheme == "https" else 8123)
            user, password = unquote(parts.username or "default"), unquote(parts.password or "")
            database = unquote(parts.path.strip("/")) or DATABASE
            found = cls(parts.scheme, parts.hostname or "", port, "", user, password, database)
        if found.scheme not in {"http", "https", "chdb"} or not (found.host or found.path):
            raise ValueError("not http, https or chdb")
        if not database.replace("_", "a").isalnum():
            raise ValueError("not the name of a database")
        return found

    def __str__(self) -> str:
        if self.scheme == "chdb":
            return f"chdb://{self.path}?database={self.database}"
        return f"{self.scheme}://{self.host}:{self.port}/{self.database}"


class Server:
    """One server. Any number of threads may ask it at once."""

    def __init__(self, address: Address, ca_file: str | None, timeout: int) -> None:
        self.address, self._ca_file, self._timeout = address, ca_file, timeout
        self._lock = threading.Lock()
        self._shared: Client | None = None
        self._own = threading.local()

    def ask(self, sql: str, params: Mapping[str, Any] | None = None) -> pa.Table:
        """The whole answer, texts as texts."""
        return self._client().query_arrow(sql, parameters=dict(params or {}), use_strings=True)

    def lines(self, sql: str, params: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The whole answer of a small question, as tuples."""
        found = self.ask(sql, params)
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))

    def stream(self, sql: str, params: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """The answer as it comes; the engine in this process gives it as a whole."""
        with self._client().query_arrow_stream(sql, parameters=dict(params), use_strings=True) as batches:
            yield from batches

    def do(self, sql: str, params: Mapping[str, Any] | None = None) -> None:
        """Run a statement that has no answer."""
        self._client().command(sql, parameters=dict(params or {}))

    def drop(self, table: str) -> None:
        """Drop a writer's own table, and wait for whoever uses it. If that fails, `maintain` does it later."""
        with suppress(*errors()):
            self.do(f"DROP TABLE IF EXISTS {table} SYNC")

    def insert(self, table: str, rows: pa.Table) -> None:
        """Insert rows by the names of their columns."""
        self._client().insert_arrow(table, rows)

    def _client(self) -> Client:
        """Over HTTP one for all threads; the engine in this process answers one question per client at a time."""
        if self.address.scheme == "chdb":
            if not hasattr(self._own, "client"):
                self._own.client = self._connect()
            found: Client = self._own.client
            return found
        with self._lock:
            if self._shared is None:
                self._shared = self._connect()
            return self._shared

    def _connect(self) -> Client:
        there, more = self.address, {}
        connect = connect_or_told()
        logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)  # it raises what it logs
        if there.scheme == "chdb":
            client = _in_process(connect, there.path)
        else:
            if self._ca_file is not None:
                more = {"ca_cert": self._ca_file}
            client = connect(
                interface=there.scheme,
                host=there.host,
                port=there.port,
                username=there.user,
                password=there.password,
                autogenerate_session_id=False,  # a session answers one question at a time
                send_receive_timeout=self._timeout,
                client_name="outlay",
                **more,
            )
        _check_version(client.server_version)
        for name, value in _SETTINGS.items():
            known = client.server_settings.get(name)
            if known is not None and not known.readonly:  # who may only read may not set anything
                client.set_client_setting(name, value)
        return client


def connect_or_told() -> Any:
    """`clickhouse_connect.get_client`. Raises StoreError that says how to install it."""
    try:
        from clickhouse_connect import get_client
    except ImportError:
        raise StoreError("the store of the type clickhouse needs: pip install 'outlay[clickhouse]'") from None
    return get_client


def _in_process(connect: Any, path: str) -> Client:
    try:
        found: Client = connect(interface="chdb", path=path)
    except ImportError:
        raise StoreError("a ClickHouse inside this process (chdb://...) needs: pip install chdb-core") from None
    except errors() as error:
        raise Trouble(f"a folder is open in one process, and a process opens one folder: {plain(error)}") from None
    return found


def _check_version(version: str | None) -> None:
    found = tuple(int(part) for part in (version or "").split(".")[:2] if part.isdigit())
    if found < OLDEST:
        raise Trouble(f"ClickHouse {version} is too old: it takes {OLDEST[0]}.{OLDEST[1]} or newer")


def errors() -> tuple[type[Exception], ...]:
    """What is raised when ClickHouse, the way there, or an answer fails. Raises StoreError when it is not installed."""
    connect_or_told()
    import pyarrow as pa
    from clickhouse_connect.driver.exceptions import ClickHouseError
    from urllib3.exceptions import HTTPError

    return ClickHouseError, HTTPError, pa.ArrowInvalid


def is_missing(error: Exception) -> bool:
    """Whether ClickHouse says that a table, or the whole database, is not there."""
    return getattr(error, "code", None) in {_NO_TABLE, _NO_DATABASE}


def plain(error: Exception) -> str:
    """What ClickHouse says, or why it says nothing; without how it came here."""
    from urllib3.exceptions import HTTPError

    if isinstance(error, Trouble):
        return str(error)
    cause = error.__cause__ or error
    if isinstance(cause, HTTPError):
        # Such as: HTTPConnectionPool(...): Max retries exceeded with url: ... (Caused by ...)
        reason = str(getattr(cause, "reason", None) or cause)
        told = "no answer: " + re.sub(r"^HTTPS?Connection\w*\(.*?\): ", "", reason)
    else:
        told = str(error).rpartition("DB::Exception: ")[2].partition(" (version ")[0].strip()
        told = re.sub(r"( \([A-Z_]+\))?( \(for url .*\))?$|, Stack trace .*", "", told)
    return (told.splitlines() or [type(error).__name__])[0][:400]
