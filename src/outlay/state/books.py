"""Books: paid calls and their cap, days that are final, answers not to be paid for again. A ledger that lasts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from outlay.core.errors import SpendError, ThrottledError
from outlay.core.money import text
from outlay.state.database import Database, naive, now
from outlay.state.tables import ANSWERS, CALLS, SETTLED

NANO = 9
ANSWERS_KEPT = timedelta(hours=12)  # page tokens do not live longer
CALLS_KEPT = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Limits:
    """`usd_per_month`: what all sources may spend on calls in a calendar month; `paid_per_hour`: for each source."""

    usd_per_month: Decimal | None = None
    paid_per_hour: int | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls booked for one operation of one account in this month, and what they cost in USD."""

    source: str
    account: str
    operation: str
    calls: int
    usd: Decimal


class Books:
    """The ledger of one source under one set of settings; see ports.Ledger. Safe for many threads and processes."""

    def __init__(self, database: Database, source: str, limits: Limits, settings: str = "") -> None:
        """Days settle for `settings`, any text: under others they are asked for again."""
        self._database, self._source, self._limits = database, source, limits
        self._settings = blake2b(settings.encode(), digest_size=12).hexdigest()
        self._told: set[date] = set()
        self.paid = 0  # calls that cost something, by this object
        self._days: frozenset[date] | None = None

    @property
    def settled(self) -> frozenset[date]:
        """The days of stored spans that were told to be final."""
        if self._days is None:
            mine = (SETTLED.c.source == self._source) & (SETTLED.c.settings == self._settings)
            self._days = frozenset(row.day for row in self._database.read(sa.select(SETTLED.c.day).where(mine)))
        return self._days

    def pay(self, operation: str, usd: Decimal, account: str = "") -> None:
        """Book one call, unless it would pass a limit; over all threads and processes."""
        nano = int((usd.scaleb(NANO)).to_integral_value(ROUND_CEILING))
        row = {"at": now(), "source": self._source, "account": account, "operation": operation, "nano_usd": nano}

        def book(connection: sa.Connection) -> None:
            connection.execute(CALLS.insert().values(row))
            if nano:
                self._refuse(connection, usd)

        self._database.write(book)
        self.paid += nano > 0

    def afford(self, usd: Decimal) -> None:
        """Raise SpendError if calls for so much would pass the month's cap."""
        cap = self._limits.usd_per_month
        if usd and cap is not None:
            spent = _usd(self._database.read(sa.select(_NANO).where(_this_month()))[0][0])
            if spent + usd > cap:
                raise self._too_dear(usd, spent)

    def settle(self, days: Iterable[date]) -> None:
        """Remember final days until the span is stored."""
        self._told.update(days)

    def kept(self, key: str) -> bytes | None:
        """The answer kept under this key, if it is not too old."""
        young = ANSWERS.c.at > now() - ANSWERS_KEPT
        mine = (ANSWERS.c.source == self._source) & (ANSWERS.c.key == key) & young
        found = self._database.read(sa.select(ANSWERS.c.body).where(mine))
        return bytes(found[0].body) if found else None

    def keep(self, key: str, answer: bytes, *, briefly: bool = False) -> None:
        """Keep a paid answer until the source has stored a span."""
        if briefly:
            return
        mine = (ANSWERS.c.source == self._source) & (ANSWERS.c.key == key)

        def write(connection: sa.Connection) -> None:
            connection.execute(ANSWERS.delete().where(mine))
            connection.execute(ANSWERS.insert().values(source=self._source, key=key, at=now(), body=answer))

        self._database.write(write)

    def stored(self) -> None:
        """The span is stored: what it told to be final is, and its answers are not needed any more."""
        mine = (SETTLED.c.source == self._source) & (SETTLED.c.settings == self._settings)
        rows = [{"source": self._source, "settings": self._settings, "day": day} for day in sorted(self._told)]

        def write(connection: sa.Connection) -> None:
            connection.execute(ANSWERS.delete().where(ANSWERS.c.source == self._source))
            if rows:
                connection.execute(SETTLED.delete().where(mine & SETTLED.c.day.in_(self._told)))
                connection.execute(SETTLED.insert(), rows)

        self._database.write(write)
        self._told, self._days = set(), None

    def failed(self) -> None:
        """The span is not stored: nothing of it is final. Its answers are kept."""
        self._told = set()

    def _refuse(self, connection: sa.Connection, usd: Decimal) -> None:
        last_hour = (
            (CALLS.c.source == self._source) & (CALLS.c.nano_usd > 0) & (CALLS.c.at > now() - timedelta(hours=1))
        )
        limit = self._limits.paid_per_hour
        calls = connection.execute(sa.select(sa.func.count()).where(last_hour & (CALLS.c.nano_usd > 0))).scalar_one()
        if limit is not None and calls > limit:
            raise ThrottledError(f"{self._source}: {limit} paid calls in the last hour, as many as are allowed")
        cap, booked = self._limits.usd_per_month, connection.execute(sa.select(_NANO).where(_this_month())).scalar_one()
        if cap is not None and (spent := _usd(booked)) > cap:
            raise self._too_dear(usd, spent - usd)

    def _too_dear(self, usd: Decimal, spent: Decimal) -> SpendError:
        cap = text(self._limits.usd_per_month or Decimal(0))
        return SpendError(
            f"{self._source}: calls for {text(usd)} USD are left out, as {text(spent)} of the {cap} USD that calls"
            " may cost this month are spent (collection.api_spend_cap_usd)"
        )


def spent(database: Database, at: datetime | None = None) -> list[Spent]:
    """What was booked in the calendar month (UTC) of a moment (None: now) until then, by source, account, operation."""
    keys = (CALLS.c.source, CALLS.c.account, CALLS.c.operation)
    calls = sa.func.count().label("calls")
    query = sa.select(*keys, calls, _NANO.label("nano")).where(_this_month(at)).group_by(*keys).order_by(*keys)
    return [Spent(row.source, row.account, row.operation, row.calls, _usd(row.nano)) for row in database.read(query)]


def forget(database: Database) -> None:
    """Delete calls and answers that nobody asks for any more."""

    def write(connection: sa.Connection) -> None:
        connection.execute(CALLS.delete().where(CALLS.c.at < now() - CALLS_KEPT))
        connection.execute(ANSWERS.delete().where(ANSWERS.c.at < now() - ANSWERS_KEPT))

    database.write(write)


_NANO = sa.func.coalesce(sa.func.sum(CALLS.c.nano_usd), 0)


def _this_month(at: datetime | None = None) -> Any:
    start = (at or datetime.now(UTC)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    month = CALLS.c.at >= naive(start)
    return month if at is None else month & (CALLS.c.at <= naive(at))


def _usd(nano: int) -> Decimal:
    return Decimal(int(nano)).scaleb(-NANO)
