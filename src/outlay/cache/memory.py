"""A cache in the memory of this process: fast, and gone with it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, defaultdict

from outlay.cache.port import Size

OVERHEAD_BYTES = 300  # what an entry takes beside its own bytes


class Memory:
    """Entries in a mapping of at most `bytes_max`; what was not asked for longest goes first."""

    place = "this process's memory"

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> bytes | None:
        """The entry, which is now the one last asked for."""
        with self._lock:
            entry, until = self._entries.get(name, (None, 0.0))
            if entry is None:
                return None
            if time.monotonic() >= until:
                self._forget(name)
                return None
            self._entries.move_to_end(name)
            return entry

    def put(self, name: str, entry: bytes, seconds: float) -> None:
        """Keep an entry, unless it alone is too large."""
        with self._lock:
            self._forget(name)
            if _bytes(entry) > self._bytes_max:
                return
            self._entries[name] = entry, time.monotonic() + seconds
            self._bytes += _bytes(entry)
            while self._bytes > self._bytes_max:
                self._forget(next(iter(self._entries)))

    def drop(self, name: str) -> None:
        """Keep nothing under this name."""
        with self._lock:
            self._forget(name)

    def clear(self, kind: str | None = None) -> int:
        """Drop all entries, or those of one kind; how many."""
        with self._lock:
            names = [name for name in self._entries if kind is None or _kind(name) == kind]
            for name in names:
                self._forget(name)
            return len(names)

    def sizes(self) -> dict[str, Size]:
        """How much is kept, by kind."""
        found: dict[str, list[int]] = defaultdict(list)
        with self._lock:
            for name, (entry, _) in self._entries.items():
                found[_kind(name)].append(_bytes(entry))
        return {kind: Size(len(each), sum(each)) for kind, each in sorted(found.items())}

    def _forget(self, name: str) -> None:
        if (found := self._entries.pop(name, None)) is not None:
            self._bytes -= _bytes(found[0])


def _bytes(entry: bytes) -> int:
    return len(entry) + OVERHEAD_BYTES


def _kind(name: str) -> str:
    return name.partition("/")[0]
