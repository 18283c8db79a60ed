"""`outlay exporter`, `api` and `dashboard`: parts of the server, each a process of its own."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.cli.bills import put_bills
from tests.cli.conftest import command, process
from tests.servers import free_port

SUMMARY = "/api/v1/costs/summary?start_date=2026-10-01&end_date=2026-10-31"


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """A server; its address. It ends well when it is told to."""
    with subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            line = next(line for line in server.stderr if "serving on" in line)
            yield line.split("serving on ")[1].split(": ")[0]
        finally:
            server.terminate()
            rest = server.stderr.read()
    assert "Traceback" not in rest
    assert server.returncode == 0


def answer(url: str, method: str = "GET") -> tuple[int, str]:
    """The status, and what is said."""
    try:
        with urlopen(Request(url, method=method), timeout=30) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_exporter_collects_and_has_metrics_alone_where_port_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_bills(folder)
    port = free_port()
    monkeypatch.setenv("PORT", str(port))

    with serving("exporter") as url:
        assert url == f"http://127.0.0.1:{port}"
        eventually(lambda: 'outlay_source_up{source="files"} 1.0' in answer(f"{url}/metrics")[1])
        assert answer(f"{url}/readyz")[0] == 200
        assert [answer(url + path)[0] for path in ("/", "/docs", SUMMARY)] == [404, 404, 404]


def test_the_api_collects_when_it_is_asked_to_and_not_before(folder: Path) -> None:
    put_bills(folder)

    with serving("api", "--port", "0") as url:
        assert json.loads(answer(f"{url}{SUMMARY}")[1])["totals"] == {}
        assert [answer(url + path)[0] for path in ("/", "/metrics")] == [404, 404]
        assert json.loads(process("runs", "--format", "json").out) == []

        status, text = answer(f"{url}/api/v1/files/collect", "POST")
        assert status == 202
        job = f"{url}/api/v1/jobs/{json.loads(text)['job_id']}"
        eventually(lambda: json.loads(answer(job)[1])["status"] == "succeeded")
        assert json.loads(answer(f"{url}{SUMMARY}")[1])["totals"]["EUR"] == "7.5"


def test_the_dashboard_shows_what_others_collected(folder: Path) -> None:
    put_bills(folder)
    assert process("collect").code == 0
    before = process("runs", "--format", "json").out

    with serving("dashboard", "--port", "0") as url:
        status, page = answer(f"{url}/")
        assert status == 200
        assert "<title>Outlay</title>" in page
        assert [answer(url + path)[0] for path in ("/metrics", "/docs", SUMMARY)] == [404, 404, 404]
    assert process("runs", "--format", "json").out == before


def test_parts_that_cannot_be_served_say_why(folder: Path) -> None:
    done = process("exporter")
    assert (done.code, "no clouds in the settings" in done.err) == (2, True)

    (folder / "outlay.yaml").write_text("dashboard: {enabled: false}\n")
    done = process("dashboard")
    assert (done.code, "dashboard.enabled is false" in done.err) == (2, True)
    done = process("api", "--host", "0.0.0.0")
    assert (done.code, "is not this machine alone" in done.err) == (2, True)
