"""GET /costs/restatements: the days whose cost came out different from what was believed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from outlay import history
from outlay.core.errors import UsageError
from outlay.core.span import END_MONTH, FIRST_MONTH, Period
from outlay.serve.api.problems import documented
from outlay.serve.api.questions import LIMIT_MAX, Day, words
from outlay.serve.api.shared import Known, takes

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
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=LIMIT_MAX, description="The newest so many.")

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


def router(state: State) -> APIRouter:
    """The route below /costs."""
    routes = APIRouter(prefix="/costs", tags=["costs"], responses=documented())
    told = {"content": {"application/json": {"example": {"rows": [EXAMPLE]}}}}

    @routes.get("/restatements", responses={200: told}, response_model=Restatements, **takes("read"))
    def restatements(asked: Annotated[Asked, Query()]) -> dict[str, Any]:
        """Days whose billed cost came out different from what was believed before; the newest change first."""
        found = state.past.restated(words(asked.source), asked.days(), asked.limit)
        return {"rows": [history.restated_json(each) for each in found]}

    return routes
