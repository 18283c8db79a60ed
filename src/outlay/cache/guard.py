"""Guarded: the wall around a cache. One that is down slows but never breaks: what fails is a miss, told and counted."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal, TypeVar

from outlay.cache.entry import pack, unpack
from outlay.cache.errors import CacheError, DamagedError

if TYPE_CHECKING:
    from outlay.cache.port import Cache

log = logging.getLogger(__name__)

Result = Literal["hit", "miss", "error"]
T = TypeVar("T")

VALUE_BYTES_MAX = 16 * 2**20
TOLD_SECONDS = 60.0  # between two lines in the log
REST_SECONDS = 1.0  # after a fault
REST_TIMES = 20  # a slow fault is rested from for so many times as long as it took: it costs a twentieth of the time


class Counts:
    """How often a cache was asked for entries of each kind, and what came of it, since the process started."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Result]] = Counter()
        self._lock = threading.Lock()

    def add(self, kind: str, result: Result) -> None:
        """Count one."""
        with self._lock:
            for each in ("hit", "miss", "error"):
                self._counts[kind, each] += each == result

    def read(self) -> dict[tuple[str, Result], int]:
        """By kind and result, sorted. A get is a hit or a miss; an error is a fault of any verb, beside the miss."""
        with self._lock:
            return dict(sorted(self._counts.items()))


class Guarded:
    """A cache that answers or does not, and never raises. Safe for many threads.

    Keys are any text: only a hash of them is kept. After a fault the verb that failed rests for a while, during
    which it does nothing, so that a server that hangs is not waited for by every question.
    """

    def __init__(self, cache: Cache, name: str, clock: Callable[[], float] = time.time) -> None:
        """`name`: the kind of cache, for metrics. `clock`: seconds since 1970."""
        self.cache, self.name, self.counts = cache, name, Counts()
        self._clock = clock
        self._rests: dict[str, float] = {}  # by verb, until when
        self._told_at: float | None = None
        self._lock = threading.Lock()

    def get(self, kind: str, key: str, seconds: float) -> bytes | None:
        """The value that was put under this key in the last `seconds`, as it was put; 0 asks for nothing."""
        name = _name(kind, key)
        if seconds <= 0:
            return None

        def value() -> bytes | None:
            if (entry := self.cache.get(name)) is None:
                return None
            try:
                return unpack(name, entry, self._clock(), seconds)
            except DamagedError:
                self.cache.drop(name)
                raise

        found = self._tried("get", kind, value)
        self.counts.add(kind, "miss" if found is None else "hit")
        return found

    def put(self, kind: str, key: str, value: bytes, seconds: float) -> None:
        """Keep a value for so long, if it is not too large."""
        name = _name(kind, key)
        if len(value) > VALUE_BYTES_MAX:
            self.drop(kind, key)  # or an older value would be found
        elif seconds > 0:
            entry = pack(name, value, self._clock(), seconds)
            self._tried("put", kind, lambda: self.cache.put(name, entry, seconds))

    def drop(self, kind: str, key: str) -> None:
        """Keep nothing under this key."""
        self._tried("drop", kind, lambda: self.cache.drop(_name(kind, key)))

    def failed(self, kind: str, reason: str) -> None:
        """Count a fault, and tell of it unless one was told a moment ago."""
        self.counts.add(kind, "error")
        now = time.monotonic()
        with self._lock:
            if self._told_at is not None and now - self._told_at < TOLD_SECONDS:
                return
            self._told_at = now
        log.warning("answers come without the cache: %s", reason)

    def _tried(self, verb: str, kind: str, work: Callable[[], T]) -> T | None:
        """What `work` returns; None when it fails, and while it rests."""
        started = time.monotonic()
        if not self._may(verb, started):
            return None
        try:
            found = work()
        except Exception as error:  # whatever it is, the answer is to be had without
            self.failed(kind, str(error) if isinstance(error, CacheError) else f"unexpected {type(error).__name__}")
            if not isinstance(error, DamagedError):
                ended = time.monotonic()
                self._rests[verb] = ended + max(REST_SECONDS, REST_TIMES * (ended - started))
            return None
        self._rests.pop(verb, None)
        return found

    def _may(self, verb: str, now: float) -> bool:
        """Whether it is not at rest; when its rest is over one caller tries, and others rest on until it is known."""
        with self._lock:
            until = self._rests.get(verb)
            if until is None:
                return True
            if now < until:
                return False
            self._rests[verb] = now + REST_SECONDS
            return True


def _name(kind: str, key: str) -> str:
    return f"{kind}/{blake2b(key.encode(), digest_size=20).hexdigest()}"
