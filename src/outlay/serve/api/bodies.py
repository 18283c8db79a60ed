"""Bodies: what is sent to the API is small, and one that is not is refused before it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from outlay.serve.api.problems import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PLACE = "/api/"
BYTES_MAX = 64 * 1024

_TOLD = f"a body has at most {BYTES_MAX} bytes"


class BodyLimit:
    """ASGI middleware: answers 413 for bodies that are too large."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PLACE):
            await self.app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > BYTES_MAX:
            # What is on its way is not read: the connection is of no more use.
            await problem(413, "too-large", _TOLD, {"Connection": "close"})(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > BYTES_MAX:
                raise HTTPException(413, _TOLD)
            return message

        await self.app(scope, counted, send)
