"""What was believed when: restatements as a ledger, the looks behind them, and what follows from both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from outlay.core.money import text
from outlay.core.ports import DayChange
from outlay.core.span import Period
from outlay.state.database import Database, aware, naive, now
from outlay.state.records import Restatement
from outlay.state.tables import METADATA, RESTATEMENTS, RUNS

# From which day on a source's numbers may still change, and the age in days that says so.
SETTLING = sa.Table(
    "settling",
    METADATA,
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("age", sa.Integer, nullable=False),
    sa.Column("provisional_from", sa.Date, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Settling:
    """A source's days are settled at this age in whole days; those from `provisional_from` on are not yet."""

    age: int
    provisional_from: date


class Past:
    """What was believed, and when it was looked at."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def restated(self, sources: Sequence[str] = (), days: Period | None = None, limit: int = 100) -> list[Restatement]:
        """The restatements of these sources and days (none: all), the newest first."""
        query = RESTATEMENTS.select().where(RESTATEMENTS.c.before.is_not(None)).where(*_about(sources, days))
        return self._read(query.order_by(RESTATEMENTS.c.id.desc()).limit(limit))

    def believed(self, moment: datetime, days: Period, sources: Sequence[str] = ()) -> list[Restatement]:
        """What each of these days was believed to cost at a moment, by source, day and currency (`after`)."""
        keys = (RESTATEMENTS.c.source, RESTATEMENTS.c.day, RESTATEMENTS.c.currency)
        known = RESTATEMENTS.c.observed_at <= naive(moment)
        last = sa.select(sa.func.max(RESTATEMENTS.c.id)).where(known, *_about(sources, days)).group_by(*keys)
        return self._read(RESTATEMENTS.select().where(RESTATEMENTS.c.id.in_(last)).order_by(*keys))

    def beliefs(self, source: str, since: date) -> list[Restatement]:
        """Every belief about the days of a source from `since` on, the first ones too, in the order they came."""
        mine = (RESTATEMENTS.c.source == source) & (RESTATEMENTS.c.day >= since)
        return self._read(RESTATEMENTS.select().where(mine).order_by(RESTATEMENTS.c.id))

    def looks(self, source: str, since: datetime) -> list[tuple[datetime, str]]:
        """When a source's spans were looked at, and which, oldest first: runs that came to an end."""
        columns = (RUNS.c.started_at, RUNS.c.seconds, RUNS.c.span)
        mine = (RUNS.c.source == source) & (RUNS.c.started_at >= naive(since))
        done = RUNS.c.error.is_(None) & RUNS.c.note.is_(None)
        found = self._database.read(sa.select(*columns).where(mine & done).order_by(RUNS.c.id))
        return [(aware(row.started_at) + timedelta(seconds=row.seconds), row.span) for row in found]

    def record(self, source: str, changes: Iterable[DayChange]) -> None:
        """Remember what is believed of a source's days from now on."""
        rows = entries(source, changes)
        self._database.write(lambda connection: connection.execute(RESTATEMENTS.insert(), rows))

    def settling(self) -> dict[str, Settling]:
        """What was last recorded of each source."""
        found = self._database.read(SETTLING.select().order_by(SETTLING.c.source))
        return {row.source: Settling(row.age, row.provisional_from) for row in found}

    def record_settling(self, source: str, settling: Settling) -> None:
        """Remember it, in place of what was known before."""
        row = {"source": source, "age": settling.age, "provisional_from": settling.provisional_from}

        def write(connection: sa.Connection) -> None:
            connection.execute(SETTLING.delete().where(SETTLING.c.source == source))
            connection.execute(SETTLING.insert().values(row))

        self._database.write(write)

    def _read(self, query: Any) -> list[Restatement]:
        return [restatement(row) for row in self._database.read(query)]


def restatement(row: sa.Row[Any]) -> Restatement:
    """A row of the ledger."""
    before = None if row.before is None else Decimal(row.before)
    return Restatement(aware(row.observed_at), row.source, row.day, row.currency, before, Decimal(row.after))


def entries(source: str, changes: Iterable[DayChange]) -> list[dict[str, Any]]:
    """The rows of the ledger for what came out different just now."""
    observed_at = now()
    return [
        {
            "observed_at": observed_at,
            "source": source,
            "day": each.day,
            "currency": each.currency,
            "before": None if each.before is None else text(each.before),
            "after": text(each.after),
        }
        for each in changes
    ]


def _about(sources: Sequence[str], days: Period | None) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [RESTATEMENTS.c.source.in_(sources)] if sources else []
    if days is not None:
        found += [RESTATEMENTS.c.day >= days.start, RESTATEMENTS.c.day < days.end]
    return found
