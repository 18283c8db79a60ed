"""The server under load: /metrics with many series, answers of the API, and health beside 200 clients.

All of it while a collection runs that does not come to its end. The peer of /metrics is prometheus_client's own
endpoint with as many series, scraped beside the same collection. As a child process: `python -m benchmarks.serving
bare SERIES` is that peer, and prints its port.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks.bills import LAST_DAY, THIRTY_DAYS, bill
from benchmarks.processes import OUTLAY
from benchmarks.report import Line, ratio_to_limit

SERIES = 20_000
SCRAPES = 100
PEER_SCRAPES = 20
TIMES = 50  # as fast as the peer
CLIENTS = 200
HEALTH_SECONDS = 0.1
LOAD_SECONDS = 5
START_SECONDS_MAX = 120
GZIP = {"Accept-Encoding": "gzip"}
SUMMARY = f"/api/v1/costs/summary?start_date={THIRTY_DAYS.start}&end_date={LAST_DAY}"


def lines(lake: Path, millions: int, size: str) -> Iterator[Line]:
    """How fast the server of a lake answers while it collects."""
    with _peer() as peer, _server(lake, bill(millions, "csv.gz")) as port:
        for how, headers in (("", {}), (" as gzip", GZIP)):
            ours = _times(port, "/metrics", SCRAPES, headers)
            bare = _times(peer, "/metrics", PEER_SCRAPES, headers)
            for share, at in (("p50", 49), ("p99", 98)):
                yield _faster(f"/metrics{how}, {SERIES:,} series, {share}", ours[at], bare[at])
    with _server(lake, bill(millions, "csv.gz")) as port:
        yield from _cold_and_warm(port, size)
        yield from _wrk(port, size)
        yield from _health(port, size)


def _faster(what: str, ours: float, peer: float) -> Line:
    return Line(f"{what}, while collecting", 1 / ours, "scrapes/s", "prometheus_client", 1 / peer, TIMES, "least")


def _cold_and_warm(port: int, size: str) -> Iterator[Line]:
    (cold,) = _times(port, f"{SUMMARY}&force_refresh=true", 1, {})
    warm = _times(port, SUMMARY, SCRAPES, {})
    yield Line(f"/costs/summary, warm p50 beside cold, {size}", warm[49], "s", "cold", cold)


def _wrk(port: int, size: str) -> Iterator[Line]:
    """Eight clients that ask without a pause; beside one that does."""
    for path, what in (("/metrics", "/metrics"), (SUMMARY, "/costs/summary")):
        one = 1 / _times(port, path, SCRAPES, GZIP)[49]
        yield Line(f"{what} by wrk, 8 clients, {size}", _load(port, path, 8), "answers/s", "1 client", one)


def _health(port: int, size: str) -> Iterator[Line]:
    """The slowest answer of /healthz while 200 clients ask for costs."""
    load = threading.Thread(target=_load, args=(port, SUMMARY, CLIENTS))
    load.start()
    time.sleep(1)
    slowest = max(_once(port, "/healthz", {}) for _ in range(SCRAPES))
    load.join()
    what = f"/healthz beside {CLIENTS} clients, slowest of {SCRAPES}, {size}"
    yield ratio_to_limit(what, slowest, HEALTH_SECONDS, "s")


def _load(port: int, path: str, clients: int) -> float:
    """Answers per second, by wrk."""
    tool = shutil.which("wrk")
    if tool is None:
        raise RuntimeError("the benchmarks of the server need wrk: apt-get install wrk")
    command = [tool, "-t1", f"-c{clients}", f"-d{LOAD_SECONDS}s", "-H", "Accept-Encoding: gzip"]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout:
        raise AssertionError(done.stdout)
    found = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def _times(port: int, path: str, count: int, headers: dict[str, str]) -> list[float]:
    """Seconds an answer took, as the 99 that divide them into hundredths; of one alone that one."""
    seconds = [_once(port, path, headers) for _ in range(count)]
    return quantiles(seconds, n=100, method="inclusive") if count > 1 else seconds


def _once(port: int, path: str, headers: dict[str, str]) -> float:
    started = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise AssertionError(f"{path}: {answer.status}")
    return time.perf_counter() - started


@contextmanager
def _server(lake: Path, collected: Path) -> Iterator[int]:
    """`outlay serve` over a lake, collecting one more big bill, which it does not come to store."""
    from tests.servers import free_port

    port = free_port()
    settings = {
        "clouds": {"files": {"name": "again", "path": str(collected)}},
        "store": {"path": str(lake)},
        "api": {"port": port},
        "logging": {"level": "ERROR"},
        "metrics": [{"name": "bench_resources", "group_by": ["resource"], "top": SERIES, "days": 400}],
    }
    with tempfile.TemporaryDirectory(prefix="outlay-serving-") as folder:
        file = Path(folder) / "outlay.yaml"
        file.write_text(json.dumps(settings), encoding="utf-8")
        with subprocess.Popen([OUTLAY, "--config", str(file), "serve"], cwd=folder) as process:
            try:
                _wait_for(port, "/metrics")
                yield port
            finally:
                process.terminate()


@contextmanager
def _peer() -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.serving", "bare", str(SERIES)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def _wait_for(port: int, path: str) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            _once(port, path, {})
        except (OSError, AssertionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


# -- in the child ------------------------------------------------------------------------------------


def bare(series: int) -> None:
    """Serve so many series by prometheus_client, until ended."""
    from prometheus_client import CollectorRegistry, Gauge, start_http_server

    registry = CollectorRegistry()
    labels = ["provider", "source", "resource", "currency", "measure"]
    gauge: Any = Gauge("bench_resources", "Cost by resource.", labels, registry=registry)
    for number in range(series):
        gauge.labels("aws", "files", f"arn:aws:ec2:eu-west-1:1111:i-{number:012}", "USD", "billed").set(number / 7)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    thread.join()


if __name__ == "__main__":
    bare(int(sys.argv[2]))
