"""Backfills: which days a backfill that was cut short has stored already, so that it goes on where it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from hashlib import blake2b

import sqlalchemy as sa

from outlay.core.span import Span
from outlay.state.database import Database, now
from outlay.state.tables import METADATA

KEPT = timedelta(days=3)  # one that nobody goes on with for so long starts anew

# Days stored by backfills that have not come to their end, under the settings they were asked with.
BACKFILLS = sa.Table(
    "backfills",
    METADATA,
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("settings", sa.String, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("done_at", sa.DateTime, nullable=False),
)


class Backfill:
    """The backfill of one source. Spans without days are not remembered: the store knows a delivery it holds."""

    def __init__(self, database: Database, source: str, settings: str) -> None:
        self._database, self._source = database, source
        self._settings = blake2b(settings.encode(), digest_size=12).hexdigest()
        self._mine = (BACKFILLS.c.source == source) & (BACKFILLS.c.settings == self._settings)

    def left(self, spans: Iterable[Span]) -> Iterator[Span]:
        """The spans of which a day is not stored yet by this backfill."""
        done = self._days()
        return (span for span in spans if span.days is None or not done.issuperset(span.days.each_day()))

    def walk(self, spans: Iterable[Span]) -> Iterator[Span]:
        """The spans that are left. Whoever asks for the next one has stored the last; at the end all is forgotten."""
        for span in self.left(spans):
            yield span
            self._remember(span)
        self._database.write(lambda connection: connection.execute(BACKFILLS.delete().where(self._mine)))

    def _days(self) -> set[date]:
        recent = self._mine & (BACKFILLS.c.done_at > now() - KEPT)
        return {row.day for row in self._database.read(sa.select(BACKFILLS.c.day).where(recent))}

    def _remember(self, span: Span) -> None:
        if span.days is None:
            return
        key = {"source": self._source, "settings": self._settings}
        rows = [{**key, "day": day, "done_at": now()} for day in span.days.each_day()]
        days = (BACKFILLS.c.day >= span.days.start) & (BACKFILLS.c.day < span.days.end)

        def write(connection: sa.Connection) -> None:
            connection.execute(BACKFILLS.delete().where(self._mine & days))
            connection.execute(BACKFILLS.insert(), rows)

        self._database.write(write)


def forget(database: Database) -> None:
    """Delete what nobody goes on with."""
    database.write(lambda connection: connection.execute(BACKFILLS.delete().where(BACKFILLS.c.done_at < now() - KEPT)))
