from __future__ import annotations

import logging
from dataclasses import dataclass, field

import pytest

from outlay.cache import Cache, CacheError, Guarded, Size
from outlay.cache.guard import REST_SECONDS, REST_TIMES, TOLD_SECONDS, VALUE_BYTES_MAX
from outlay.cache.memory import Memory
from tests.cache.conftest import MIB, Clock


@dataclass
class Failing:
    """A cache whose verbs fail, each after a while of `takes` seconds on the clock."""

    ticks: Clock
    takes: float = 0.0
    error: Exception | None = field(default_factory=lambda: CacheError("it is down"))
    tried: list[str] = field(default_factory=list)
    place: str = "nowhere"

    def _fail(self, verb: str) -> None:
        self.tried.append(verb)
        self.ticks.now += self.takes
        if self.error is not None:
            raise self.error

    def get(self, name: str) -> bytes | None:
        self._fail("get")
        return None

    def put(self, name: str, entry: bytes, seconds: float) -> None:
        self._fail("put")

    def drop(self, name: str) -> None:
        self._fail("drop")

    def clear(self, kind: str | None = None) -> int:
        raise AssertionError(kind)

    def sizes(self) -> dict[str, Size]:
        raise AssertionError


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which the guard rests."""
    clock = Clock(1000.0)
    monkeypatch.setattr("outlay.cache.guard.time.monotonic", clock)
    return clock


def test_counts() -> None:
    guarded = Guarded(Memory(MIB), "memory")
    guarded.put("answers", "a", b"x", 60)
    for key in "aab":
        guarded.get("answers", key, 60)
    guarded.get("queries", "a", 60)
    assert guarded.counts.read() == {
        ("answers", "error"): 0,
        ("answers", "hit"): 2,
        ("answers", "miss"): 1,
        ("queries", "error"): 0,
        ("queries", "hit"): 0,
        ("queries", "miss"): 1,
    }


@pytest.mark.parametrize("takes", [0.0, 0.5])
def test_a_verb_that_failed_rests(ticks: Clock, takes: float) -> None:
    failing = Failing(ticks, takes)
    guarded = Guarded(failing, "any")
    rest = max(REST_SECONDS, REST_TIMES * takes)

    guarded.get("queries", "a", 60)
    ticks.now += rest - 0.1
    guarded.get("queries", "a", 60)
    guarded.put("queries", "a", b"x", 60)
    assert failing.tried == ["get", "put"]
    ticks.now += 0.1
    failing.error = None
    guarded.get("queries", "a", 60)
    guarded.get("queries", "a", 60)
    assert failing.tried == ["get", "put", "get", "get"]
    assert guarded.counts.read()["queries", "error"] == 2


def test_after_a_rest_one_tries_and_the_others_wait(ticks: Clock) -> None:
    failing = Failing(ticks)
    guarded = Guarded(failing, "any")
    guarded.get("queries", "a", 60)
    ticks.now += REST_SECONDS
    assert guarded._may("get", ticks.now)
    assert not guarded._may("get", ticks.now)


def test_it_is_told_once_a_minute(ticks: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    guarded = Guarded(Failing(ticks), "any")
    for _ in range(int(TOLD_SECONDS) // 2):
        guarded.get("queries", "a", 60)
        ticks.now += 2
    assert [record.message for record in caplog.records] == ["answers come without the cache: it is down"]
    guarded.get("queries", "a", 60)
    assert len(caplog.records) == 2
    assert guarded.counts.read()["queries", "error"] == 31


def test_of_an_error_that_nobody_foresaw_only_the_kind_is_told(ticks: Clock, caplog: pytest.LogCaptureFixture) -> None:
    guarded = Guarded(Failing(ticks, error=KeyError("a secret")), "any")
    assert guarded.get("queries", "a", 60) is None
    assert caplog.messages == ["answers come without the cache: unexpected KeyError"]


def test_what_is_too_large_is_not_kept_nor_what_it_takes_the_place_of() -> None:
    guarded = Guarded(Memory(64 * MIB), "memory")
    guarded.put("queries", "a", b"x", 60)
    guarded.put("queries", "a", b"x" * (VALUE_BYTES_MAX + 1), 60)
    assert guarded.get("queries", "a", 60) is None
    guarded.put("queries", "a", b"x" * VALUE_BYTES_MAX, 60)
    assert guarded.get("queries", "a", 60) is not None


def test_no_seconds_ask_for_nothing(ticks: Clock) -> None:
    failing = Failing(ticks)
    guarded = Guarded(failing, "any")
    guarded.put("queries", "a", b"x", 0)
    assert guarded.get("queries", "a", 0) is None
    assert (failing.tried, guarded.counts.read()) == ([], {})


def test_keys_are_not_kept_as_they_are(cache: Cache) -> None:
    guarded = Guarded(cache, "any")
    guarded.put("queries", "a key with a secret", b"x", 60)
    assert guarded.get("queries", "a key with a secret", 60) == b"x"
    assert guarded.get("queries", "a key with another", 60) is None
    assert "secret" not in repr(vars(cache))
