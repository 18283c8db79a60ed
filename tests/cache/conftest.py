"""Each kind of cache, empty, and a clock that a test moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from outlay.cache import Cache
from outlay.cache.disk import Disk
from outlay.cache.memory import Memory
from outlay.cache.redis import Redis
from tests.servers_redis import RedisServer, redis_server

MIB = 2**20
DAY = 86400.0
AA, BB, CC = (f"answers/{letter * 40}" for letter in "abc")
QUERY = f"queries/{'d' * 40}"


@dataclass
class Clock:
    """Seconds since 1970, as a test has them."""

    now: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def server() -> Iterator[RedisServer]:
    """A Redis that tests share, so that none of them kills it."""
    with redis_server() as started:
        yield started


@pytest.fixture(scope="module", params=["memory", "disk", "redis"])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """Each kind of cache."""
    if request.param == "memory":
        return Memory(MIB)
    if request.param == "disk":
        return Disk(tmp_path_factory.mktemp("disk"), MIB, DAY)
    started: RedisServer = request.getfixturevalue("server")
    return Redis(started.url, 0.5)


@pytest.fixture
def cache(kept: Cache) -> Cache:
    """Each kind of cache, empty."""
    kept.clear()
    return kept
