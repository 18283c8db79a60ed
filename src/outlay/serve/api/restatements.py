"""GET /costs/restatements: the days whose cost came out different from what was believed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from outlay import history
from outlay.core.errors import UsageError
from outlay.core.span import END_MONTH, FIRST_MONTH, Period
from outlay.serve.api.paging import Cursor, changed, page
from outlay.serve.api.questions import LIMIT_MAX, Day, words
from outlay.serve.api.shared import Known, Next, gives, told

if TYPE_CHECKING:
    from outlay.state import State

DEFAULT_LIMIT = 100

EXAMPLE: dict[str, Any] = {
    "observed_at": "2026-10-05T06:00:12+00:00",
    "source": "aws",
    "day": "2026-10-03",
    "currency": "USD",
    "before": "41.7",
    "after": "42.625",
}


class Asked(Known):
    """Which restatements."""

    source: list[str] = Field([], description="Only of these sources, by name; repeat it or separate by commas.")
    start_date: Day | None = Field(None, description="First day that was restated. Default: all.")
    end_date: Day | None = Field(None, description="Last day that was restated, inclusive. Default: all.")
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=LIMIT_MAX, description="At most so many.")
    cursor: str | None = Field(None, min_length=1, max_length=64, description="The `next_cursor` of the page before.")

    def days(self) -> Period:
        """The days asked for. Raises UsageError when the start comes after the end."""
        if self.start_date and self.end_date and self.start_date > self.end_date:
            raise UsageError(f"start_date {self.start_date} comes after end_date {self.end_date}")
        end = self.end_date + timedelta(days=1) if self.end_date else END_MONTH
        return Period(self.start_date or FIRST_MONTH, end)


class Restated(BaseModel):
    """One day of a source whose billed cost changed. Amounts are decimal strings, exact to the last digit."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    observed_at: str
    source: str
    day: str
    currency: str
    before: str
    after: str


class Restatements(BaseModel):
    """The newest first; those of one moment in the order of their days, the last first."""

    rows: list[Restated]
    next_cursor: Next


def router(state: State) -> APIRouter:
    """The route below /costs."""
    routes = APIRouter(prefix="/costs", tags=["costs"])
    found = told({"rows": [EXAMPLE], "next_cursor": None}, more=gives(409))

    @routes.get("/restatements", response_model=Restatements, **found)
    def restatements(asked: Annotated[Asked, Query()]) -> dict[str, Any]:
        """Days whose billed cost came out different from what was believed before; the newest change first."""
        question = (words(asked.source), asked.days())
        newest = state.past.restated(*question, 1) if asked.cursor else []  # what cursors name the ledger by
        skipped = Cursor.of(question, repr(newest)).at(asked.cursor).offset if asked.cursor else 0
        found = state.past.restated(*question, skipped + asked.limit + 1)
        if asked.cursor and found[:1] != newest:
            raise changed()  # while it was asked
        rows, more = page(found[skipped:], asked.limit)
        after = Cursor.of(question, repr(found[:1])).after(skipped + len(rows)).text() if more else None
        return {"rows": [history.restated_json(each) for each in rows], "next_cursor": after}

    return routes
