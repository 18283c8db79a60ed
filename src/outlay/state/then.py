"""How fresh sources are and what calls cost: now, or as it was known then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from outlay.state import books
from outlay.state.books import Spent
from outlay.state.database import Database, aware, naive
from outlay.state.records import Freshness
from outlay.state.tables import RUNS


@dataclass(frozen=True, slots=True)
class Then:
    """What was known at a moment (UTC). Runs are kept for good, calls for `books.CALLS_KEPT`."""

    database: Database
    moment: datetime

    def freshness(self) -> list[Freshness]:
        """How fresh every source ever collected was, by name."""
        return freshness(self.database, self.moment)

    def spent(self) -> list[Spent]:
        """The calls of the calendar month until then, by source, account and operation."""
        return books.spent(self.database, self.moment)


def freshness(database: Database, at: datetime | None = None) -> list[Freshness]:
    """How fresh every source collected until a moment (None: now) is, by name."""
    done = sa.func.max(sa.case((RUNS.c.error.is_(None), RUNS.c.started_at))).label("done")
    until = sa.true() if at is None else RUNS.c.started_at <= naive(at)
    latest = sa.func.max(RUNS.c.id).label("latest")
    last = sa.select(RUNS.c.source, done, latest).where(until).group_by(RUNS.c.source).subquery()
    query = (
        sa.select(RUNS.c.source, last.c.done, RUNS.c.started_at, RUNS.c.seconds, RUNS.c.error, RUNS.c.code)
        .join(last, RUNS.c.id == last.c.latest)
        .order_by(RUNS.c.source)
    )
    return [
        Freshness(
            row.source,
            aware(row.done),
            aware(row.started_at),
            row.seconds,
            row.error,
            row.code,
        )
        for row in database.read(query)
    ]
