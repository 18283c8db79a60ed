"""Servers for tests, on 127.0.0.1 only, each on a free port and stopped at the end of its `with`."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class _Server(ThreadingHTTPServer):
    """Takes a client that left before its answer, as killed ones do, for nothing to report."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def moto_server() -> Iterator[str]:
    """The URL of a moto server (AWS) in a process of its own."""
    command = [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        output = iter(process.stdout or ())
        # Who does not read a pipe stops its writer once it is full.
        reader = Thread(target=deque, args=(output, 0))
        try:
            url = _first_url(output)
            reader.start()
            yield url
        finally:
            process.kill()
            if reader.is_alive():
                reader.join()


def _first_url(output: Iterator[str]) -> str:
    said = []
    for line in output:
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found.group()
        said.append(line)
    raise RuntimeError(f"the server did not start: {''.join(said)}")


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """What a client gets. With `length` beyond that of the body, the connection breaks in its middle."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None


@contextmanager
def answering(answer: Callable[[Request], Response]) -> Iterator[str]:
    """The URL of a server whose every response is what `answer` makes of the request."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            response = answer(Request(self.command, self.path, dict(self.headers), body))
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(response.length or len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)
            self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
