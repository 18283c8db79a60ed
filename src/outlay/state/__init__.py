"""What Outlay remembers beside charges: runs, restatements, paid calls, readings. SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa

from outlay.core.money import text
from outlay.core.ports import Coverage, DayChange
from outlay.core.reading import Reading
from outlay.state import alerts, backfills, books, deliveries, jobs, measured, then
from outlay.state.alerts import Alerts
from outlay.state.backfills import Backfill
from outlay.state.books import Books, Limits, Spent
from outlay.state.counted import Counted, counted
from outlay.state.database import Database, aware, naive, storable
from outlay.state.deliveries import Deliveries
from outlay.state.jobs import Job, Jobs, Wish
from outlay.state.keys import Key, Keys
from outlay.state.ledgered import Past, Settling, entries, restatement
from outlay.state.measured import Measured
from outlay.state.records import Freshness, Restatement, Run
from outlay.state.tables import COVERAGE, RESTATEMENTS, RUNS
from outlay.state.then import Then

__all__ = [
    "Alerts",
    "Backfill",
    "Books",
    "Counted",
    "Deliveries",
    "Freshness",
    "Job",
    "Jobs",
    "Key",
    "Keys",
    "Limits",
    "Measured",
    "Past",
    "Restatement",
    "Run",
    "Settling",
    "Spent",
    "State",
    "Then",
    "Wish",
]


class State:
    """The small mutable state, behind one SQLAlchemy URL. Safe for many threads and processes."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    # -- runs and what they changed ----------------------------------------------------------------

    def record_run(self, run: Run, changes: Iterable[DayChange] = ()) -> None:
        """Remember a run and, with it, what it changed."""
        row = {
            "source": run.source,
            "span": run.span,
            "started_at": naive(run.started_at),
            "seconds": run.seconds,
            "rows": run.rows,
            "totals": {currency: text(total) for currency, total in run.totals.items()},
            "unchanged": run.unchanged,
            "paid_calls": run.paid_calls,
            "error": storable(run.error),
            "code": run.code,
            "note": storable(run.note),
        }
        changed = entries(run.source, changes)

        def write(connection: sa.Connection) -> None:
            connection.execute(RUNS.insert().values(row))
            if changed:
                connection.execute(RESTATEMENTS.insert(), changed)

        self._database.write(write)

    def runs(
        self, source: str | None = None, limit: int = 50, *, during: tuple[datetime, datetime | None] | None = None
    ) -> list[Run]:
        """The newest runs first; `during`: those that began then, the end exclusive, or None for now."""
        query = RUNS.select().order_by(RUNS.c.id.desc()).limit(limit)
        if source is not None:
            query = query.where(RUNS.c.source == source)
        if during is not None:
            query = query.where(RUNS.c.started_at >= naive(during[0]))
            query = query if during[1] is None else query.where(RUNS.c.started_at < naive(during[1]))
        return [
            Run(
                row.source,
                row.span,
                aware(row.started_at),
                row.seconds,
                row.rows,
                {currency: Decimal(total) for currency, total in row.totals.items()},
                row.unchanged,
                row.paid_calls,
                row.error,
                row.code,
                row.note,
            )
            for row in self._database.read(query)
        ]

    def restatements(self, source: str | None = None, limit: int = 100, *, first: bool = False) -> list[Restatement]:
        """The newest restatements first; with `first`, also each day's first belief (before: None)."""
        query = RESTATEMENTS.select().order_by(RESTATEMENTS.c.id.desc()).limit(limit)
        if source is not None:
            query = query.where(RESTATEMENTS.c.source == source)
        if not first:
            query = query.where(RESTATEMENTS.c.before.is_not(None))
        return [restatement(row) for row in self._database.read(query)]

    def freshness(self) -> list[Freshness]:
        """How fresh every source ever collected is, by name."""
        return then.freshness(self._database)

    def at(self, moment: datetime) -> Then:
        """What was known at a moment (UTC)."""
        return Then(self._database, moment)

    def counted(self) -> Mapping[str, Counted]:
        """What was counted of the runs of each source ever collected, by name."""
        return counted(self._database)

    @property
    def past(self) -> Past:
        """What was believed, and when it was looked at."""
        return Past(self._database)

    def backfill(self, source: str, settings: str = "") -> Backfill:
        """The backfill of a source under these settings, which goes on where one was cut short."""
        return Backfill(self._database, source, settings)

    # -- paid calls --------------------------------------------------------------------------------

    def books(self, source: str, limits: Limits, settings: str = "") -> Books:
        """The ledger of a source; days settle under these settings, any text that tells them apart."""
        return Books(self._database, source, limits, settings)

    def spent(self) -> list[Spent]:
        """The calls of this calendar month, by source, account and operation."""
        return books.spent(self._database)

    def forget(self) -> None:
        """Delete what nobody asks for any more. Never needed for right answers."""
        books.forget(self._database)
        backfills.forget(self._database)
        jobs.forget(self._database)
        alerts.forget(self._database)
        deliveries.forget(self._database)

    # -- what is done ------------------------------------------------------------------------------

    @property
    def jobs(self) -> Jobs:
        """Collections that run or ran in a server."""
        return Jobs(self._database)

    # -- who may ask -------------------------------------------------------------------------------

    @property
    def keys(self) -> Keys:
        """Keys of the server."""
        return Keys(self._database)

    # -- what is amiss -----------------------------------------------------------------------------

    @property
    def alerts(self) -> Alerts:
        """Alerts and silences."""
        return Alerts(self._database)

    @property
    def deliveries(self) -> Deliveries:
        """Messages on their way to people."""
        return Deliveries(self._database)

    # -- whose money -------------------------------------------------------------------------------

    def record_coverage(self, source: str, coverage: Coverage) -> None:
        """Remember whose money a source brings."""
        row = {"source": source, "account": coverage.account, "members": sorted(coverage.members)}

        def write(connection: sa.Connection) -> None:
            connection.execute(COVERAGE.delete().where(COVERAGE.c.source == source))
            connection.execute(COVERAGE.insert().values(row))

        self._database.write(write)

    def coverage(self) -> dict[str, Coverage]:
        """Whose money each source brings, as it last told."""
        found = self._database.read(COVERAGE.select().order_by(COVERAGE.c.source))
        return {row.source: Coverage(row.account, frozenset(row.members)) for row in found}

    # -- readings ----------------------------------------------------------------------------------

    def record_readings(self, source: str, day: date, readings: Iterable[Reading]) -> int:
        """Make `readings` all there is of a source's day; how many."""
        return measured.replace(self._database, source, day, readings)

    def read_on(self, source: str) -> date | None:
        """The last day that a source has readings of."""
        return measured.last_day(self._database, source)

    def readings(self, source: str | None = None, names: Sequence[str] = ()) -> list[Measured]:
        """The readings of each source's last day with any, by source and name."""
        return measured.newest(self._database, source, names)

    def close(self) -> None:
        """Let go of every connection."""
        self._database.close()
