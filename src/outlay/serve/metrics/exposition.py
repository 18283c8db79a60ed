"""/metrics: bytes that are ready before they are asked for, rendered when something changed and not when scraped."""

from __future__ import annotations

import gzip
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from fastapi import Request, Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.concurrency import run_in_threadpool

from outlay import reports
from outlay.core.errors import OutlayError
from outlay.core.limits import EVERYTHING, Limits
from outlay.serve.api.problems import problem
from outlay.serve.metrics import alerts
from outlay.serve.metrics.options import Options
from outlay.serve.metrics.rendering import render

if TYPE_CHECKING:
    from fastapi import FastAPI

    from outlay.core.ports import Warehouse
    from outlay.state import State

log = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
CHECK_SECONDS = 15.0
ATTEMPTS = 5
LIMITED_MAX = 64  # renderings for those who may see some money only


@dataclass(frozen=True, slots=True)
class Rendered:
    """One rendering, plain and compressed, the state of the world it was made from, and the counts it ends with."""

    of: tuple[object, ...]
    plain: bytes
    zipped: bytes
    counts: bytes = b""


class Exposition:
    """The newest metrics. A scrape takes what is there; `refresh` puts something new in its place, whole."""

    def __init__(
        self,
        warehouse: Warehouse,
        state: State,
        sources: Sequence[str] = (),
        spend_cap_usd: Decimal | None = None,
        counts: Callable[[], bytes] = bytes,
        *,
        options: Options | None = None,
    ) -> None:
        """`counts` renders what changes far more often than the rest: how the cache does."""
        self.rendered: Rendered | None = None
        self._warehouse, self._state = warehouse, state
        self._sources = sources
        self._spend_cap_usd = spend_cap_usd
        self._counts = counts
        self._options = options or Options()
        self._lock = threading.Lock()
        self._limited: OrderedDict[Limits, Rendered] = OrderedDict()
        self._limiting = threading.Lock()

    def refresh(self, *, counts_only: bool = False) -> None:
        """Render again if the charges, the sources' health, the day or the counts changed. What fails is logged."""
        with self._lock:
            try:
                self.rendered = self._counted(self.rendered if counts_only else self._newest(self.rendered))
            except OutlayError as error:
                log.error("metrics keep their last state: %s", error)  # noqa: TRY400 - its message says it all
            except Exception:
                log.exception("metrics keep their last state")

    def keep_fresh(self, stopping: threading.Event, busy: Callable[[], bool]) -> None:
        """Refresh now and then, for what other processes collect; amid a collection of ours only the counts."""
        self.refresh()
        while not stopping.wait(CHECK_SECONDS):
            self.refresh(counts_only=busy())

    def limited(self, limits: Limits) -> Rendered | None:
        """The metrics of some money alone, as of the newest there are; rendered when they are asked for.

        Raises StoreError, unless there are older ones.
        """
        newest = self.rendered
        with self._limiting:  # one at a time: a limited scrape may wait, and must not be a way to keep us busy
            kept = self._limited.get(limits)
            if newest is None or (kept is not None and kept.of == newest.of):
                return kept
            try:
                self._limited[limits] = self._newest(kept, limits)
            except OutlayError as error:
                if kept is None:
                    raise
                log.error("metrics of some money keep their last state: %s", error)  # noqa: TRY400 - as above
            self._limited.move_to_end(limits)
            if len(self._limited) > LIMITED_MAX:
                self._limited.popitem(last=False)
            return self._limited[limits]

    def _world(self) -> tuple[object, ...]:
        state = self._state
        settled = tuple(state.past.settling().items())
        judged = alerts.world(state) if self._options.monitoring else None
        return self._warehouse.version(), reports.today(), tuple(state.freshness()), settled, judged

    def _newest(self, rendered: Rendered | None, limits: Limits = EVERYTHING) -> Rendered:
        """Rendered again when something was written meanwhile: it may be half old and half new."""
        world, attempts = self._world(), 0
        while rendered is None or (rendered.of != world and attempts < ATTEMPTS):
            plain = self._text(limits)
            rendered = Rendered(world, plain, gzip.compress(plain, 6, mtime=0))
            world, attempts = self._world(), attempts + 1
        return rendered

    def _text(self, limits: Limits) -> bytes:
        return render(
            self._warehouse,
            self._state,
            self._sources,
            reports.today(),
            self._spend_cap_usd,
            options=self._options,
            limits=limits,
        )

    def _counted(self, rendered: Rendered | None) -> Rendered | None:
        counts = self._counts()
        if rendered is None or rendered.counts == counts:
            return rendered
        plain = rendered.plain.removesuffix(rendered.counts) + counts
        return Rendered(rendered.of, plain, gzip.compress(plain, 6, mtime=0), counts)


def mount(app: FastAPI, exposition: Exposition, limits: Callable[[], Limits] = lambda: EVERYTHING) -> None:
    """Add /metrics. `limits` tells those of who asks."""

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        own = limits()
        rendered = await run_in_threadpool(exposition.limited, own) if own else exposition.rendered
        if rendered is None:
            return problem(503, "no-data", "the first metrics are not ready yet", {"Retry-After": "5"})
        if "gzip" in request.headers.get("accept-encoding", ""):
            zipped = {"Vary": "Accept-Encoding", "Content-Encoding": "gzip"}
            return Response(rendered.zipped, headers=zipped, media_type=CONTENT_TYPE)
        return Response(rendered.plain, media_type=CONTENT_TYPE)  # where it is not compressed the app says Vary
