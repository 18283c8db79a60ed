"""A test that asks for `url` or `state` runs on SQLite and on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from outlay.state import State
from tests.servers_postgres import Server, postgres_server

ENGINES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with postgres_server() as found:
        yield found


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a state that is not there yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/folder/state.db"
    server: Server = request.getfixturevalue("server")
    return server.new_database()


@pytest.fixture
def state(url: str) -> Iterator[State]:
    with closing(State(url)) as found:
        yield found
