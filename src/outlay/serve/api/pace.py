"""Pace: what costs more than usual is done at most once in a while."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from starlette.exceptions import HTTPException

KEYS_MAX = 10_000


class Pace:
    """Lets each key through once in so many seconds. Safe for many threads."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        """0 seconds: always."""
        self._seconds, self._clock = seconds, clock
        self._last: OrderedDict[str, float] = OrderedDict()  # oldest first
        self._lock = threading.Lock()

    def enter(self, key: str, what: str) -> None:
        """Raise HTTPException (429, with Retry-After) if the key was let through too short a time ago."""
        if self._seconds <= 0:
            return
        with self._lock:
            now = self._clock()
            while self._last and now - next(iter(self._last.values())) >= self._seconds:
                self._last.popitem(last=False)
            if (last := self._last.get(key)) is not None:
                wait = max(1, math.ceil(self._seconds - (now - last)))
                told = f"{what} was refreshed a moment ago; ask again in {wait} s, or without force_refresh"
                raise HTTPException(429, told, {"Retry-After": str(wait)})
            self._last[key] = now
            if len(self._last) > KEYS_MAX:
                self._last.popitem(last=False)
