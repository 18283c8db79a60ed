"""Moments as every JSON has them."""

from __future__ import annotations

from datetime import datetime
from typing import overload


@overload
def iso(moment: datetime) -> str: ...


@overload
def iso(moment: datetime | None) -> str | None: ...


def iso(moment: datetime | None) -> str | None:
    """A moment to the second, with its offset: 2026-10-06T06:00:00+00:00. None stays None."""
    return None if moment is None else moment.isoformat(timespec="seconds")
