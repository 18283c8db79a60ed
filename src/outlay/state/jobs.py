"""Jobs: collections that run or ran in a server, of each source one at a time, over all processes of a state."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

import sqlalchemy as sa

from outlay.state.database import Database, aware, naive, now, storable
from outlay.state.tables import LONG, METADATA

Status = Literal["queued", "running", "succeeded", "failed"]

ACTIVE = ("queued", "running")
LOST_AFTER = timedelta(seconds=60)  # without a sign of life from its process
KEPT = timedelta(days=90)
LOST = {
    "status": "failed",
    "code": "restart",
    "error": "the server ended before it was done; what it had stored by then is kept",
}

JOBS = sa.Table(
    "jobs",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("process", sa.String, nullable=False),
    sa.Column("requested_by", sa.String, nullable=False),
    sa.Column("requested_at", sa.DateTime, nullable=False),
    sa.Column("days", sa.Integer),
    sa.Column("fresh", sa.Boolean, nullable=False),
    sa.Column("started_at", sa.DateTime),
    sa.Column("seen_at", sa.DateTime, nullable=False),
    sa.Column("ended_at", sa.DateTime),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("rows", LONG, nullable=False),
    sa.Column("code", sa.String),
    sa.Column("error", sa.String),
    sa.Index("jobs_of_source_requested_at", "source", "requested_at"),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a collection is to be that somebody asks for; the one of the schedule when it says nothing.

    `days`   how far back, whatever was collected before
    `fresh`  goes round the answers that providers gave before
    """

    days: int | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One collection of one source. `rows`: read by the time it ended; `error` and its `code`: why it failed."""

    id: str
    source: str
    requested_by: str
    requested_at: datetime
    wish: Wish
    status: Status
    started_at: datetime | None = None
    ended_at: datetime | None = None
    rows: int = 0
    code: str | None = None
    error: str | None = None

    @property
    def active(self) -> bool:
        """Whether it runs, or waits to."""
        return self.status in ACTIVE


class Jobs:
    """The jobs of all processes of a state. Safe for many threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        source: str,
        process: str,
        requested_by: str,
        wish: Wish,
        first: Callable[[], object] = lambda: None,
    ) -> tuple[Job, bool]:
        """A new job of `process`, which has none of this source; or, and then False, the one that another has.

        `first` runs before there is a new one, and may raise.
        """
        row = {
            "id": uuid4().hex,
            "source": source,
            "process": process,
            "requested_by": storable(requested_by),
            "requested_at": now(),
            "days": wish.days,
            "fresh": wish.fresh,
            "seen_at": now(),
            "status": "queued",
            "rows": 0,
        }

        def write(connection: sa.Connection) -> tuple[Job, bool]:
            # One of ours that could not be ended, as the state was away then, is over all the same.
            _bury(connection, process, (JOBS.c.process == process) & (JOBS.c.source == source))
            mine = (JOBS.c.source == source) & JOBS.c.status.in_(ACTIVE)
            found = connection.execute(JOBS.select().where(mine).order_by(JOBS.c.requested_at)).first()
            if found is not None:
                return _job(found), False
            first()
            connection.execute(JOBS.insert().values(row))
            return _job(connection.execute(JOBS.select().where(JOBS.c.id == row["id"])).one()), True

        return self._database.write(write)

    def started(self, job: str) -> None:
        """It runs."""
        self._update(JOBS.c.id == job, status="running", started_at=now(), seen_at=now())

    def alive(self, process: str) -> None:
        """The jobs of a process go on. Due well within LOST_AFTER."""
        self._update((JOBS.c.process == process) & JOBS.c.status.in_(ACTIVE), seen_at=now())

    def ended(self, job: str, rows: int = 0, error: str | None = None, code: str | None = None) -> None:
        """It is over, and failed when there is an error."""
        status = "succeeded" if error is None else "failed"
        told = {"error": storable(error), "code": code}
        self._update(JOBS.c.id == job, status=status, ended_at=now(), rows=rows, **told)

    def interrupted(self, job: str, rows: int = 0) -> None:
        """It was given up as its process ends."""
        self._update(JOBS.c.id == job, ended_at=now(), rows=rows, **LOST)

    def recover(self, process: str) -> None:
        """End the jobs of processes that are no more; `process` is the one that asks."""
        self._database.write(lambda connection: _bury(connection, process))

    def get(self, job: str) -> Job | None:
        """The job of this id."""
        found = self._database.read(JOBS.select().where(JOBS.c.id == storable(job)))
        return _job(found[0]) if found else None

    def list(
        self,
        *,
        sources: frozenset[str] | None = None,
        status: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """The newest first, of these sources (None: all), asked for before a moment and id, which name a job."""
        query = JOBS.select().order_by(JOBS.c.requested_at.desc(), JOBS.c.id.desc()).limit(limit)
        if sources is not None:
            query = query.where(JOBS.c.source.in_(sources))
        if status is not None:
            query = query.where(JOBS.c.status == status)
        if before is not None:
            at = naive(before[0])
            query = query.where(sa.or_(JOBS.c.requested_at < at, (JOBS.c.requested_at == at) & (JOBS.c.id < before[1])))
        return [_job(row) for row in self._database.read(query)]

    def active(self) -> dict[str, Job]:
        """The job of each source that runs or waits to."""
        found = self._database.read(JOBS.select().where(JOBS.c.status.in_(ACTIVE)))
        return {row.source: _job(row) for row in found}

    def _update(self, which: Any, **values: Any) -> None:
        self._database.write(lambda connection: connection.execute(JOBS.update().where(which).values(values)))


def this_process() -> str:
    """A text that tells a server from all others, on this machine and elsewhere, and from those before it."""
    return f"{socket.gethostname()}/{os.getpid()}/{uuid4().hex}"


def forget(database: Database) -> None:
    """Delete what nobody asks for any more."""
    old = (JOBS.c.requested_at < now() - KEPT) & JOBS.c.status.not_in(ACTIVE)
    database.write(lambda connection: connection.execute(JOBS.delete().where(old)))


def _bury(connection: sa.Connection, process: str, also: Any = None) -> None:
    """End active jobs of processes that are no more, and those that `also` names."""
    active = connection.execute(sa.select(JOBS.c.process).where(JOBS.c.status.in_(ACTIVE)).distinct()).scalars()
    gone = [each for each in active if _is_gone(each, process)]
    which = JOBS.c.process.in_(gone) | (JOBS.c.seen_at < now() - LOST_AFTER)
    which = which if also is None else which | also
    connection.execute(JOBS.update().where(which & JOBS.c.status.in_(ACTIVE)).values(ended_at=now(), **LOST))


def _is_gone(process: str, asking: str) -> bool:
    """Whether a process is known to have ended: of this machine, and nobody or somebody else has its number."""
    host, number, _ = process.rsplit("/", 2)
    our_host, our_number, _ = asking.rsplit("/", 2)
    if process == asking or host != our_host or sys.platform == "win32":  # where signal 0 would end it
        return False
    if number == our_number:
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:  # it lives, and is not ours
        return False
    return False


def _job(row: Any) -> Job:
    return Job(
        id=row.id,
        source=row.source,
        requested_by=row.requested_by,
        requested_at=aware(row.requested_at),
        wish=Wish(row.days, row.fresh),
        status=row.status,
        started_at=aware(row.started_at),
        ended_at=aware(row.ended_at),
        rows=row.rows,
        code=row.code,
        error=row.error,
    )
