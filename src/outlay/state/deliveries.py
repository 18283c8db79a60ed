"""Messages on their way to channels: kept with the alert's step, handed over once, tried again when refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from outlay.state.alerts import Told
from outlay.state.database import Database, aware, naive, now, storable
from outlay.state.lifecycle import Step
from outlay.state.tables import LONG, METADATA

BACKOFF = tuple(timedelta(minutes=each) for each in (1, 5, 15, 60))  # before each attempt but the first
ATTEMPTS_MAX = len(BACKOFF) + 1
LEASE = timedelta(minutes=5)  # how long one who hands a message over has, before another may
KEPT = timedelta(days=90)

DELIVERIES = sa.Table(
    "deliveries",
    METADATA,
    sa.Column("id", LONG, primary_key=True),
    sa.Column("alert", LONG, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("severity", sa.String, nullable=False),
    sa.Column("message", sa.JSON, nullable=False),
    sa.Column("due_at", sa.DateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("delivered_at", sa.DateTime),
    sa.Column("error", sa.String),
    sa.Index("deliveries_of_alert_channel", "alert", "channel"),
)

_OPEN = DELIVERIES.c.delivered_at.is_(None) & (DELIVERIES.c.attempts < ATTEMPTS_MAX)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message for a channel. `error`: why the last attempt failed; `given_up`: there will be no other."""

    id: int
    alert: int
    channel: str
    severity: str
    message: Mapping[str, Any]
    due_at: datetime
    attempts: int
    delivered_at: datetime | None
    error: str | None

    @property
    def given_up(self) -> bool:
        return self.delivered_at is None and self.attempts >= ATTEMPTS_MAX and self.error is not None

    @property
    def status(self) -> str:
        if self.delivered_at:
            return "delivered"
        return "given up" if self.given_up else "to be tried again" if self.error else "waiting"


@dataclass(frozen=True, slots=True)
class Outbox:
    """Keeps a message for each of these channels, as `worded`."""

    channels: Sequence[str]
    worded: Callable[[Told], Mapping[str, Any]] = lambda told: told.seen.message or {}

    def __call__(self, connection: sa.Connection, told: Iterable[Told], at: datetime) -> None:
        """Keep what is to be told, in the transaction of `connection`. What waits is not repeated."""
        for each in told:
            for channel in self.channels:
                if each.step is Step.REPEAT and _waits(connection, each.alert, channel):
                    continue
                row = {
                    "alert": each.alert,
                    "channel": channel,
                    "severity": each.seen.severity or "resolved",
                    "message": dict(self.worded(each)),
                    "due_at": naive(at),
                    "attempts": 0,
                }
                connection.execute(DELIVERIES.insert().values(row))


class Deliveries:
    """What is and was on its way. Of many processes one hands a message over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, channels: Sequence[str], at: datetime) -> Delivery | None:
        """The next message due for one of these channels, which is now the caller's to hand over.

        Messages about one alert keep their order on each channel.
        """

        def write(connection: sa.Connection) -> Any:
            older = DELIVERIES.alias()
            before = sa.exists().where(
                older.c.alert == DELIVERIES.c.alert,
                older.c.channel == DELIVERIES.c.channel,
                older.c.id < DELIVERIES.c.id,
                older.c.delivered_at.is_(None),
                older.c.attempts < ATTEMPTS_MAX,
            )
            due = _OPEN & DELIVERIES.c.channel.in_(channels) & (DELIVERIES.c.due_at <= naive(at)) & ~before
            row = connection.execute(DELIVERIES.select().where(due).order_by(DELIVERIES.c.id).limit(1)).first()
            if row is not None:
                taken = {"attempts": row.attempts + 1, "due_at": naive(at + LEASE)}
                connection.execute(DELIVERIES.update().where(DELIVERIES.c.id == row.id).values(taken))
            return row

        row = self._database.write(write)
        return None if row is None else _delivery(row, attempts=row.attempts + 1)

    def waiting(self, channels: Sequence[str], at: datetime) -> bool:
        """Whether there may be something to claim: reads only, so that asking often costs nobody a turn."""
        due = _OPEN & DELIVERIES.c.channel.in_(channels) & (DELIVERIES.c.due_at <= naive(at))
        return bool(self._database.read(sa.select(DELIVERIES.c.id).where(due).limit(1)))

    def delivered(self, delivery: Delivery, at: datetime) -> None:
        """The channel took it."""
        self._update(delivery, {"delivered_at": naive(at), "error": None})

    def failed(self, delivery: Delivery, at: datetime, error: str) -> None:
        """The channel did not take it: it is tried again after a while, or given up."""
        later = at + BACKOFF[min(delivery.attempts, len(BACKOFF)) - 1]
        self._update(delivery, {"error": storable(error), "due_at": naive(later)})

    def newest(self, limit: int = 50) -> list[Delivery]:
        """The newest first."""
        return [_delivery(row) for row in self._database.read(_all().limit(limit))]

    def unfinished(self) -> list[Delivery]:
        """What no channel has taken yet, given up or not, of the days that are kept; the newest first."""
        return [_delivery(row) for row in self._database.read(_all().where(DELIVERIES.c.delivered_at.is_(None)))]

    def _update(self, delivery: Delivery, values: dict[str, Any]) -> None:
        mine = DELIVERIES.update().where(DELIVERIES.c.id == delivery.id).values(values)
        self._database.write(lambda connection: connection.execute(mine))


def _all() -> Any:
    return DELIVERIES.select().order_by(DELIVERIES.c.id.desc())


def _waits(connection: sa.Connection, alert: int, channel: str) -> bool:
    mine = (DELIVERIES.c.alert == alert) & (DELIVERIES.c.channel == channel)
    return connection.execute(sa.select(DELIVERIES.c.id).where(mine & _OPEN).limit(1)).first() is not None


def _delivery(row: Any, attempts: int | None = None) -> Delivery:
    return Delivery(
        row.id,
        row.alert,
        row.channel,
        row.severity,
        row.message,
        aware(row.due_at),
        row.attempts if attempts is None else attempts,
        aware(row.delivered_at),
        row.error,
    )


def forget(database: Database) -> None:
    """Delete what was due long ago."""
    database.write(lambda connection: connection.execute(DELIVERIES.delete().where(DELIVERIES.c.due_at < now() - KEPT)))
