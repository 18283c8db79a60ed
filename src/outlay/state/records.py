"""What the state tells: runs, restatements, how fresh sources are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt to refresh a span of a source.

    `totals`      billed, per currency
    `paid_calls`  calls that cost something
    `error`       what went wrong, None when done; `code` is its kind: auth, bill, spend-cap, ...
    `note`        what a person should know though nothing failed
    """

    source: str
    span: str
    started_at: datetime
    seconds: float
    rows: int = 0
    totals: dict[str, Decimal] = field(default_factory=dict)
    unchanged: bool = False
    paid_calls: int = 0
    error: str | None = None
    code: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Restatement:
    """One day of one source whose billed cost is not what was believed before (None: nothing yet)."""

    observed_at: datetime
    source: str
    day: date
    currency: str
    before: Decimal | None
    after: Decimal


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old what we know of a source is. Stale: its last attempt failed and older data is shown."""

    source: str
    last_success: datetime | None
    last_attempt: datetime
    seconds: float
    error: str | None
    code: str | None = None

    @property
    def stale(self) -> bool:
        return self.error is not None
