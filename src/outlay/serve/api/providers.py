"""/{provider}/...: the costs of one provider at a glance, and collecting its sources when somebody asks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from outlay import reports
from outlay.core.money import PRECISION, text
from outlay.core.query import TAG, CostQuery, Measure
from outlay.serve.access.who import asker
from outlay.serve.api.questions import LIMIT_MAX, Day, Question, words
from outlay.serve.api.shared import Known, Provider, Wished, gives, told
from outlay.state.jobs import Job, Wish

if TYPE_CHECKING:
    from outlay.reports import Costs
    from outlay.serve.api.answers import Answers, Basis, Told
    from outlay.serve.api.names import Names
    from outlay.serve.api.pace import Pace
    from outlay.serve.schedule import Collector

TagKey = Annotated[str, Field(min_length=1)]

OTHER = "__other__"
USUAL = "USD"  # which of several currencies goes first, unless another one is asked for
TRIES = 3  # until all parts are of the same charges

STARTED: dict[str, Any] = {
    "status": "started",
    "job_id": "5f0c3a2e9d1b4c6f8a7e2d4b6c8e0f12",
    "jobs": [{"source": "aws", "job_id": "5f0c3a2e9d1b4c6f8a7e2d4b6c8e0f12", "new": True}],
}
COSTS: dict[str, Any] = {
    "time_period": {"start": "2026-10-01", "end": "2026-10-31"},
    "currency": "USD",
    "total_cost": "12.5",
    "by_service": {"AmazonEC2": "10.5", "AmazonS3": "2"},
    "by_region": {"eu-west-1": "10.5", "": "2"},
    "by_tag": {"team": {"core": "10.5", "": "2"}},
    "other_currencies": [],
    "measure": "billed",
    "provisional_from": "2026-10-30",
}


class OneJob(BaseModel):
    """The job of one source. `new`: it was started now; else it was under way."""

    source: str
    job_id: str
    new: bool


class Started(BaseModel):
    """What was started. `job_id` is the first of `jobs`: there are several where a word stands for several sources."""

    status: str
    job_id: str
    jobs: list[OneJob]


class TimePeriod(BaseModel):
    """First and last day, both inclusive."""

    start: str
    end: str


class InCurrency(BaseModel):
    """Costs in one currency: decimal strings, exact. An empty name stands for charges without one."""

    currency: str | None
    total_cost: str
    by_service: dict[str, str]
    by_region: dict[str, str]
    by_tag: dict[str, dict[str, str]]


class ProviderCosts(InCurrency):
    """Costs of a provider or source in one currency, and beside it, never added up, in each other there is."""

    time_period: TimePeriod
    other_currencies: list[InCurrency]
    measure: str
    provisional_from: str | None


class Asked(Known):
    """Which costs."""

    start_date: Day | None = Field(None, description="First day. Default: 30 days up to `end_date`.")
    end_date: Day | None = Field(None, description="Last day, inclusive. Default: yesterday (UTC).")
    measure: Measure = Field("billed", description="Which cost: effective is amortised.")
    exclude: list[str] = Field([], description="Leave out credits, refunds, taxes or purchases; by commas.")
    tag_key: list[TagKey] = Field(
        [], description="Tags of `by_tag`, up to 20. Default: metrics.tag_keys.", max_length=20
    )
    currency: str = Field(USUAL, min_length=1, max_length=20, description="Which currency goes first, if there.")
    force_refresh: bool = Field(False, description="Ask the store, whatever answers are kept.")

    def query(self) -> CostQuery:
        """The question about all of it. Raises UsageError."""
        days = Question(start_date=self.start_date, end_date=self.end_date).days()
        return CostQuery(days, (), reports.excluding(words(self.exclude)), self.measure, limit=LIMIT_MAX)


def costs_router(answers: Answers, names: Names, tag_keys: Sequence[str] = ()) -> APIRouter:
    """The route that tells costs; `tag_keys`: those of `by_tag` unless others are asked for."""
    routes = APIRouter(prefix="/{provider}", tags=["costs"])
    found: dict[str, Any] = told(COSTS, more=gives(404, 429))
    found["responses"][200]["model"] = ProviderCosts
    found["responses"][304] = {"description": "The answer that If-None-Match names is still right"}

    @routes.get("/costs", response_class=Response, **found)
    def costs(request: Request, provider: Provider, asked: Annotated[Asked, Query()]) -> Response:
        """What a provider or source costs: in all, by service, by region and by tags."""
        query = asked.query()
        query = replace(query, filters=(names.money(provider), *query.filters))
        keys = tuple(dict.fromkeys(asked.tag_key or tag_keys))

        def body(basis: Basis) -> Told:
            parts = _parts(answers, query, keys, basis, fresh=asked.force_refresh)
            return _glance(parts, keys, asked.currency.upper())

        return answers.respond(request, (query, keys, asked.currency), body, fresh=asked.force_refresh)

    return routes


def collect_router(names: Names, collector: Collector, pace: Pace) -> APIRouter:
    """The routes that start collecting."""
    routes = APIRouter(prefix="/{provider}", tags=["collecting"])
    found: dict[str, Any] = {"status_code": 202, "response_model": Started}
    found |= told(STARTED, 202, "It is being collected", gives(404, 429))

    def start(provider: str, wish: Wish) -> JSONResponse:
        jobs = _jobs(collector, pace, names.sources(provider), wish)
        each = [{"source": job.source, "job_id": job.id, "new": new} for job, new in jobs]
        first = jobs[0][0].id
        body = {"status": "started", "job_id": first, "jobs": each}
        return JSONResponse(body, 202, {"Location": f"/api/v1/jobs/{first}"})

    @routes.post("/collect", **found)
    def collect(provider: Provider, wished: Annotated[Wished | None, Body()] = None) -> JSONResponse:
        """Collect the sources of a provider now. One that is being collected goes on, and its job is told."""
        wished = wished or Wished()
        return start(provider, Wish(wished.days, wished.force_refresh))

    @routes.post("/refresh", **found)
    def refresh(provider: Provider, wished: Annotated[Wished | None, Body()] = None) -> JSONResponse:
        """The same with `force_refresh`: whatever providers answered a moment ago, they are asked again."""
        return start(provider, Wish((wished or Wished()).days, fresh=True))

    return routes


def _jobs(collector: Collector, pace: Pace, sources: Sequence[str], wish: Wish) -> list[tuple[Job, bool]]:
    """The job of each source, but of those refreshed a moment ago. Raises HTTPException (429) when these are all."""
    found, refused = [], None
    for source in sources:
        first = partial(pace.enter, f"collect {source}", source) if wish.fresh else lambda: None
        try:
            found.append(collector.ask(source, wish, asker().name, first))
        except HTTPException as error:
            refused = error
    if refused is not None and not found:
        raise refused
    return found


def _glance(parts: dict[str, Costs], keys: Sequence[str], currency: str) -> Told:
    """The JSON of a provider's costs. `currency` goes first, if there are charges in it."""
    whole = parts["service"]
    each = [_in(name, parts, keys) for name in sorted(whole.totals, key=lambda name: (name != currency, name))]
    first = min(filter(None, (part.provisional_from for part in parts.values())), default=None)
    return {
        "time_period": reports.as_json(whole)["period"],
        **(each[0] if each else _in(None, parts, keys)),
        "other_currencies": each[1:],
        "measure": whole.measure,
        "provisional_from": first.isoformat() if first else None,
    }


def _parts(answers: Answers, query: CostQuery, keys: Sequence[str], basis: Basis, *, fresh: bool) -> dict[str, Costs]:
    """The costs by each of the dimensions, of the same charges if these do not change all the time."""
    by = ["service", "region", *(TAG + key for key in keys)]
    for _ in range(TRIES):
        version = answers.warehouse.version()
        found = {each: answers.costs(replace(query, dimensions=(each,)), basis, fresh=fresh) for each in by}
        if answers.warehouse.version() == version:
            break
    return found


def _in(currency: str | None, parts: dict[str, Costs], keys: Sequence[str]) -> dict[str, Any]:
    return {
        "currency": currency,
        "total_cost": text(parts["service"].totals.get(currency or "", Decimal(0))),
        "by_service": _by("service", parts, currency),
        "by_region": _by("region", parts, currency),
        "by_tag": {key: _by(TAG + key, parts, currency) for key in keys},
    }


def _by(dimension: str, parts: dict[str, Costs], currency: str | None) -> dict[str, str]:
    """The costs of each value of a dimension, the largest first; what is beyond the limit in OTHER."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    with localcontext(prec=PRECISION):
        for row in parts[dimension].rows:
            if row["currency"] == currency:
                sums[row[dimension] or ""] += row["cost"]
        rest = parts[dimension].totals.get(currency or "", Decimal(0)) - sum(sums.values())
        if rest:
            sums[OTHER] += rest
    return {name: text(cost) for name, cost in sums.items()}
