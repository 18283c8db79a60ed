"""Alerts that stand or stood, silences, and what is told to whom: one row for each message and channel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import sqlalchemy as sa

from outlay.core.errors import UsageError
from outlay.state import judged
from outlay.state.database import Database, aware, naive, now, storable
from outlay.state.lifecycle import RANKS, Standing, Step, step
from outlay.state.tables import LONG, METADATA

KEPT = timedelta(days=400)  # what is over

ALERTS = sa.Table(
    "alerts",
    METADATA,
    sa.Column("id", LONG, primary_key=True),
    sa.Column("rule", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("severity", sa.String, nullable=False),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("since", sa.DateTime, nullable=False),
    sa.Column("seen_at", sa.DateTime, nullable=False),
    sa.Column("told_at", sa.DateTime),
    sa.Column("told_severity", sa.String),
    sa.Column("acked_at", sa.DateTime),
    sa.Column("acked_by", sa.String),
    sa.Column("resolved_at", sa.DateTime),
    sa.Index("alerts_of_rule_subject", "rule", "subject"),
)

SILENCES = sa.Table(
    "silences",
    METADATA,
    sa.Column("id", LONG, primary_key=True),
    sa.Column("rule", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("made_by", sa.String, nullable=False),
    sa.Column("made_at", sa.DateTime, nullable=False),
    sa.Column("until", sa.DateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something amiss, since when, and what came of it. `told_severity` is the worst that people were told."""

    id: int
    rule: str
    subject: str
    severity: str
    title: str
    text: str
    facts: Sequence[tuple[str, str]]
    since: datetime
    seen_at: datetime
    told_at: datetime | None = None
    told_severity: str | None = None
    acked_at: datetime | None = None
    acked_by: str | None = None
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Rules, by glob, of which nothing is told until a moment (UTC)."""

    id: int
    rule: str
    reason: str
    made_by: str
    made_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """How bad something is now (None: not at all), and how to say it; `message` has all that channels are told."""

    severity: str | None
    title: str
    text: str
    facts: Sequence[tuple[str, str]] = ()
    message: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A step that people are to be told of."""

    alert: int
    step: Step
    seen: Seen


Queue = Callable[[sa.Connection, Iterable[Told], datetime], None]  # deliveries.Outbox is one


class Alerts:
    """What is amiss. Safe for many threads and processes: of those that see the same, one tells."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def update(
        self,
        rule: str,
        seen: Mapping[str, Seen],
        at: datetime,
        repeat: timedelta,
        queue: Queue | None = None,
        *,
        others: Collection[str] = (),
    ) -> list[Told]:
        """What becomes of a rule's alerts now that its subjects are as `seen` at a moment (UTC).

        Of its other subjects `others` stay as they are, and the rest is over. What another has seen later than `at`
        stays as it is. `queue` is handed what is to be told, in the same transaction.
        """

        def write(connection: sa.Connection) -> list[Told]:
            rows = _newest(connection, rule)
            turn = _Turn(connection, rule, at, repeat, _silenced(connection, rule, at))
            left = [each for each, row in rows.items() if row.resolved_at is None and each not in {*seen, *others}]
            subjects = [*seen, *left]
            moved = (turn.move(subject, rows.get(subject), seen.get(subject)) for subject in subjects)
            found = [each for each in moved if each is not None]
            if queue is not None:
                queue(connection, found, at)
            return found

        return self._database.write(write)

    def judged(self) -> dict[str, date]:
        """The end (exclusive) of the settled days that each rule has looked at."""
        return judged.until(self._database)

    def record_judged(self, rule: str, end: date) -> None:
        """A rule has looked at the settled days before `end`."""
        judged.record(self._database, rule, end)

    def standing(self) -> list[Alert]:
        """What is amiss now, the worst first, then the oldest."""
        found = self._read(ALERTS.select().where(ALERTS.c.resolved_at.is_(None)).order_by(ALERTS.c.id))
        return sorted(found, key=lambda each: -RANKS[each.severity])

    def over(self, limit: int = 50) -> list[Alert]:
        """What was amiss, the newest end first."""
        query = ALERTS.select().where(ALERTS.c.resolved_at.is_not(None))
        return self._read(query.order_by(ALERTS.c.resolved_at.desc(), ALERTS.c.id.desc()).limit(limit))

    def ack(self, alert: int, by: str) -> Alert:
        """Take an alert on: nobody is reminded of it until it gets worse. Raises UsageError when none stands."""
        mine = ALERTS.update().where(_stands(alert)).values(acked_at=now(), acked_by=storable(by))
        self._database.write(lambda connection: connection.execute(mine))
        return self.one(alert)

    def one(self, alert: int) -> Alert:
        """One that stands. Raises UsageError when it does not."""
        if not (found := self._read(ALERTS.select().where(_stands(alert)))):
            known = ", ".join(str(each.id) for each in self.standing())
            raise UsageError(f"no alert {alert} stands; there are: {known or 'none'}")
        return found[0]

    def silence(self, rule: str, until: datetime, reason: str, by: str) -> None:
        """Have nothing told of rules, by glob, until a moment (UTC)."""
        row = {
            "rule": storable(rule),
            "reason": storable(reason),
            "made_by": storable(by),
            "made_at": now(),
            "until": naive(until),
        }
        self._database.write(lambda connection: connection.execute(SILENCES.insert().values(row)))

    def silences(self) -> list[Silence]:
        """Those that are not over, by their end."""
        found = self._database.read(SILENCES.select().where(SILENCES.c.until > now()).order_by(SILENCES.c.until))
        return [
            Silence(row.id, row.rule, row.reason, row.made_by, aware(row.made_at), aware(row.until)) for row in found
        ]

    def _read(self, query: Any) -> list[Alert]:
        return [
            Alert(
                row.id,
                row.rule,
                row.subject,
                row.severity,
                row.title,
                row.text,
                [(name, value) for name, value in row.facts],
                aware(row.since),
                aware(row.seen_at),
                aware(row.told_at),
                row.told_severity,
                aware(row.acked_at),
                row.acked_by,
                aware(row.resolved_at),
            )
            for row in self._database.read(query)
        ]


def _stands(alert: int) -> sa.ColumnElement[bool]:
    return (ALERTS.c.id == alert) & ALERTS.c.resolved_at.is_(None)


def _newest(connection: sa.Connection, rule: str) -> dict[str, Any]:
    """The newest alert of each subject of a rule."""
    last = sa.select(sa.func.max(ALERTS.c.id)).where(ALERTS.c.rule == rule).group_by(ALERTS.c.subject)
    return {row.subject: row for row in connection.execute(ALERTS.select().where(ALERTS.c.id.in_(last)))}


def _silenced(connection: sa.Connection, rule: str, at: datetime) -> bool:
    found = connection.execute(sa.select(SILENCES.c.rule).where(SILENCES.c.until > naive(at)))
    return any(fnmatchcase(rule, row.rule) for row in found)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A rule's alerts being taken on, in one transaction."""

    connection: sa.Connection
    rule: str
    at: datetime
    repeat: timedelta
    silenced: bool

    def move(self, subject: str, row: Any, seen: Seen | None) -> Told | None:
        """Take one alert its step on; what is to be told of it, if anything."""
        if row is not None and aware(row.seen_at) > self.at:
            return None
        stands = row is not None and row.resolved_at is None
        standing = Standing(row.told_severity, aware(row.told_at), row.acked_at is not None) if stands else None
        seen = seen or Seen(None, row.title, row.text, row.facts)
        took = step(standing, seen.severity, self.at, self.repeat, silenced=self.silenced)
        if took is Step.NONE:
            return None
        number = self._write(subject, row.id if stands else None, _values(seen, took, self.at))
        return Told(number, took, seen) if took.tells else None

    def _write(self, subject: str, number: int | None, values: dict[str, Any]) -> int:
        if number is not None:
            self.connection.execute(ALERTS.update().where(ALERTS.c.id == number).values(values))
            return number
        new = {"rule": self.rule, "subject": storable(subject), "since": naive(self.at)} | values
        key = self.connection.execute(ALERTS.insert().values(new)).inserted_primary_key
        return int(key[0]) if key else 0


def _values(seen: Seen, took: Step, at: datetime) -> dict[str, Any]:
    """What a step makes of a row."""
    values: dict[str, Any] = {"seen_at": naive(at)}
    if seen.severity is None:
        values["resolved_at"] = naive(at)
        return values
    values |= {"severity": seen.severity, "title": storable(seen.title), "text": storable(seen.text)}
    values["facts"] = [[name, storable(value)] for name, value in seen.facts]
    if took.tells:
        values["told_at"] = naive(at)
    if took in {Step.FIRE, Step.ESCALATE}:
        values |= {"told_severity": seen.severity, "acked_at": None, "acked_by": None}
    return values


def forget(database: Database) -> None:
    """Delete what was over long ago."""

    def write(connection: sa.Connection) -> None:
        connection.execute(ALERTS.delete().where(ALERTS.c.resolved_at < now() - KEPT))
        connection.execute(SILENCES.delete().where(SILENCES.c.until < now() - KEPT))

    database.write(write)
