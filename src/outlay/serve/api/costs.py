"""GET /costs/...: the named questions over HTTP, each answer named by the store's version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from outlay.core.query import TAG
from outlay.serve.api.answers import Answers, Basis
from outlay.serve.api.questions import Grouped, Question, Tagged, words
from outlay.serve.api.shared import Next, gives

if TYPE_CHECKING:
    from outlay.serve.api.answers import Told


class Span(BaseModel):
    """First and last day, both inclusive."""

    start: str
    end: str


class Row(BaseModel):
    """One combination of the dimensions asked for, which stand beside its cost: a text each, or null."""

    model_config = ConfigDict(extra="allow")

    cost: str
    currency: str


class Answer(BaseModel):
    """Costs. Amounts are decimal strings, exact to the last digit; currencies are never added up."""

    period: Span
    measure: str
    totals: dict[str, str]
    rows: list[Row]
    provisional_from: str | None
    next_cursor: Next


def router(answers: Answers) -> APIRouter:
    """The routes below /costs."""
    routes = APIRouter(prefix="/costs", tags=["costs"])

    def answer(request: Request, asked: Question, dimensions: Sequence[str]) -> Response:
        query = asked.query(dimensions)

        def body(basis: Basis) -> Told:
            return answers.page(query, asked.cursor, basis, fresh=asked.force_refresh)

        return answers.respond(request, (query, asked.cursor), body, fresh=asked.force_refresh)

    @routes.get("/summary", **_example(["provider"]))
    def summary(request: Request, asked: Annotated[Grouped, Query()]) -> Response:
        """Costs by provider, or by what `group_by` names; the largest first."""
        return answer(request, asked, words(asked.group_by) or ["provider"])

    @routes.get("/daily", **_example(["date"]))
    def daily(request: Request, asked: Annotated[Grouped, Query()]) -> Response:
        """Costs day by day (or month by month), and by what `group_by` names; the oldest first."""
        every = asked.model_copy(update={"granularity": asked.granularity or "daily"})
        return answer(request, every, words(asked.group_by))

    @routes.get("/services", **_example(["provider", "service"]))
    def services(request: Request, asked: Annotated[Question, Query()]) -> Response:
        """Costs by provider and service."""
        return answer(request, asked, ["provider", "service"])

    @routes.get("/accounts", **_example(["provider", "sub_account"]))
    def accounts(request: Request, asked: Annotated[Question, Query()]) -> Response:
        """Costs by provider and account: AWS accounts, Azure subscriptions, Google projects."""
        return answer(request, asked, ["provider", "sub_account"])

    @routes.get("/regions", **_example(["provider", "region"]))
    def regions(request: Request, asked: Annotated[Question, Query()]) -> Response:
        """Costs by provider and region."""
        return answer(request, asked, ["provider", "region"])

    @routes.get("/tags", **_example(["tag:team"]))
    def tags(request: Request, asked: Annotated[Tagged, Query()]) -> Response:
        """Costs by the values of the tag `key`; null for charges without it."""
        return answer(request, asked, [TAG + asked.key])

    return routes


_VALUES = {
    "date": "2026-10-01",
    "provider": "aws",
    "service": "AmazonEC2",
    "sub_account": "111122223333",
    "region": "eu-west-1",
    "tag:team": "core",
}


def _example(dimensions: Sequence[str]) -> dict[str, Any]:
    """What OpenAPI shows of a route that answers by these dimensions."""
    row = {name: _VALUES[name] for name in dimensions} | {"currency": "USD", "cost": "12.345678901"}
    example = {
        "period": {"start": "2026-10-01", "end": "2026-10-31"},
        "measure": "billed",
        "totals": {"USD": "12.345678901"},
        "rows": [row],
        "provisional_from": None,
        "next_cursor": None,
    }
    told = {"content": {"application/json": {"example": example}}, "model": Answer}
    unchanged = {"description": "The answer that If-None-Match names is still right"}
    return {"responses": {200: told, 304: unchanged, **gives(409, 429)}, "response_class": Response}
