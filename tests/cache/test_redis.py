"""The cache in Redis against a real server: its times, its password, and how it fails."""

from __future__ import annotations

import logging
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from outlay.cache import CacheError, Guarded
from outlay.cache.redis import Redis
from tests.cache.conftest import AA, QUERY
from tests.servers_redis import PASSWORD, QUOTED, RedisServer, redis_server

TIMEOUT = 0.5


@pytest.fixture(autouse=True)
def _empty(server: RedisServer) -> None:
    with server.client() as client:
        client.flushall()


def test_the_server_is_told_when_an_entry_ends(server: RedisServer) -> None:
    cache = Redis(server.url, TIMEOUT)
    cache.put(AA, b"x", 7.5)
    cache.put(QUERY, b"x", 0.05)
    with server.client() as client:
        assert 7000 < client.pttl(f"outlay-cache:1:{AA}") <= 7500
    time.sleep(0.1)
    assert cache.get(QUERY) is None
    assert cache.sizes()["answers"].entries == 1


def test_nothing_of_others_is_cleared(server: RedisServer) -> None:
    cache = Redis(server.url, TIMEOUT)
    with server.client() as client:
        client.set("session:answers/ab", b"theirs")
        client.set("outlay-cache:0:answers/ab", b"of another format")
        for number in range(2500):
            cache.put(f"answers/{number:040x}", b"x", 60)
        assert cache.sizes()["answers"].entries == 2500
        assert cache.clear() == 2501
        assert client.get("session:answers/ab") == b"theirs"
        assert client.delete("session:answers/ab") == 1


@pytest.mark.parametrize(
    ("user", "said"),
    [
        (":wrong-secret@", "invalid username-password pair"),
        ("somebody:wrong-secret@", "invalid username-password pair"),
        ("", "Authentication required"),
    ],
)
def test_a_wrong_password_is_told_without_it(
    server: RedisServer, user: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache = Redis(f"redis://{user}127.0.0.1:{server.port}/0", TIMEOUT)
    with pytest.raises(CacheError, match=said) as error:
        cache.get(AA)
    assert str(error.value).startswith(f"the cache at redis://127.0.0.1:{server.port}/0 does not work: ")

    guarded = Guarded(cache, "redis")
    guarded.put("queries", "key", b"x", 60)
    assert guarded.get("queries", "key", 60) is None
    assert "wrong-secret" not in caplog.text + repr(cache) + str(error.value)
    assert guarded.counts.read()["queries", "error"] == 2


def test_a_server_killed_amid_its_work_and_back_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with redis_server() as server:
        guarded = Guarded(Redis(server.url, TIMEOUT), "redis")
        guarded.put("queries", "key", b"x", 60)
        assert guarded.get("queries", "key", 60) == b"x"

        server.kill()
        started = time.monotonic()
        assert [guarded.get("queries", "key", 60) for _ in range(1000)] == [None] * 1000
        guarded.put("queries", "key", b"x", 60)
        assert time.monotonic() - started < TIMEOUT
        assert len(caplog.records) == 1
        assert guarded.counts.read()["queries", "error"] <= 3

        assert server.start()
        time.sleep(1.1)  # as long as the cache rests
        assert guarded.get("queries", "key", 60) is None
        guarded.put("queries", "key", b"y", 60)
        assert guarded.get("queries", "key", 60) == b"y"


def test_a_server_started_anew_is_not_a_fault() -> None:
    with redis_server() as server:
        guarded = Guarded(Redis(server.url, TIMEOUT), "redis")
        guarded.put("queries", "key", b"x", 60)
        server.kill()
        assert server.start()
        guarded.put("queries", "key", b"y", 60)
        assert guarded.get("queries", "key", 60) == b"y"
        assert guarded.counts.read()["queries", "error"] == 0


def test_a_server_that_hangs_is_waited_for_once(caplog: pytest.LogCaptureFixture) -> None:
    with redis_server() as server:
        guarded = Guarded(Redis(server.url, TIMEOUT), "redis")
        guarded.put("queries", "key", b"x", 60)
        with server.hanging(), ThreadPoolExecutor(4) as pool:
            started = time.monotonic()
            assert guarded.get("queries", "key", 60) is None
            assert TIMEOUT <= time.monotonic() - started < TIMEOUT + 0.4
            found = pool.map(lambda _: guarded.get("queries", "key", 60), range(100))
            assert [*found] == [None] * 100
            assert time.monotonic() - started < TIMEOUT + 0.8
        assert guarded.counts.read() == {("queries", "error"): 1, ("queries", "hit"): 0, ("queries", "miss"): 101}
        assert "Timeout" in caplog.text


def test_a_server_that_takes_no_connection_is_given_up_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # the kernel connects, nobody answers
        cache = Redis(f"redis://:{QUOTED}@127.0.0.1:{silent.getsockname()[1]}/0", TIMEOUT)
        started = time.monotonic()
        with pytest.raises(CacheError, match="Timeout"):
            cache.get(AA)
        assert time.monotonic() - started < TIMEOUT + 0.4


def test_a_server_without_room_is_a_fault_of_the_put_alone(server: RedisServer) -> None:
    guarded = Guarded(Redis(server.url, TIMEOUT), "redis")
    guarded.put("queries", "before", b"x", 60)
    with server.client() as client:
        client.config_set("maxmemory", 1)
        try:
            guarded.put("queries", "key", b"x" * 1000, 60)
        finally:
            client.config_set("maxmemory", 0)
    assert guarded.get("queries", "before", 60) == b"x"
    assert guarded.counts.read()["queries", "error"] == 1


@pytest.mark.parametrize(
    "url", ["redis://h:x", "http://h", f"redis://:{PASSWORD}@h", "redis://h?nonsense=1", "redis://:secret@h:99999999"]
)
def test_no_url(url: str) -> None:
    with pytest.raises(CacheError, match=r"cache\.redis_url is no URL such as") as error:
        Redis(url, TIMEOUT)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://user:secret@h:7000/3?db=4", "redis://h:7000/3"),
        ("rediss://:secret@[::1]/0", "rediss://[::1]/0"),
        ("unix://:secret@/run/redis.sock?db=1", "unix:///run/redis.sock"),
    ],
)
def test_its_place_is_without_secrets(url: str, place: str) -> None:
    assert Redis(url, TIMEOUT).place == place


def test_the_server_for_tests_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(RuntimeError, match="redis-server is missing: apt-get install"), redis_server():
        pass
