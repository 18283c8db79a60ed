"""A real HTTP server on 127.0.0.1 that keeps what is posted to it, and answers as it is told."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from tests.clouds.serving import QuietHandler, Serving


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; or `hang`: none; or `cut`: a reset in place of one; or `drip`: one that never ends, byte by byte."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    cut: bool = False
    drip: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """What came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


class Sink:
    """See the module. `replies` are given in turn, then 200s."""

    def __init__(self, *replies: Reply, cert: Path | None = None) -> None:
        self.posts: list[Post] = []
        self.replies = list(replies)
        self.closing = Event()
        self._serving = Serving(type("Sinking", (_Sinking,), {"sink": self}), cert)
        self.url = self._serving.url

    def close(self) -> None:
        """Stop."""
        self.closing.set()
        self._serving.close()


class _Sinking(QuietHandler):
    sink: Sink

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.sink.posts.append(Post(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        reply = self.sink.replies.pop(0) if self.sink.replies else Reply()
        self.close_connection = True
        if reply.hang:
            self.sink.closing.wait(30)
            return
        if reply.drip:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Header: ")
            while not self.sink.closing.wait(0.02):
                self.wfile.write(b"x")
            return
        if reply.cut:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        self.send_response(reply.status)
        for name, value in (dict(reply.headers) | {"Content-Length": str(len(reply.body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)
