"""Limits: which money somebody may see, as the filters that every question of his gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from outlay.core.errors import OutlayError, UsageError, choices
from outlay.core.query import ALIASES, TAG, Filter

Limits = tuple[Filter, ...]
EVERYTHING: Limits = ()

LIMITABLE = ("source", "account", "tag:<key>")


class LimitedError(OutlayError):
    """Something that cannot be told to somebody who may see some money only."""

    code = "limited"
    status = 403


def limits_of(allowed: Mapping[str, Iterable[str]]) -> Limits:
    """The limits to these values of each dimension: `source`, `account` or `tag:<key>`.

    Of one dimension any value will do, and all dimensions have to hold. One without values lets nothing through, and
    so does an empty value, which would stand for charges without one. Raises UsageError with the choices.
    """
    return tuple(Filter(_dimension(name), tuple(filter(None, values))) for name, values in allowed.items())


def told_sources(limits: Limits) -> frozenset[str] | None:
    """The sources whose state may be told; None for all. Of limits by account or tag alone it is none."""
    if not limits:
        return None
    named = [frozenset(filter(None, each.values)) for each in limits if each.dimension == "source"]
    return frozenset.intersection(*named) if named else frozenset()


def limited_by_source(limits: Limits) -> bool:
    """Whether it takes no more than the source to know what may be seen."""
    return all(each.dimension == "source" for each in limits)


def digest(limits: Limits) -> str:
    """A text that is another one for other limits, and does not tell them."""
    return blake2b(repr(limits).encode(), digest_size=12).hexdigest()


def _dimension(word: str) -> str:
    name = ALIASES.get(word, word)
    if name in ("source", "sub_account") or (name.startswith(TAG) and len(name) > len(TAG)):
        return name
    raise UsageError(choices("limit", word, [*LIMITABLE]))
