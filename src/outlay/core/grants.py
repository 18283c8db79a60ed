"""What a key may be made with: the same on the command line and over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from outlay.core.errors import UsageError
from outlay.core.limits import Limits, limits_of

NAME_MAX = 100  # characters

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1), "y": timedelta(days=365)}
_SECRET = re.compile(r"(outlay_[0-9a-f]{12}_)[\w-]+", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", re.ASCII)  # as RFC 3339 has it


def named(text: str, what: str = "--name") -> str:
    """What lists and logs can call a key. Raises UsageError."""
    name = text.strip()
    if not name:
        raise UsageError(f"{what} is empty")
    if len(name) > NAME_MAX or not name.isprintable():
        raise UsageError(f"{what} should have at most {NAME_MAX} characters, all of them printable")
    return name


def parsed_limits(written: Sequence[str]) -> dict[str, list[str]]:
    """The limits that are written as DIMENSION=VALUE: several values of one are alternatives. Raises UsageError."""
    found: dict[str, list[str]] = {}
    for each in written:
        dimension, equals, value = each.partition("=")
        if not equals or not value:
            raise UsageError(f"--limit {each!r} is not DIMENSION=VALUE, such as source=aws or tag:team=core")
        found.setdefault(dimension, []).append(value)
    return checked_limits(found)


def checked_limits(limits: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The same limits, each to at least one value. Raises UsageError with the choices."""
    limits_of(limits)
    if not all(values and all(values) for values in limits.values()):
        raise UsageError("each limit should name at least one value, and no empty one")
    if not all(map(_is_text, (*limits, *(each for values in limits.values() for each in values)))):
        raise UsageError("limits should be text without NUL")
    return {dimension: list(values) for dimension, values in limits.items()}


def hidden(text: str) -> str:
    """The same text; of what looks like a key in it only the id is left."""
    return _SECRET.sub(r"\1...", text)


def within(limits: Limits, others: Limits) -> bool:
    """Whether whoever has these limits sees no more than whoever has the others."""
    return all(
        any(each.dimension == other.dimension and {*each.values} <= {*other.values} for each in limits)
        for other in others
    )


def moment(text: str, now: datetime, what: str = "--expires") -> datetime:
    """When `90d`, `12h`, `8w`, `1y` from `now` is, or the end of a day (UTC). Raises UsageError."""
    try:
        if span := re.fullmatch(r"(\d{1,5})([hdwy])", text, re.ASCII):
            until = now + int(span[1]) * _UNITS[span[2]]
        else:
            until = datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise UsageError(f"{what} {text[:40]!r} is neither 90d, 12h, 8w, 1y nor a day such as 2027-01-31") from None
    return _ahead(until, now, f"{what} {text}")


def exact(text: str, now: datetime, what: str) -> datetime:
    """The moment `2027-01-31T12:00:00Z`, or with another offset. Raises UsageError."""
    try:
        until = datetime.fromisoformat(text if _MOMENT.fullmatch(text) else "").astimezone(UTC)
    except (ValueError, OverflowError):
        told = f"{what} {text[:40]!r} is no moment with its offset, such as 2027-01-31T12:00:00Z"
        raise UsageError(told) from None
    return _ahead(until, now, f"{what} {text}")


def _ahead(until: datetime, now: datetime, told: str) -> datetime:
    if until <= now:
        raise UsageError(f"{told} has passed")
    return until


def _is_text(text: str) -> bool:
    """Whether every store and every answer can hold it."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
