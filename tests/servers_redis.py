"""A real Redis server for tests, on 127.0.0.1, with a password, stopped at the end of its `with`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import redis

from tests.servers import free_port

PASSWORD = "open:sesame/and+more"
QUOTED = "open%3Asesame%2Fand%2Bmore"
START_SECONDS_MAX = 20
STARTS = 5  # a port that was free may be taken by the time the server wants it


class RedisServer:
    """One server, which can be killed, started again on its port, and stopped from answering."""

    def __init__(self) -> None:
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        for _ in range(STARTS):
            self.port = self.port or free_port()
            if self.start():
                return
            self.port = 0
        raise RuntimeError("redis-server does not start")

    @property
    def url(self) -> str:
        """Its URL, with its password."""
        return f"redis://:{QUOTED}@127.0.0.1:{self.port}/0"

    def client(self) -> Any:
        """A client beside the cache's own."""
        return redis.Redis(port=self.port, password=PASSWORD)

    def start(self) -> bool:
        """Start it, empty; whether it listens."""
        program = shutil.which("redis-server")
        if program is None:
            raise RuntimeError("redis-server is missing: apt-get install --no-install-recommends redis-server")
        options = {"port": self.port, "bind": "127.0.0.1", "requirepass": PASSWORD, "save": "", "appendonly": "no"}
        command = [program, *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd="/")
        ends = time.monotonic() + START_SECONDS_MAX
        while self._process.poll() is None and time.monotonic() < ends:
            with suppress(redis.ConnectionError), self.client() as client:
                client.ping()
                return True
            time.sleep(0.01)
        self.kill()
        return False

    def kill(self) -> None:
        """End it at once, as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections, as its kernel does, and answers nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self.kill()


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A server of its own for a test."""
    server = RedisServer()
    try:
        yield server
    finally:
        server.close()
