"""PostgreSQL: charges in partitions by month, sums beside them, and cloud_costs for people with SQL."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from threading import RLock
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, StringConstraints, field_validator

from outlay.core.errors import StoreError
from outlay.core.ports import Replaced
from outlay.core.query import CostQuery
from outlay.core.span import Period, Span, next_month
from outlay.warehouses._charges import Rows, answer_schema, identity
from outlay.warehouses.postgres.connections import Connections, Trouble, exists, psycopg_or_told
from outlay.warehouses.postgres.places import place, secrets_of, standard, told

if TYPE_CHECKING:
    import pyarrow as pa

    from outlay.warehouses.postgres.connections import Connection

log = logging.getLogger(__name__)


class Postgres(BaseModel):
    """Charges in a PostgreSQL database, 13 or newer.

    `url`          postgresql://user:password@host:5432/name?sslmode=require; it wins over the five after it
    `host` ...     the same in parts: `host`, `port`, `name` (of the database), `user`, `password`
    `schema_name`  the schema that holds the tables
    `pool_size`    how many questions are asked at once; a writer has a connection of its own
    `usd_rates`    how many USD a unit of another currency is, for the table cloud_costs

    Each replace is one transaction. Two that write the same source take turns; nobody waits to read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ENVIRONMENT: ClassVar[Mapping[str, str]] = {
        "DB_HOST": "host",
        "DB_PORT": "port",
        "DB_NAME": "name",
        "DB_USER": "user",
        "DB_PASSWORD": "password",
    }
    SWITCH: ClassVar[tuple[str, ...]] = ("DB_HOST",)
    SCHEMES: ClassVar[tuple[str, ...]] = ("postgresql", "postgres", "postgresql+psycopg")

    url: SecretStr | None = None
    host: str = "localhost"
    port: int = Field(default=5432, ge=1, le=65535)
    name: str = "outlay"
    user: str | None = None
    password: SecretStr | None = None
    schema_name: str = Field(default="public", pattern="^[a-z_][a-z0-9_]{0,62}$")
    pool_size: int = Field(default=5, ge=1)
    usd_rates: dict[Annotated[str, StringConstraints(to_upper=True)], Annotated[Decimal, Field(gt=0)]] = Field(
        default_factory=dict
    )

    _lock: RLock = PrivateAttr(default_factory=RLock)
    _connections: Connections | None = PrivateAttr(default=None)
    _ready: bool = PrivateAttr(default=False)
    _there: bool = PrivateAttr(default=False)
    _warned: set[str] = PrivateAttr(default_factory=set)

    @field_validator("url")
    @classmethod
    def _can_be(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        found = standard(url.get_secret_value())
        if found is None:
            raise ValueError(
                "should look like postgresql://user:password@host:5432/name, with %40 for an @ in the password,"
                " %2F for a /, %3A for a :, %23 for a #, %3F for a ? and %25 for a %"
            )
        return SecretStr(found)

    @field_validator("usd_rates")
    @classmethod
    def _of_others(cls, rates: dict[str, Decimal]) -> dict[str, Decimal]:
        if rates.get("USD", 1) != 1:
            raise ValueError("a USD is 1 USD")
        return {currency: rate for currency, rate in rates.items() if currency != "USD"}

    # -- the verbs of a warehouse ------------------------------------------------------------------

    def prepare(self) -> None:
        """Create the tables, or migrate those of an older version; state the rates to USD."""
        with self._reported("prepare"):
            self._prepare()

    def query(self, query: CostQuery) -> pa.Table:
        """The answer, from one look at the database."""
        import pyarrow as pa

        from outlay.warehouses.postgres.answers import answer

        schema = answer_schema(query)
        with self._reported("read"), self._reading() as connection:
            rows = answer(connection, query) if connection is not None else []
            columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
            try:
                arrays = [pa.array(each, field.type) for each, field in zip(columns, schema, strict=True)]
            except pa.ArrowInvalid as error:
                raise Trouble(f"a sum does not fit in DECIMAL(38,18): {error}") from None
        return pa.table(arrays, schema=schema)

    def version(self) -> str:
        """A number that every change of the charges raises; '' before the tables are there."""
        with self._reported("read"), self._reading() as connection:
            if connection is None:
                return ""
            found = connection.execute("SELECT number FROM charges_revision").fetchone()
            return str(found[0]) if found else ""

    def replace(self, span: Span, rows: Iterable[pa.RecordBatch]) -> Replaced:
        """One transaction: the span's old rows out, its new ones in, and all that is summed of them made true."""
        return self._replace(span, identity(span), rows, known=True)

    def months(self) -> list[tuple[str, date, str | None]]:
        """Each source and billing month that has charges, and the identity of the delivery they came with, if of one.

        The identity is what `adopt` takes, here or in another store.
        """
        with self._reported("read"), self._reading() as connection:
            if connection is None:
                return []
            found = connection.execute(
                "SELECT source, month, CASE WHEN min(delivery) = max(delivery) THEN nullif(min(delivery), '') END"
                " FROM charge_days GROUP BY source, month ORDER BY source, month"
            ).fetchall()
            return [(source, month, delivery) for source, month, delivery in found]

    def rows(self, source: str, month: date) -> Iterator[pa.RecordBatch]:
        """Every charge of a source billed in the month that starts on `month`, in the schema of CHARGES."""
        from outlay.warehouses.postgres.copy import copy_out

        with self._reported("read"), self._reading() as connection:
            if connection is not None:
                yield from copy_out(connection, source, month)

    def adopt(self, source: str, month: date, delivery: str | None, rows: Iterable[pa.RecordBatch]) -> Replaced:
        """Replace a month by what another store has of it: that very delivery will then be unchanged here, too."""
        return self._replace(Span(source, Period(month, next_month(month))), delivery or "", rows, known=False)

    def maintain(self) -> None:
        """Free the room of rows that are gone, and count anew what the planner has to know, where much changed."""
        from outlay.warehouses.postgres.schema import tidy

        with self._reported("tidy"):
            self._prepare()
            tidy(self._opened())

    def without_rate(self) -> dict[str, int]:
        """How many charges cloud_costs leaves out for want of a rate to USD, by currency."""
        from outlay.warehouses.postgres.sums import without_rate

        with self._reported("read"), self._reading() as connection:
            return without_rate(connection) if connection is not None else {}

    # -- how ---------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        with self._lock:
            if not self._ready:
                from outlay.warehouses.postgres.schema import make_ready

                make_ready(self._opened(), self.usd_rates)
                self._ready = True

    def _replace(self, span: Span, delivery: str, rows: Iterable[pa.RecordBatch], *, known: bool) -> Replaced:
        from outlay.warehouses.postgres.replacing import replace

        rows = Rows(rows)
        with self._reported("write", rows):
            self._prepare()
            done = replace(self._opened(), span, delivery, rows, known=known)
        if not done.unchanged:
            self._warn()
        return done

    def _warn(self) -> None:
        """Say once of each currency that cloud_costs has nothing of it."""
        for currency, charges in self.without_rate().items():
            if currency not in self._warned:
                self._warned.add(currency)
                log.warning(
                    "cloud_costs is in USD and leaves out %d charges in %s: state a rate in store.usd_rates",
                    charges, currency,
                )  # fmt: skip

    @contextmanager
    def _reading(self) -> Iterator[Connection | None]:
        """A connection that sees one state of the store; None while there are no tables."""
        with self._opened().reading() as connection:
            self._there = self._there or exists(connection, "charges_revision")
            yield connection if self._there else None

    def _opened(self) -> Connections:
        with self._lock:
            if self._connections is None:
                self._connections = Connections(self._parameters(), self.schema_name, self.pool_size)
            return self._connections

    # -- where it is -------------------------------------------------------------------------------

    def _parameters(self) -> dict[str, Any]:
        """What libpq is to be told."""
        if self.url is not None:
            from psycopg.conninfo import conninfo_to_dict

            return dict(conninfo_to_dict(self.url.get_secret_value()))
        password = self.password.get_secret_value() if self.password else None
        parts = {"host": self.host, "port": self.port, "dbname": self.name, "user": self.user, "password": password}
        return {name: value for name, value in parts.items() if value is not None}

    @property
    def _place(self) -> str:
        """The database, without what is secret."""
        if self.url is None:
            return f"{self.name} at {self.host}:{self.port}"
        return place(self.url.get_secret_value())

    @contextmanager
    def _reported(self, verb: str, rows: Rows | None = None) -> Iterator[None]:
        """Make one sentence that names the store of what goes wrong with it; `rows` raise their own errors."""
        psycopg = psycopg_or_told()
        try:
            yield
        except (psycopg.Error, Trouble) as error:
            if rows is not None and error is rows.error:
                raise
            said = told(error, self._secrets())
            raise StoreError(f"cannot {verb} the PostgreSQL database {self._place}: {said}") from None

    def _secrets(self) -> Iterator[str]:
        if self.password is not None:
            yield self.password.get_secret_value()
        if self.url is not None:
            yield from secrets_of(self.url.get_secret_value())
