"""Who may ask the server for what: an ASGI middleware that lets requests through, each with its Asker."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio.to_thread
from anyio import CapacityLimiter, sleep
from starlette.datastructures import Headers

from outlay.core.errors import OutlayError
from outlay.serve.access.failures import Failures
from outlay.serve.access.guard import Guard, given
from outlay.serve.access.place import is_foreign, is_local
from outlay.serve.access.refusals import IssuerError, Refused, foreign, lacking, unknown
from outlay.serve.access.scopes import OPEN, SAFE, includes, needed, route_of
from outlay.serve.access.who import ASKER, Asker, asker, limits

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["ASKER", "Access", "Asker", "Guard", "asker", "limits"]

log = logging.getLogger(__name__)

LOOKUPS_MAX = 16  # keys and tokens being looked up at once: apart from the threads that answer questions
WAITING_MAX = 100  # refusals that are being delayed

LOCAL = Asker("loopback", "collect")  # whoever is on this machine; to make lasting keys takes proof there, too
ANYBODY = Asker("anybody", "read")
UNGUARDED = Asker("anybody", "admin")


class Access:
    """ASGI middleware: who asks, and may he. Health is told to everybody."""

    def __init__(self, app: ASGIApp, guard: Guard | None = None) -> None:
        """Without a guard everybody may do everything: for an app that is guarded in another way, or by none."""
        self.app = app
        self._guard = guard
        self._failures = Failures()
        self._waiting = 0
        self._lookups: CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # there are none
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http" or route_of(scope) in OPEN:
            await self.app(scope, receive, send)
            return
        try:
            found = await self._asker(self._guard, scope, Headers(scope=scope)) if self._guard else UNGUARDED
        except Refused as refused:
            await self._refuse(refused, scope)
            await refused.response()(scope, receive, send)
            return
        token = ASKER.set(found)
        try:
            await self.app(scope, receive, send)
        finally:
            ASKER.reset(token)

    async def _asker(self, guard: Guard, scope: Scope, headers: Headers) -> Asker:
        """Who asks, and may. Raises Refused."""
        shown = given(headers)
        found = _without(guard, scope, headers) if shown is None else await self._looked_up(guard, shown)
        method, by_itself = scope["method"], headers.get("authorization", "")[:7].lower() != "bearer "
        if method not in SAFE and by_itself and is_foreign(headers, guard.settings.cors_origins):
            raise foreign()
        wanted = needed(method, route_of(scope))
        if not includes(found.scope, wanted):
            raise unknown(wanted) if shown is None else lacking(found, wanted)
        return found

    async def _looked_up(self, guard: Guard, shown: str) -> Asker:
        if self._lookups is None:
            self._lookups = CapacityLimiter(LOOKUPS_MAX)
        try:
            return await anyio.to_thread.run_sync(guard.asker, shown, limiter=self._lookups)
        except OutlayError as error:
            what = "tokens" if isinstance(error, IssuerError) else "keys"
            told = f"{what} cannot be checked now; the log says why"
            raise Refused(error.status, error.code, told, str(error), {"Retry-After": "5"}) from None

    async def _refuse(self, refused: Refused, scope: Scope) -> None:
        """Log it, and let whoever goes on trying wait."""
        client = (scope.get("client") or ("",))[0]
        level = logging.WARNING if refused.attempt or refused.status >= 500 else logging.INFO
        log.log(level, "refused: %s", refused.reason, extra={"client": client, "status": refused.status})
        if not refused.attempt:
            return
        seconds = self._failures.delay(client)
        if seconds and self._waiting < WAITING_MAX:
            self._waiting += 1
            try:
                await sleep(seconds)
            finally:
                self._waiting -= 1


def _without(guard: Guard, scope: Scope, headers: Headers) -> Asker:
    """Who asks without showing a key. Raises Refused."""
    if guard.settings.open_loopback and is_local(scope, headers):
        return LOCAL
    if guard.insecure:
        return ANYBODY
    raise unknown()
