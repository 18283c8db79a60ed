"""Trying once more: what passes in seconds is waited for here; what takes minutes is tried again by who sends."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep

from outlay.core.errors import NotifyError

WAIT_SECONDS = 1.0
WAIT_SECONDS_MAX = 10.0  # longer than that, others would be told late


class PassingError(NotifyError):
    """A fault that may be over in a moment; `wait` is how many seconds the other side asks for."""

    def __init__(self, told: str, wait: float | None = None) -> None:
        super().__init__(told)
        self.wait = WAIT_SECONDS if wait is None else wait


def twice(attempt: Callable[[], None]) -> None:
    """Make an attempt, and one more after a fault that may have passed. Raises NotifyError."""
    try:
        attempt()
    except PassingError as fault:
        if fault.wait > WAIT_SECONDS_MAX:
            raise
        sleep(fault.wait)
        attempt()
