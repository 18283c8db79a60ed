"""Who asks: what he is called, what he may, and which money he may see."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from outlay.core.access import Scope
from outlay.core.limits import EVERYTHING, Limits


@dataclass(frozen=True, slots=True)
class Asker:
    """Whoever sent the request that is being answered."""

    name: str
    scope: Scope
    limits: Limits = EVERYTHING


ASKER: ContextVar[Asker] = ContextVar("asker")


def asker() -> Asker:
    """Who asks, in a request that came through Access. Elsewhere a LookupError: better than everything to anybody."""
    return ASKER.get()


def limits() -> Limits:
    """The limits of who asks."""
    return asker().limits
