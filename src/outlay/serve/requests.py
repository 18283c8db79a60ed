"""Requests: an id and a log line for each, without query string or headers; 500 for what nobody caught."""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import TYPE_CHECKING
from urllib.parse import quote

from structlog.contextvars import bound_contextvars

from outlay.core.grants import hidden
from outlay.serve.api.problems import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

REQUEST_ID = b"x-request-id"
QUIET = frozenset({"/healthz", "/readyz", "/health", "/api/health/live", "/api/health/ready", "/metrics"})

_REQUEST_ID = re.compile(rb"[\w.:-]{1,128}", re.ASCII)


class RequestLog:
    """ASGI middleware: gives each request an id, logs it, and answers 500 for what nobody caught."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(REQUEST_ID, b"")
        request_id = given.decode() if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        with bound_contextvars(request_id=request_id):
            await self._logged(scope, receive, send, request_id)

    async def _logged(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started = time.perf_counter()
        status: int | None = None

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (REQUEST_ID, request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            log.exception("a fault of ours")
            if status is not None:
                raise
            answer = problem(500, "internal", "a fault of ours; the log has the details")
            await answer(scope, receive, watched)
        finally:
            _line(scope, status, (time.perf_counter() - started) * 1000)


def _line(scope: Scope, status: int | None, milliseconds: float) -> None:
    level = logging.DEBUG if scope["path"] in QUIET else logging.INFO
    # Percent-encoded, as it came: a decoded path can hold line breaks and forge log lines.
    path = quote(hidden(scope["path"]), safe="/:@!$&()*+,;=~-._")
    fields = {"method": scope["method"], "path": path, "status": status, "ms": round(milliseconds, 1)}
    log.log(level, "request", extra=fields)
