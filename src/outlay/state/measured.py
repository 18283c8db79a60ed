"""Readings as they are kept: per source and day, the newest that were read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa

from outlay.core.money import text
from outlay.core.reading import Reading
from outlay.core.span import Period
from outlay.state.database import Database, aware, now
from outlay.state.tables import READINGS


@dataclass(frozen=True, slots=True)
class Measured:
    """A reading, and which source read it, as of which day, when."""

    source: str
    day: date
    read_at: datetime
    reading: Reading


def replace(database: Database, source: str, day: date, readings: Iterable[Reading]) -> int:
    """Make `readings` all there is of a source's day; how many."""
    read_at = now()
    rows = [
        {
            "source": source,
            "day": day,
            "read_at": read_at,
            "name": each.name,
            "value": text(each.value),
            "unit": each.unit,
            "labels": dict(each.labels),
            "start": each.days.start if each.days else None,
            "end": each.days.end if each.days else None,
        }
        for each in readings
    ]

    def write(connection: sa.Connection) -> None:
        connection.execute(READINGS.delete().where((READINGS.c.source == source) & (READINGS.c.day == day)))
        if rows:
            connection.execute(READINGS.insert(), rows)

    database.write(write)
    return len(rows)


def last_day(database: Database, source: str) -> date | None:
    """The last day that a source has readings of."""
    found: date | None = database.read(sa.select(sa.func.max(READINGS.c.day)).where(READINGS.c.source == source))[0][0]
    return found


def newest(database: Database, source: str | None = None, names: Sequence[str] = ()) -> list[Measured]:
    """The readings of each source's last day with any, by source and name."""
    last = sa.select(READINGS.c.source, sa.func.max(READINGS.c.day).label("day")).group_by(READINGS.c.source).subquery()
    newest_day = (READINGS.c.source == last.c.source) & (READINGS.c.day == last.c.day)
    query = sa.select(READINGS).join(last, newest_day).order_by(READINGS.c.source, READINGS.c.name, READINGS.c.id)
    if source is not None:
        query = query.where(READINGS.c.source == source)
    if names:
        query = query.where(READINGS.c.name.in_(names))
    return [_measured(row) for row in database.read(query)]


def _measured(row: sa.Row[tuple[object, ...]]) -> Measured:
    days = Period(row.start, row.end) if row.start is not None else None
    reading = Reading(row.name, Decimal(row.value), row.unit, row.labels, days)
    return Measured(row.source, row.day, aware(row.read_at), reading)
