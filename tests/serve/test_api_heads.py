"""HEAD is answered as GET is, without the body: by a real server, since it is the server that leaves it away."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import uvicorn
from fastapi import FastAPI

from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.serve.conftest import day
from tests.serve.local import app_of

Answer = tuple[int, dict[str, str], bytes]
PATHS = [
    *(f"/api/v1/costs/{each}" for each in ("summary", "daily", "services", "accounts", "regions", "tags?key=team")),
    "/api/v1/costs/restatements",
    "/api/v1/aws/costs",
    "/api/v1/jobs",
    "/api/v1/sources",
    "/api/v1/keys",
    "/openapi.json",
    "/docs",
    "/api/v1/jobs/none",  # 404
    "/api/v1/costs/summary?limit=0",  # 400
    "/nothing",
]


@pytest.fixture
def port(lake: Lake, state: State) -> Iterator[int]:
    """Where a server is, with an answer long enough to be compressed."""
    put(lake, [charge(day(4), "1", source="many", service_name=f"service {n}") for n in range(50)])
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield from serving(app_of(lake, state, sources=["prod"], kinds={"prod": "aws"}), listening)


def serving(app: FastAPI, listening: socket.socket) -> Iterator[int]:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


def asked(port: int, method: str, path: str, **headers: str) -> Answer:
    """Status, headers but those of the moment, and body."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, {k: v for k, v in told.items() if k not in ("date", "x-request-id")}, answer.read()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_head_is_get_without_its_body(port: int, path: str, coding: str) -> None:
    status, headers, body = asked(port, "GET", path, **{"Accept-Encoding": coding})
    assert body
    assert asked(port, "HEAD", path, **{"Accept-Encoding": coding}) == (status, headers, b"")
    if path.endswith("services"):
        assert headers.get("content-encoding") == (None if coding == "identity" else coding)


def test_head_of_what_is_known_already(port: int) -> None:
    tag = asked(port, "HEAD", "/api/v1/costs/summary")[1]["etag"]
    status, headers, _ = asked(port, "HEAD", "/api/v1/costs/summary", **{"If-None-Match": tag})
    assert (status, headers["etag"]) == (304, tag)


def test_head_starts_nothing(port: int, state: State) -> None:
    assert asked(port, "HEAD", "/api/v1/aws/collect")[0] == 405
    assert state.jobs.list() == []
