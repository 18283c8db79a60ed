"""GET /sources: what is collected, how fresh it is, and from which day on it may still change."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from outlay import history
from outlay.core.moments import iso
from outlay.serve.api.shared import told

if TYPE_CHECKING:
    from outlay.serve.api.names import Names
    from outlay.state import Freshness, Job, State

SOURCE: dict[str, Any] = {
    "name": "aws",
    "kind": "aws",
    "status": "fresh",
    "last_success": "2026-10-06T06:00:01+00:00",
    "last_attempt": "2026-10-06T06:00:01+00:00",
    "provisional_from": "2026-10-04",
    "job_id": None,
    "code": None,
    "error": None,
}


class SourceOf(BaseModel):
    """One source. `stale`: the last attempt failed, and older data is shown. `kind` null: not in the settings."""

    name: str
    kind: str | None
    status: Literal["fresh", "stale", "new"]
    last_success: str | None
    last_attempt: str | None
    provisional_from: date | None
    job_id: str | None
    code: str | None
    error: str | None


class Sources(BaseModel):
    """Those of the settings, and those that were collected once, by name."""

    rows: list[SourceOf]


def router(state: State, names: Names) -> APIRouter:
    """The route /sources."""
    routes = APIRouter(prefix="/sources", tags=["collecting"])

    @routes.get("", response_model=Sources, **told({"rows": [SOURCE]}))
    def sources() -> dict[str, Any]:
        """What is collected, how fresh it is, and from which day on its costs may still change."""
        known, unsettled, jobs = state.freshness(), history.provisional_from(state), state.jobs.active()
        kinds = names.kinds_seen()
        fresh = {each.source: each for each in known}
        return {
            "rows": [
                {
                    "name": name,
                    "kind": kinds.get(name),
                    **_fresh(fresh.get(name)),
                    "provisional_from": unsettled.get(name),
                    "job_id": _id(jobs.get(name)),
                }
                for name in sorted(kinds.keys() | fresh.keys())
            ]
        }

    return routes


def _fresh(each: Freshness | None) -> dict[str, Any]:
    if each is None:
        return dict.fromkeys(("last_success", "last_attempt", "code", "error")) | {"status": "new"}
    return {
        "status": "stale" if each.stale else "fresh",
        "last_success": iso(each.last_success),
        "last_attempt": iso(each.last_attempt),
        "code": each.code,
        "error": each.error,
    }


def _id(job: Job | None) -> str | None:
    return job.id if job else None
