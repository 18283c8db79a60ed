"""How log lines look, and what they must not show."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog
from fastapi.testclient import TestClient

from outlay.serve import logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    # basicConfig closes the handlers it finds, and pytest still needs its own.
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("outlay").setLevel(logging.NOTSET)
    structlog.reset_defaults()


def lines(stream: StringIO) -> list[dict[str, Any]]:
    """JSON log lines."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_ours_and_the_libraries_lines_look_the_same() -> None:
    out = StringIO()
    logs.setup("INFO", "json", out)
    logging.getLogger("uvicorn.error").warning("Slow %s", "it", extra={"color_message": "in colour"})
    structlog.get_logger("outlay.x").info("collected", rows=3)
    logging.getLogger("outlay.x").debug("not shown")
    logging.getLogger("botocore").info("not shown")
    first, second = lines(out)
    assert first.pop("timestamp").endswith("Z")
    assert second.pop("timestamp").endswith("Z")
    assert first == {"event": "Slow it", "level": "warning"}
    assert second == {"event": "collected", "level": "info", "rows": 3}


@pytest.mark.parametrize("style", ["console", "json"])
def test_tracebacks_show_no_local_variables(style: Any) -> None:
    out = StringIO()
    logs.setup("INFO", style, out)
    secret = "hunter2".upper()
    try:
        int(str(len(secret)) + "x")
    except ValueError:
        logging.getLogger("any").exception("failed")
    assert "ValueError: invalid" in out.getvalue()
    assert "HUNTER2" not in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_request_lines(client: TestClient) -> None:
    out = StringIO()
    logs.setup("INFO", "json", out)
    client.get("/api/v1/nope%0Aforged?api_key=hunter2", headers={"X-Request-ID": "abc-1", "Authorization": "hunter2"})
    client.get("/healthz")
    (line,) = [line for line in lines(out) if line["event"] == "request"]
    assert line.pop("ms") >= 0
    del line["timestamp"]
    assert line == {
        "event": "request",
        "level": "info",
        "method": "GET",
        "path": "/api/v1/nope%0Aforged",
        "request_id": "abc-1",
        "status": 404,
    }
    assert "hunter2" not in out.getvalue()


def test_a_key_in_a_path_is_not_in_the_log(client: TestClient) -> None:
    out = StringIO()
    logs.setup("INFO", "json", out)
    client.delete("/api/v1/keys/outlay_5f0c3a2e9d1b_" + "hunter2-" * 5 + "abc")
    assert [line["path"] for line in lines(out) if "path" in line] == ["/api/v1/keys/outlay_5f0c3a2e9d1b_..."]
    assert "hunter2" not in out.getvalue()


def test_request_ids(client: TestClient) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    forged = client.get("/healthz", headers={"X-Request-ID": "a b" * 100}).headers["x-request-id"]
    assert len(forged) == 32
    assert client.get("/healthz").headers["x-request-id"] != forged
