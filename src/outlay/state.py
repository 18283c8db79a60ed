"""What Outlay remembers beside charges: runs, restatements, how fresh sources are. SQLite or PostgreSQL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from outlay.core.errors import StoreError
from outlay.core.money import text
from outlay.core.ports import DayChange

BUSY_SECONDS_MAX = 30  # for another process to be done with the file

_METADATA = sa.MetaData()

_RUNS = sa.Table(
    "runs",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source", sa.String, nullable=False, index=True),
    sa.Column("span", sa.String, nullable=False),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("totals", sa.JSON, nullable=False),
    sa.Column("unchanged", sa.Boolean, nullable=False),
    sa.Column("paid_calls", sa.Integer, nullable=False),
    sa.Column("error", sa.String),
)

_RESTATEMENTS = sa.Table(
    "restatements",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("observed_at", sa.DateTime, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("currency", sa.String, nullable=False),
    sa.Column("before", sa.String),
    sa.Column("after", sa.String, nullable=False),
    sa.Index("restatements_of_source_day", "source", "day"),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt to refresh a span of a source: `totals` billed per currency, `error` None when done."""

    source: str
    span: str
    started_at: datetime
    seconds: float
    rows: int = 0
    totals: dict[str, Decimal] = field(default_factory=dict)
    unchanged: bool = False
    paid_calls: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Restatement:
    """One day of one source whose billed cost is not what was believed before (None: nothing yet)."""

    observed_at: datetime
    source: str
    day: date
    currency: str
    before: Decimal | None
    after: Decimal


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old what we know of a source is. Stale: its last attempt failed and older data is shown."""

    source: str
    last_success: datetime | None
    last_attempt: datetime
    seconds: float
    error: str | None

    @property
    def stale(self) -> bool:
        return self.error is not None


class State:
    """The small mutable state, behind one SQLAlchemy URL. Safe for many threads and processes."""

    def __init__(self, url: str) -> None:
        self._where = sa.make_url(url).render_as_string(hide_password=True)
        if url.startswith("sqlite:///"):
            folder = Path(url.removeprefix("sqlite:///")).parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(f"cannot make the folder {folder} for the state: {error.strerror}") from None
        self._engine = sa.create_engine(url)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _wal)
        self._reported(self._create)

    def record_run(self, run: Run, changes: Iterable[DayChange] = ()) -> None:
        """Remember a run and, with it, what it changed."""
        row = {
            "source": run.source,
            "span": run.span,
            "started_at": _naive(run.started_at),
            "seconds": run.seconds,
            "rows": run.rows,
            "totals": {currency: text(total) for currency, total in run.totals.items()},
            "unchanged": run.unchanged,
            "paid_calls": run.paid_calls,
            "error": run.error,
        }
        now = _naive(datetime.now(UTC))
        changed = [
            {
                "observed_at": now,
                "source": run.source,
                "day": each.day,
                "currency": each.currency,
                "before": None if each.before is None else text(each.before),
                "after": text(each.after),
            }
            for each in changes
        ]

        def write() -> None:
            with self._engine.begin() as connection:
                connection.execute(_RUNS.insert().values(row))
                if changed:
                    connection.execute(_RESTATEMENTS.insert(), changed)

        self._reported(write)

    def runs(self, source: str | None = None, limit: int = 50) -> list[Run]:
        """The newest runs first."""
        query = _RUNS.select().order_by(_RUNS.c.id.desc()).limit(limit)
        if source is not None:
            query = query.where(_RUNS.c.source == source)
        return [
            Run(
                row.source,
                row.span,
                _aware(row.started_at),
                row.seconds,
                row.rows,
                {currency: Decimal(total) for currency, total in row.totals.items()},
                row.unchanged,
                row.paid_calls,
                row.error,
            )
            for row in self._read(query)
        ]

    def restatements(self, source: str | None = None, limit: int = 100, *, first: bool = False) -> list[Restatement]:
        """The newest restatements first; with `first`, also each day's first belief (before: None)."""
        query = _RESTATEMENTS.select().order_by(_RESTATEMENTS.c.id.desc()).limit(limit)
        if source is not None:
            query = query.where(_RESTATEMENTS.c.source == source)
        if not first:
            query = query.where(_RESTATEMENTS.c.before.is_not(None))
        return [
            Restatement(
                _aware(row.observed_at),
                row.source,
                row.day,
                row.currency,
                None if row.before is None else Decimal(row.before),
                Decimal(row.after),
            )
            for row in self._read(query)
        ]

    def freshness(self) -> list[Freshness]:
        """How fresh every source ever collected is, by name."""
        done = sa.func.max(sa.case((_RUNS.c.error.is_(None), _RUNS.c.started_at))).label("done")
        latest = sa.func.max(_RUNS.c.id).label("latest")
        last = sa.select(_RUNS.c.source, done, latest).group_by(_RUNS.c.source).subquery()
        query = (
            sa.select(_RUNS.c.source, last.c.done, _RUNS.c.started_at, _RUNS.c.seconds, _RUNS.c.error)
            .join(last, _RUNS.c.id == last.c.latest)
            .order_by(_RUNS.c.source)
        )
        return [
            Freshness(
                row.source,
                _aware(row.done) if row.done else None,
                _aware(row.started_at),
                row.seconds,
                row.error,
            )
            for row in self._read(query)
        ]

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def _create(self) -> None:
        """Make what is not there. `IF NOT EXISTS`, as another process may make it after our look."""
        with self._engine.begin() as connection:
            for table in _METADATA.sorted_tables:
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))

    def _read(self, query: Any) -> Sequence[sa.Row[Any]]:
        def read() -> Sequence[sa.Row[Any]]:
            with self._engine.connect() as connection:
                return connection.execute(query).all()

        found: Sequence[sa.Row[Any]] = self._reported(read)
        return found

    def _reported(self, work: Any) -> Any:
        try:
            return work()
        except sa.exc.SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).split("\n", 1)[0]
            raise StoreError(f"cannot use the state at {self._where}: {reason}") from None


def _wal(connection: Any, _record: Any) -> None:
    """Readers beside a writer, and writers that wait for each other instead of failing."""
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS_MAX * 1000}")
    give_up = time.monotonic() + BUSY_SECONDS_MAX
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:  # this one statement does not wait for a process that does the same
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def _naive(moment: datetime) -> datetime:
    """UTC without its zone: what SQLite keeps."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
