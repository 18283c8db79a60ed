"""What every kind of cache does: the Protocol, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Size:
    """How much is kept of one kind of entries, those past their time that are not swept yet too."""

    entries: int
    bytes: int


class Cache(Protocol):
    """Where entries are kept. Safe for many threads, and where it is shared for many processes, at once.

    A name is `<kind>/<hex digits>`, the kind in lower-case letters. An entry is found whole or not at all, by
    nobody later than its seconds after it was put (give or take the clock: the entry itself knows better), and
    may be dropped earlier. Every verb raises CacheError when the cache cannot be used.
    """

    @property
    def place(self) -> str:
        """Where it is, for people: without secrets."""

    def get(self, name: str) -> bytes | None:
        """The entry of this name."""

    def put(self, name: str, entry: bytes, seconds: float) -> None:
        """Keep an entry for so long, in the place of one that is there."""

    def drop(self, name: str) -> None:
        """Keep nothing under this name."""

    def clear(self, kind: str | None = None) -> int:
        """Drop all entries, or those of one kind; how many."""

    def sizes(self) -> dict[str, Size]:
        """How much is kept, by kind."""
