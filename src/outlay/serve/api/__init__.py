"""The REST API: routers over a Warehouse, and the page that tells of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from starlette.middleware import Middleware

from outlay.core.settings import Api
from outlay.serve.api import costs, docs, jobs, keys, openapi, providers, restatements, sources
from outlay.serve.api.answers import Answers
from outlay.serve.api.heads import Heads
from outlay.serve.api.names import Names
from outlay.serve.api.pace import Pace

if TYPE_CHECKING:
    from fastapi import FastAPI

    from outlay.core.ports import Warehouse
    from outlay.serve.schedule import Collector
    from outlay.state import State
    from outlay.state.keys import Keys

PREFIX = "/api/v1"

# Of pages elsewhere that may ask: what they may send, and what they may read of an answer.
CORS_HEADERS = ("Authorization", "Content-Type", "If-None-Match", "X-Request-ID")
CORS_EXPOSED = ("ETag", "Location", "Retry-After", "X-Request-ID")


def mount(
    app: FastAPI,
    warehouse: Warehouse,
    state: State,
    collector: Collector,
    *,
    kinds: Mapping[str, str],
    tag_keys: Sequence[str] = (),
    settings: Api | None = None,
    known_keys: Callable[[], Keys] | None = None,
) -> None:
    """Add /api/v1/... and /docs. `kinds`: the kind of each source in the settings, by its name.

    Warehouse and state tell what whoever asks may see. `known_keys`: those that are let in; left out, the state's.
    """
    pace = Pace((settings or Api()).force_refresh_seconds)
    answers, names = Answers(warehouse, state, pace), Names(warehouse, kinds)
    for router in (
        costs.router(answers),
        restatements.router(state),
        sources.router(state, names),
        keys.router(known_keys or (lambda: state.keys)),
        jobs.router(state),
        providers.costs_router(answers, names, tag_keys),  # after those whose names are their own
        providers.collect_router(names, collector, pace),
    ):
        app.include_router(router, prefix=PREFIX)
    app.user_middleware.append(Middleware(Heads))
    openapi.mount(app)
    docs.mount(app)


def allow_origins(app: FastAPI, settings: Api) -> None:
    """Let the pages of the origins in the settings ask from a browser; without any, none may."""
    from starlette.middleware.cors import CORSMiddleware

    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "HEAD", "POST", "DELETE"),
            allow_headers=CORS_HEADERS,
            expose_headers=CORS_EXPOSED,
        )
