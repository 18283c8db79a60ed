"""A PostgreSQL server for tests: made in a folder of its own, on a free port of 127.0.0.1, stopped at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg

from tests.servers import free_port

_SERVERS = Path("/usr/lib/postgresql")
_USER = "postgres"
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # nobody needs these tables after a power cut
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, its superuser `postgres`, whom it believes without a password."""

    port: int
    folder: Path
    binaries: Path

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases."""
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of a database that was not there before, and is empty."""
        name = f"outlay_{uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def control(self, *arguments: str) -> None:
        """Run pg_ctl, such as `restart -m fast`."""
        options = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
        options += f" -c port={self.port} -c unix_socket_directories={self.folder}"
        where = ["-D", str(self.folder / "data"), "-l", str(self.folder / "log")]
        _run([str(self.binaries / "pg_ctl"), *where, "-w", "-o", options, *arguments])


@contextmanager
def postgres_server() -> Iterator[Server]:
    """A server with nothing in it. Raises RuntimeError when PostgreSQL is not installed."""
    folder = Path(tempfile.mkdtemp(prefix="outlay-postgres-"))
    try:
        if os.geteuid() == 0:  # whom PostgreSQL does not run as
            account = pwd.getpwnam(_USER)
            os.chown(folder, account.pw_uid, account.pw_gid)
        server = Server(free_port(), folder, _binaries())
        initdb = [str(server.binaries / "initdb"), "-D", str(folder / "data"), "-U", _USER, "-A", "trust", "--no-sync"]
        _run([*initdb, "-E", "UTF8", "--locale=C.UTF-8"])
        server.control("start")
        try:
            yield server
        finally:
            server.control("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    """The newest of Debian's servers."""
    found = sorted(_SERVERS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise RuntimeError(f"no PostgreSQL server in {_SERVERS}: apt-get install postgresql")
    return found[-1].parent


def _run(command: Sequence[str]) -> None:
    as_user = ["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []
    # Not to a pipe: the server would keep it open.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run([*as_user, *command], stdout=said, stderr=said, cwd="/", check=False)
        if done.returncode:
            said.seek(0)
            raise RuntimeError(f"{Path(command[0]).name} failed: {said.read()}")
