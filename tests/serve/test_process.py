"""The server as a process: how it starts, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from outlay.serve.app import ListenError, bind

ROOT = Path(__file__).parents[2]


class Server:
    """A running server process."""

    def __init__(self, folder: Path, kind: str, grace_seconds: int, port: int = 0) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.serve.program",
            str(folder),
            kind,
            str(port),
            str(grace_seconds),
        ]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.log: list[str] = []

    def start(self) -> str:
        """Wait until it answers; its address."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if "serving on " in line:
                url = str(json.loads(line)["event"].removeprefix("serving on ").split(": ")[0])
                assert fetch(f"{url}/healthz") == {"status": "alive"}
                return url
        raise AssertionError(self.log)

    def stop(self, number: int) -> tuple[int, float]:
        """Send a signal; the exit code and the seconds it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=20)
        self.log += errors.splitlines()
        return self.process.returncode, time.monotonic() - started

    def wait_for_slow(self) -> None:
        """Wait until a request to /slow is being answered."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "slow\n"


@contextmanager
def serving(folder: Path, kind: str = "obedient", grace_seconds: int = 10) -> Iterator[tuple[Server, str]]:
    """A server that is gone at the end, whatever happens."""
    server = Server(folder, kind, grace_seconds)
    try:
        yield server, server.start()
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


def fetch(url: str) -> Any:
    """The JSON at an address."""
    with urlopen(url, timeout=20) as response:
        return json.load(response)


def refused(url: str) -> bool:
    """Whether nobody listens there."""
    try:
        fetch(f"{url}/healthz")
    except URLError as error:
        return isinstance(error.reason, ConnectionRefusedError)
    except OSError:
        pass  # taken in just before the end, and dropped
    return False


def later(url: str, answers: list[Any]) -> threading.Thread:
    """Fetch in a thread."""

    def ask() -> None:
        try:
            answers.append(fetch(url))
        except HTTPError as error:
            error.close()
            answers.append(error.code)
        except OSError as error:
            answers.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_sigterm_lets_requests_finish(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, url):
        answers: list[Any] = []
        asking = later(f"{url}/slow?seconds=2&token=hunter2", answers)
        server.wait_for_slow()
        server.process.send_signal(signal.SIGTERM)
        while not refused(url):
            time.sleep(0.02)
        assert answers == []
        code, _ = server.stop(signal.SIGTERM)
        asking.join()
    assert (code, answers) == (0, ["done"])
    lines = [json.loads(line) for line in server.log]
    assert [line["event"] for line in lines if line["event"].startswith(("coll", "stop"))] == [
        "collection started: aws",
        "stopping",
        "collection stopped",
        "stopped",
    ]
    assert [line["path"] for line in lines if line["event"] == "request"] == ["/slow"]
    assert "hunter2" not in "".join(server.log)


def test_sigint_leaves_a_collection_that_does_not_listen(tmp_path: Path) -> None:
    with serving(tmp_path, "stubborn") as (server, url):
        assert fetch(f"{url}/healthz") == {"status": "alive"}
        code, seconds = server.stop(signal.SIGINT)
    assert code == 0
    assert seconds < 10
    assert "left without waiting" in server.log[-1]


def test_a_request_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with serving(tmp_path, grace_seconds=1) as (server, url):
        answers: list[Any] = []
        asking = later(f"{url}/slow?seconds=60", answers)
        server.wait_for_slow()
        code, seconds = server.stop(signal.SIGTERM)
        asking.join()
    assert code == 0
    assert seconds < 10
    assert answers != ["done"]


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Server(tmp_path, "obedient", 1, port)
        _, errors = server.process.communicate(timeout=20)
    assert server.process.returncode == 1
    assert errors == f"cannot listen on 127.0.0.1:{port}: Address already in use\n"


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("nowhere.invalid", "cannot listen on nowhere.invalid:0: "),
        ("192.0.2.1", "cannot listen on 192.0.2.1:0: "),
    ],
)
def test_an_address_that_is_not_ours(host: str, reason: str) -> None:
    with pytest.raises(ListenError, match=reason):
        bind(host, 0)


def test_localhost_is_ipv4_and_ipv6_works() -> None:
    with bind("localhost", 0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
    with bind("::1", 0) as listening:
        assert listening.family == socket.AF_INET6
