"""Prometheus, its promtool and its Pushgateway for tests, on 127.0.0.1, stopped at the end of each `with`."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.servers import free_port

START_SECONDS_MAX = 20
STARTS = 5  # a port that was free may be taken by the time the server wants it


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def query(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """The series of an instant query, as the API has them. Raises AssertionError for one that is refused."""
        named = {"query": expression} | ({} if at is None else {"time": str(at)})
        found: list[dict[str, Any]] = self._get(f"query?{urlencode(named)}")["result"]
        return found

    def query_range(self, expression: str, start: int, end: int, step: int) -> list[dict[str, Any]]:
        """The series of a range query."""
        named = {"query": expression, "start": start, "end": end, "step": step}
        found: list[dict[str, Any]] = self._get(f"query_range?{urlencode(named)}")["result"]
        return found

    def values(self, label: str, *match: str) -> list[str]:
        """The values of a label, of the series that a selector matches."""
        found: list[str] = self._get(f"label/{label}/values?{urlencode([('match[]', each) for each in match])}")
        return found

    def wait_for(self, expression: str, seconds: float = 40) -> None:
        """Wait until a query has an answer: the first scrape comes some seconds after the start."""
        ends = time.monotonic() + seconds
        while not self.query(expression):
            assert time.monotonic() < ends, f"nothing for {expression}"
            time.sleep(0.1)

    def _get(self, path: str) -> Any:
        try:
            with urlopen(f"{self.url}/api/v1/{path}", timeout=20) as response:
                return json.load(response)["data"]
        except URLError as error:
            said = error.read().decode() if hasattr(error, "read") else error
            raise AssertionError(f"{path}: {said}") from None


@contextmanager
def prometheus(folder: Path, config: str) -> Iterator[Prometheus]:
    """A server of this configuration, over the blocks in `folder`/data if there are any."""
    (folder / "prometheus.yml").write_text(config, encoding="utf-8")
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    retention = "--storage.tsdb.retention.time=10y"  # or imported history would be dropped
    with _server("prometheus", [*options, retention], lambda port: f"http://127.0.0.1:{port}/-/ready") as url:
        yield Prometheus(url)


@contextmanager
def pushgateway(*options: str) -> Iterator[str]:
    """The URL of a Pushgateway that keeps nothing, without a check that it answers: it may want TLS or a password."""
    with _server("prometheus-pushgateway", options, None) as url:
        yield url


def promtool(*arguments: str, cwd: Path | None = None, stdin: bytes = b"") -> str:
    """What promtool says. Raises AssertionError, with that, when it is not content."""
    command = [_program("promtool"), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=120, check=False, cwd=cwd)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


@contextmanager
def _server(name: str, options: Sequence[str], ready: Callable[[int], str] | None) -> Iterator[str]:
    for _ in range(STARTS):
        port = free_port()
        command = [_program(name), *options, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            if _listens(process, port) and (ready is None or _answers(process, ready(port))):
                yield f"http://127.0.0.1:{port}"
                return
        finally:
            process.kill()
            process.wait()
    raise RuntimeError(f"{name} does not start")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        packages = "prometheus prometheus-pushgateway"
        raise RuntimeError(f"{name} is missing: apt-get install --no-install-recommends {packages}")
    return found


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    def reached() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True

    return _in_time(process, reached)


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    def reached() -> bool:
        with urlopen(url, timeout=5) as response:
            return bool(response.status == 200)

    return _in_time(process, reached)


def _in_time(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> bool:
    ends = time.monotonic() + START_SECONDS_MAX
    while process.poll() is None and time.monotonic() < ends:
        try:
            if reached():
                return True
        except OSError:  # nobody there yet; URLError is one
            pass
        time.sleep(0.02)
    return False
