"""Servers that the tests of several files share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers_postgres import Server, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with postgres_server() as server:
        yield server
