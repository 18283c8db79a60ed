"""What stands in for a provider: a server on 127.0.0.1 that the official client, or ours, talks to over a real wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Charge:
    """What a provider bills, said without its words. `category` is FOCUS's: Usage, Credit, Adjustment or Tax."""

    day: date
    service: str
    region: str
    amount: Decimal
    category: str = "Usage"


class Cloud(Protocol):
    """One running provider. Its currency is USD."""

    @property
    def plugin(self) -> str:
        """The source that reads it."""

    @property
    def url(self) -> str:
        """Where it listens: what a proxy that injects faults stands in front of."""

    def give(self, charges: Sequence[Charge]) -> None:
        """Make these all that it ever billed, as bills, exports or answers of its kind; empty months are such too."""

    def settings(self, url: str | None = None) -> Mapping[str, Any]:
        """The source's block of outlay.yaml that reads it, by another address if one is given (the proxy's)."""

    def close(self) -> None:
        """Stop it."""
