"""The life of an alert: fired once, escalated once, resolved once, repeated now and then. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

RANKS: Mapping[str | None, int] = {None: 0, "warning": 1, "critical": 2}


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert that stands, and the worst that people were told of it, when last, and whether one took it on."""

    told: str | None = None
    told_at: datetime | None = None
    acked: bool = False


class Step(StrEnum):
    """What becomes of an alert. People are told of the first four."""

    FIRE = "fire"
    ESCALATE = "escalate"
    REPEAT = "repeat"
    RESOLVE = "resolve"
    HOLD = "hold"  # it stands, and nothing is told
    CLOSE = "close"  # it is over, and nobody was told or is to be
    NONE = "none"

    @property
    def tells(self) -> bool:
        return self in {Step.FIRE, Step.ESCALATE, Step.REPEAT, Step.RESOLVE}


def step(
    standing: Standing | None, severity: str | None, now: datetime, repeat: timedelta, *, silenced: bool = False
) -> Step:
    """What becomes of an alert that is now this bad (None: not at all). `repeat` 0: never again.

    The worst that was told counts: what goes down to a warning and up again is not told twice. Who took it on is
    not reminded. What was silenced is told once it is not any more, if it still stands.
    """
    if severity is None:
        if standing is None:
            return Step.NONE
        return Step.RESOLVE if standing.told and not silenced else Step.CLOSE
    if silenced:
        return Step.HOLD
    if standing is None or standing.told is None:
        return Step.FIRE
    if RANKS[severity] > RANKS[standing.told]:
        return Step.ESCALATE
    return Step.REPEAT if _is_due(standing, now, repeat) else Step.HOLD


def _is_due(standing: Standing, now: datetime, repeat: timedelta) -> bool:
    if standing.acked or standing.told_at is None or not repeat:
        return False
    return now - standing.told_at >= repeat
