"""ClickHouse: charges in partitions by source and month, each of them replaced as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from hashlib import blake2b
from threading import RLock
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, field_validator, model_validator

from outlay.core.errors import StoreError
from outlay.core.ports import Replaced
from outlay.core.query import ClickHouse as Dialect
from outlay.core.query import CostQuery, compile_query
from outlay.core.span import Period, Span, next_month
from outlay.warehouses._charges import Rows, answer_schema, identity
from outlay.warehouses.clickhouse.schema import ABANDONED_SECONDS
from outlay.warehouses.clickhouse.server import Address, Server, Trouble, errors, is_missing, plain
from outlay.warehouses.clickhouse.tables import LOAD, STORED, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from outlay.core.query import Cuts

ASKED_TIMES = 10


class Clickhouse(BaseModel):
    """Charges in a ClickHouse database, 25.6 or newer, on one server or on a cluster.

    `url`          http://user:password@host:8123/database or https://...:8443/...; chdb:///folder?database=name is
                   the engine inside this process, for one process at a time
    `ca_file`      the certificates that an https server's is checked against, if not the system's
    `timeout`      how many seconds the server may be silent
    `currency`     the one currency of the view cost_metrics
    `compression`  of the columns: zstd (smaller) or lz4 (faster)
    `cluster`      the cluster on which the tables are made, ON CLUSTER
    `replicated`   whether its servers have replicas: ReplicatedMergeTree
    `shards`       one URL for each of its shards; all charges of a source are on one of them

    A month of a source is replaced by one statement. A span of several is replaced month by month, newest first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    SCHEMES: ClassVar[tuple[str, ...]] = ("http", "https", "chdb")

    url: SecretStr
    ca_file: str | None = None
    timeout: int = Field(default=300, ge=1)
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    compression: str = Field(default="zstd", pattern="^(zstd|lz4)$")
    cluster: str | None = Field(default=None, pattern="^[A-Za-z0-9_.{}-]+$")
    replicated: bool = False
    shards: tuple[SecretStr, ...] = ()

    _lock: RLock = PrivateAttr(default_factory=RLock)
    _servers: dict[str, Server] = PrivateAttr(default_factory=dict)
    _ready: bool = PrivateAttr(default=False)

    @field_validator("url")
    @classmethod
    def _can_be(cls, url: SecretStr) -> SecretStr:
        try:
            Address.of(url.get_secret_value())
        except ValueError:
            raise ValueError("should look like http://user:password@host:8123/database") from None
        return url

    @field_validator("shards")
    @classmethod
    def _can_all_be(cls, shards: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        return tuple(cls._can_be(url) for url in shards)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.cluster is None and (self.replicated or self.shards):
            raise ValueError("replicated and shards need the name of a cluster")
        databases = {Address.of(url.get_secret_value()).database for url in (self.url, *self.shards)}
        if len(databases) > 1:
            raise ValueError("url and shards should name the same database")
        return self

    # -- the verbs of a warehouse ------------------------------------------------------------------

    def prepare(self) -> None:
        """Create the database, its tables and the view, or give those of an older version what they lack."""
        with self._reported("prepare"):
            self._prepare()

    def query(self, query: CostQuery) -> pa.Table:
        """The answer, from one state of each month."""
        schema = answer_schema(query)
        with self._reported("read"):
            try:
                found = self._answer(query)
            except errors() as error:
                if not is_missing(error):
                    raise
                return schema.empty_table()
            return found.rename_columns(schema.names).cast(schema)

    def version(self) -> str:
        """A text made of what every month came with; '' when there are no charges."""
        months = f"SELECT DISTINCT source, month, {LOAD} FROM {self._tables.name('charges')}"  # noqa: S608 - our own names
        with self._reported("read"):
            try:
                found = self._server().lines(f"SELECT count(), hex(groupBitXor(sipHash64(*))) FROM ({months})")  # noqa: S608 - as above
            except errors() as error:
                if not is_missing(error):
                    raise
                return ""
            return next((str(version) for count, version in found if count), "")

    def replace(self, span: Span, rows: Iterable[pa.RecordBatch]) -> Replaced:
        """Month by month: stage what the month is to be made of, and swap it in."""
        return self._replace(span, identity(span), rows, known=True)

    def months(self) -> list[tuple[str, date, str | None]]:
        """Each source and billing month that has charges, and the identity of the delivery they came with, if of one.

        The identity is what `adopt` takes, here or in another store.
        """
        charges, loads = self._tables.name("charges"), self._tables.name("loads")
        with self._reported("read"):
            try:
                found = self._server().lines(f"SELECT DISTINCT source, month, {LOAD} FROM {charges}")  # noqa: S608 - our own names
                known = dict(self._server().lines(f"SELECT {LOAD}, identity FROM {loads}"))  # noqa: S608 - as above
            except errors() as error:
                if not is_missing(error):
                    raise
                return []
        return sorted(((source, month, known.get(load)) for source, month, load in found), key=lambda each: each[:2])

    def rows(self, source: str, month: date) -> Iterator[pa.RecordBatch]:
        """Every charge of a source billed in the month that starts on `month`, in the schema of CHARGES."""
        from outlay.warehouses.clickhouse.load import as_charges

        sql = (
            f"SELECT {', '.join(STORED)} FROM {self._tables.name('charges')}"  # noqa: S608 - our own names
            " WHERE source = {source:String} AND month = {month:Date32}"
        )
        with self._reported("read"):
            try:
                for batch in self._server().stream(sql, {"source": source, "month": month}):
                    yield as_charges(batch)
            except errors() as error:
                if not is_missing(error):
                    raise

    def adopt(self, source: str, month: date, delivery: str | None, rows: Iterable[pa.RecordBatch]) -> Replaced:
        """Replace a month by what another store has of it: that very delivery will then be unchanged here, too."""
        return self._replace(Span(source, Period(month, next_month(month))), delivery or "", rows, known=False)

    def maintain(self) -> None:
        """Drop what killed writers left behind. ClickHouse merges by itself."""
        from outlay.warehouses.clickhouse.schema import sweep

        with self._reported("tidy"):
            self._prepare()
            for server in {
                str(each.address): each for each in map(self._server_at, self.shards or (self.url,))
            }.values():
                sweep(server, self._tables, ABANDONED_SECONDS)

    # -- how ---------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        from outlay.warehouses.clickhouse.schema import make_ready

        with self._lock:
            if not self._ready:
                make_ready(self._server(), self._tables)
                self._ready = True

    def _answer(self, query: CostQuery) -> pa.Table:
        """Ask, and ask again if meanwhile a source got another cut of its money."""
        for _ in range(ASKED_TIMES):
            cuts = self._cuts(query.days)
            compiled = compile_query(query, Dialect(), cuts, self._tables.name("charges"))
            answer = self._server().ask(compiled.sql, compiled.params)
            if cuts == self._cuts(query.days):
                return answer
        raise Trouble("a source got other cuts of its money all the time; try again")

    def _cuts(self, days: Period) -> Cuts:
        found = defaultdict(list)
        asked = (
            f"SELECT source, cut FROM {self._tables.name('charges')}"  # noqa: S608 - our own names
            " WHERE charge_date >= {start:Date32} AND charge_date < {end:Date32} GROUP BY source, cut ORDER BY cut"
        )
        for source, cut in self._server().lines(asked, {"start": days.start, "end": days.end}):
            found[source].append(cut)
        return found

    def _replace(self, span: Span, delivery: str, rows: Iterable[pa.RecordBatch], *, known: bool) -> Replaced:
        from outlay.warehouses.clickhouse.replacing import holds, replace

        rows = Rows(rows)
        with self._reported("write", rows):
            self._prepare()
            server = self._server(span.source)
            if known and delivery and holds(server, self._tables, span, delivery):
                return Replaced(unchanged=True)
            return replace(server, self._tables, span, delivery, rows)

    # -- where it is -------------------------------------------------------------------------------

    @property
    def _tables(self) -> Tables:
        database = Address.of(self.url.get_secret_value()).database
        sharded = bool(self.shards)
        return Tables(database, self.cluster, self.replicated, sharded, self.compression, self.currency)

    def _server(self, source: str | None = None) -> Server:
        """The server that is asked, or the one that keeps the charges of a source."""
        if source is None or not self.shards:
            return self._server_at(self.url)
        number = int.from_bytes(blake2b(source.encode(), digest_size=8).digest())
        return self._server_at(self.shards[number % len(self.shards)])

    def _server_at(self, url: SecretStr) -> Server:
        secret = url.get_secret_value()
        with self._lock:
            if secret not in self._servers:
                self._servers[secret] = Server(Address.of(secret), self.ca_file, self.timeout)
            return self._servers[secret]

    @property
    def _place(self) -> str:
        return str(Address.of(self.url.get_secret_value()))

    @contextmanager
    def _reported(self, verb: str, rows: Rows | None = None) -> Iterator[None]:
        """Make one sentence that names the store of what goes wrong with it; `rows` raise their own errors."""
        known: tuple[type[Exception], ...] = (*errors(), Trouble)
        try:
            yield
        except known as error:
            if rows is not None and error is rows.error:
                raise
            said = plain(error)
            for url in (self.url, *self.shards):
                secret = Address.of(url.get_secret_value()).password
                said = said.replace(secret, "**********") if secret else said
            raise StoreError(f"cannot {verb} the ClickHouse database at {self._place}: {said}") from None
