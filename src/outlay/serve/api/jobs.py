"""GET /jobs: the collections that run or ran, and what became of them."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel, Field

from outlay.core.errors import UsageError
from outlay.core.moments import iso
from outlay.core.money import text
from outlay.serve.api.questions import words
from outlay.serve.api.shared import Known, Next, gives, told
from outlay.state.jobs import Job, Status

if TYPE_CHECKING:
    from outlay.state import Run, State

RUNS_MAX = 1000  # of one job

_CURSOR = struct.Struct(">q16s")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

RUN: dict[str, Any] = {
    "span": "aws 2026-10-01..2026-10-05",
    "started_at": "2026-10-06T06:00:01+00:00",
    "seconds": 1.5,
    "rows": 4210,
    "totals": {"USD": "412.345678901"},
    "unchanged": False,
    "paid_calls": 3,
    "code": None,
    "error": None,
    "note": None,
}
JOB: dict[str, Any] = {
    "id": "5f0c3a2e9d1b4c6f8a7e2d4b6c8e0f12",
    "source": "aws",
    "status": "succeeded",
    "requested_by": "schedule",
    "requested_at": "2026-10-06T06:00:00+00:00",
    "started_at": "2026-10-06T06:00:00+00:00",
    "ended_at": "2026-10-06T06:00:03+00:00",
    "days": None,
    "force_refresh": False,
    "rows": 4210,
    "code": None,
    "error": None,
}


class RunOf(BaseModel):
    """One span of a job: what was asked for in one piece, and replaced whole or left alone. Totals are as billed."""

    span: str
    started_at: str
    seconds: float
    rows: int
    totals: dict[str, str]
    unchanged: bool
    paid_calls: int
    code: str | None
    error: str | None
    note: str | None


class JobOf(BaseModel):
    """One collection of one source. `days`: how far back it was asked to go; null: as far as those of the schedule."""

    id: str
    source: str
    status: Status
    requested_by: str
    requested_at: str
    started_at: str | None
    ended_at: str | None
    days: int | None
    force_refresh: bool
    rows: int
    code: str | None
    error: str | None


class JobWithRuns(JobOf):
    """The same with its runs, the newest first, while it goes on those so far."""

    runs: list[RunOf]


class JobList(BaseModel):
    """The newest first."""

    rows: list[JobOf]
    next_cursor: Next


class Asked(Known):
    """Which jobs."""

    source: list[str] = Field([], description="Only of these sources, by name; repeat it or separate by commas.")
    status: Status | None = Field(None, description="Only those.")
    limit: int = Field(50, ge=1, le=1000, description="At most so many.")
    cursor: str | None = Field(None, min_length=1, max_length=64, description="The `next_cursor` of the page before.")


def router(state: State) -> APIRouter:
    """The routes below /jobs."""
    routes = APIRouter(prefix="/jobs", tags=["collecting"])

    @routes.get("", response_model=JobList, **told({"rows": [JOB], "next_cursor": None}))
    def jobs(asked: Annotated[Asked, Query()]) -> dict[str, Any]:
        """Collections that run or ran, the newest first; they are known for 90 days."""
        sources, before = frozenset(words(asked.source)) or None, _read(asked.cursor) if asked.cursor else None
        found = state.jobs.list(sources=sources, status=asked.status, before=before, limit=asked.limit + 1)
        rows = found[: asked.limit]
        return {"rows": [as_json(each) for each in rows], "next_cursor": _cursor(rows[-1]) if rows != found else None}

    @routes.get("/{job_id}", response_model=JobWithRuns, **told({**JOB, "runs": [RUN]}, more=gives(404)))
    def job(job_id: Annotated[str, Path(description="The `job_id` that starting it gave.")]) -> dict[str, Any]:
        """One collection, and what became of each part of it so far."""
        found = state.jobs.get(job_id)
        if found is None:
            raise HTTPException(404, f"no job {job_id[:80]!r}; GET /api/v1/jobs lists those of the last 90 days")
        return {**as_json(found), "runs": [_run(each) for each in _runs(state, found)]}

    return routes


def as_json(job: Job) -> dict[str, Any]:
    """The JSON of a job, without its runs."""
    return {
        "id": job.id,
        "source": job.source,
        "status": job.status,
        "requested_by": job.requested_by,
        "requested_at": iso(job.requested_at),
        "started_at": iso(job.started_at),
        "ended_at": iso(job.ended_at),
        "days": job.wish.days,
        "force_refresh": job.wish.fresh,
        "rows": job.rows,
        "code": job.code,
        "error": job.error,
    }


def _runs(state: State, job: Job) -> list[Run]:
    """The runs of a source while the job had it: there is one at a time."""
    if job.started_at is None:
        return []
    return state.runs(job.source, RUNS_MAX, during=(job.started_at, job.ended_at))


def _run(run: Run) -> dict[str, Any]:
    return {
        "span": run.span,
        "started_at": iso(run.started_at),
        "seconds": round(run.seconds, 3),
        "rows": run.rows,
        "totals": {currency: text(total) for currency, total in run.totals.items()},
        "unchanged": run.unchanged,
        "paid_calls": run.paid_calls,
        "code": run.code,
        "error": run.error,
        "note": run.note,
    }


def _cursor(last: Job) -> str:
    at = (last.requested_at - _EPOCH) // timedelta(microseconds=1)
    return urlsafe_b64encode(_CURSOR.pack(at, bytes.fromhex(last.id))).decode()


def _read(cursor: str) -> tuple[datetime, str]:
    try:
        at, job = _CURSOR.unpack(urlsafe_b64decode(cursor.encode()))
        return _EPOCH + timedelta(microseconds=at), job.hex()
    except (Error, ValueError, OverflowError, struct.error):
        raise UsageError("cursor: not one that an answer had as its next_cursor") from None
