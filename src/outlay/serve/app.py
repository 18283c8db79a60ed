"""The server: API, /metrics, health and dashboard in one process that also collects; or some of them."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

import uvicorn
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware

from outlay import __version__
from outlay.cache.queries import CachedWarehouse
from outlay.core.errors import OutlayError
from outlay.core.settings import Api
from outlay.limited import Limited
from outlay.serve import access, api, cache_metrics, health, metrics
from outlay.serve.access.remembered import LimitedState
from outlay.serve.api import bodies, problems
from outlay.serve.requests import RequestLog
from outlay.serve.schedule import Background, Collect, Collector

if TYPE_CHECKING:
    from outlay.cache import Guarded
    from outlay.core.ports import Warehouse
    from outlay.core.settings import Dashboard
    from outlay.state import State, Wish

log = logging.getLogger(__name__)

PARTS = {"dashboard": "dashboard at /", "api": "API at /docs", "metrics": "Prometheus at /metrics"}
GRACE_SECONDS = 10  # how long requests in flight have to finish once we are told to stop
ABANDON_SECONDS = 2  # how long a running collection has


class ListenError(OutlayError):
    """An address that we cannot listen on."""

    code: ClassVar[str] = "listen"


def create_app(
    warehouse: Warehouse,
    state: State,
    *,
    sources: Sequence[str],
    collect: Collect,
    schedule: str | None,
    tidy: Callable[[], object] = lambda: None,
    dashboard: Dashboard | None = None,
    workers: int = 8,
    spend_cap_usd: Decimal | None = None,
    cache: Guarded | None = None,
    cache_seconds: float = 3600,
    shown: metrics.Options | None = None,
    kinds: Mapping[str, str] | None = None,
    wished: Callable[[Wish], Collect] | None = None,
    tag_keys: Sequence[str] = (),
    http: Api | None = None,
    jobs: Sequence[Callable[[threading.Event], object]] = (),
    guard: access.Guard | None = None,
    parts: Collection[str] = tuple(PARTS),
) -> FastAPI:
    """The app over a prepared warehouse.

    While it runs it calls `collect` for each source at once and then by the cron expression `schedule` (UTC), in
    threads of its own, never twice at a time for one source; the event tells it to give up. Without a schedule it
    collects what it is asked for alone. See Collector.
    API and dashboard look for answers in `cache`, where each is kept for `cache_seconds`, before they ask the store.
    `shown` is what the settings want of the metrics.

    `kinds`     the kind of each source, as the API calls it too; left out, it is the source's name
    `wished`    like `collect`, for what somebody wished
    `tag_keys`  the tags that the API tells costs by, unless it is asked for others
    `http`      the section of the settings about the API
    `jobs`      what else runs in threads beside the server, until the event is set
    `guard`     knows who may ask for what; without one everybody may do everything
    `parts`     which of PARTS it has; health it always has
    """
    http = http or Api()
    stopping = threading.Event()
    counts = partial(cache_metrics.render, cache)
    exposition = metrics.Exposition(warehouse, state, sources, spend_cap_usd, counts, options=shown)
    # Whoever asks sees what he may: the limits are in the question before the cache sees it.
    asked = Limited(CachedWarehouse(warehouse, cache, cache_seconds) if cache else warehouse, access.limits)
    known = LimitedState(state, access.limits)
    collector = Collector(
        sources,
        collect,
        schedule,
        stopping,
        state.jobs,
        wished=wished,
        after=exposition.refresh if "metrics" in parts else lambda: None,
        tidy=tidy,
        workers=workers,
    )
    own = [collector.run, collector.beat]
    if "metrics" in parts:
        own.append(lambda: exposition.keep_fresh(stopping, lambda: collector.collecting))
    background = Background(stopping, *own, *(partial(job, stopping) for job in jobs))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        background.start()
        yield
        await run_in_threadpool(background.stop, ABANDON_SECONDS)

    app = FastAPI(
        title="Outlay",
        version=__version__,
        description="What every cloud charges. Days are UTC; amounts are decimal strings.",
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own page loads its scripts from elsewhere; ours is in api/docs.py
        redoc_url=None,
    )
    app.state.background, app.state.parts = background, parts
    app.add_middleware(bodies.BodyLimit)
    app.add_middleware(access.Access, guard=guard)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    api.allow_origins(app, http)
    app.add_middleware(RequestLog)
    problems.handle(app)
    health.mount(app, warehouse, state)
    if "metrics" in parts:
        metrics.mount(app, exposition, access.limits)
    if "api" in parts:
        named = kinds or {name: name for name in sources}
        let_in = guard.keys if guard else None  # in a demo they are not where its charges are
        api.mount(app, asked, known, collector, kinds=named, tag_keys=tag_keys, settings=http, known_keys=let_in)
    if "dashboard" in parts and dashboard is not None and dashboard.enabled:
        from outlay.serve import dashboard as pages

        pages.mount(app, asked, known, dashboard)
    return app


def run(app: FastAPI, host: str, port: int, *, grace_seconds: int = GRACE_SECONDS) -> int:
    """Serve until SIGTERM or SIGINT, then finish what is in flight; the exit code. Raises ListenError.

    Port 0 is any free one. When a request or a collection does not end in time, the process ends here.
    """
    listening = bind(host, port)
    server = _Server(app, grace_seconds)
    if threading.current_thread() is threading.main_thread():
        for each in (signal.SIGINT, signal.SIGTERM):
            # Told to stop before the server listens to signals; and at its end it raises those it took once
            # more, whose usual handlers would end us as failed.
            signal.signal(each, server.handle_exit)
    there = ", ".join(place for part, place in PARTS.items() if part in app.state.parts)
    log.info("serving on %s: %s", _url(listening), there)
    server.run(sockets=[listening])
    log.info("stopped")
    if not (app.state.background.stop(0) and _alone(ABANDON_SECONDS)):
        _leave()
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """uvicorn, which tells a running collection at once that it is over."""

    def __init__(self, app: FastAPI, grace_seconds: int) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=grace_seconds,
        )
        super().__init__(config)
        self._background: Background = app.state.background

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        log.info("stopping")
        self._background.stopping.set()
        await super().shutdown(sockets)


def _alone(wait_seconds: float) -> bool:
    """Whether, after a little wait, no thread is left that Python's end would wait for."""
    here = threading.current_thread()
    if here is not threading.main_thread():
        return True
    deadline = monotonic() + wait_seconds
    others = [each for each in threading.enumerate() if each is not here and not each.daemon]
    for each in others:
        each.join(max(0.0, deadline - monotonic()))
    return not any(each.is_alive() for each in others)


def _leave() -> None:
    """End the process now: requests and collections that hang cannot be cancelled.

    Python's own end would first wait for their threads, or abort amid their C++. The store is safe
    whenever we stop.
    """
    log.warning("left without waiting for what is still running")
    logging.shutdown()
    os._exit(0)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ListenError, which names the address and the reason."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    try:
        # `localhost` is both; clients that know only one of them know IPv4.
        family = socket.AF_INET if any(each[0] == socket.AF_INET for each in found) else socket.AF_INET6
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        return socket.create_server((host, port), family=family, backlog=2048, dualstack_ipv6=both)
    except OSError as error:
        # Its own sentence names the address once more.
        raise ListenError(f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}") from None


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
