"""Tally: a ledger in memory, for a source that is tried, priced or tested rather than collected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from decimal import Decimal


class Tally:
    """Counts calls and forgets them with itself; see ports.Ledger."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()  # by account and operation
        self.usd = Decimal(0)
        self._settled: set[date] = set()
        self._answers: dict[str, bytes] = {}

    @property
    def settled(self) -> frozenset[date]:
        """The days told to be final."""
        return frozenset(self._settled)

    def pay(self, operation: str, usd: Decimal, account: str = "") -> None:
        """Count one call."""
        self.calls[account, operation] += 1
        self.usd += usd

    def settle(self, days: Iterable[date]) -> None:
        """Remember final days."""
        self._settled.update(days)

    def kept(self, key: str) -> bytes | None:
        """The answer kept under this key."""
        return self._answers.get(key)

    def keep(self, key: str, answer: bytes, *, briefly: bool = False) -> None:
        """Keep a paid answer."""
        if not briefly:
            self._answers[key] = answer
