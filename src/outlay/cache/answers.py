"""Answers of providers, kept for a while: what was asked a moment ago is not paid for again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pydantic import BaseModel

from outlay.cache.identity import fingerprint, secrets_of
from outlay.core.errors import OutlayError
from outlay.core.ports import Booked, Covering

if TYPE_CHECKING:
    from outlay.cache.guard import Guarded
    from outlay.core.ports import Ledger, Source

KIND = "answers"


@runtime_checkable
class Identified(Protocol):
    """A source that can tell as whom it asks, without asking anybody."""

    def asks_as(self) -> str | None:
        """A text that is another one for other credentials, and not secret; None where nobody can tell."""


@dataclass(frozen=True, slots=True)
class Answers:
    """How answers of providers are kept.

    `cache`    where; None keeps them only as the ledger does, until their span is stored
    `seconds`  how long, for each kind of source
    `fresh`    goes round all answers of before (`force_refresh`); what is got now is kept for others
    """

    cache: Guarded | None = None
    seconds: Callable[[str], float] = lambda _: 0.0
    fresh: bool = False

    def booked(self, source: Source, ledger: Ledger) -> Source:
        """The source, which books what it does with `ledger` and looks for answers here, if it can."""
        if not isinstance(source, Booked):
            return source
        if self.cache is None and not self.fresh:
            return source.with_ledger(ledger)
        found = source.with_ledger(self.before(ledger, source, lambda: _account(found)))
        return found

    def before(self, ledger: Ledger, source: Source, account: Callable[[], str | None]) -> CachedLedger:
        """The ledger to give to `source`, in front of its own.

        `account` tells, once the source asks for its first answer, as which account it asks, where that is known.
        """
        return CachedLedger(self, ledger, source, account)


class CachedLedger:
    """A ledger that looks for answers in a cache where its own has none; see ports.Ledger.

    An answer is found only by who asks for the same with the same settings, the same secrets and as the same
    account. Of a source with neither secrets in its settings nor an account that is known nobody can tell as whom
    it asks, and its answers are not kept here.
    """

    def __init__(
        self, answers: Answers, ledger: Ledger, source: Source, account: Callable[[], str | None] = lambda: None
    ) -> None:
        self._answers, self._ledger, self._source, self._account = answers, ledger, source, account
        self._seconds = answers.seconds(kind_of(source))
        self._got: set[str] = set()  # by this ledger, so that it is no answer of before

    @property
    def settled(self) -> frozenset[date]:
        """The days that the provider will not change any more."""
        return self._ledger.settled

    def pay(self, operation: str, usd: Decimal, account: str = "") -> None:
        """Book one call."""
        self._ledger.pay(operation, usd, account)

    def settle(self, days: Iterable[date]) -> None:
        """These days are final."""
        self._ledger.settle(days)

    def kept(self, key: str) -> bytes | None:
        """The answer, byte for byte as it was got: by an attempt that failed later on, else in the last seconds."""
        if self._answers.fresh and key not in self._got:
            return None
        found = self._ledger.kept(key)
        if found is not None:  # one that is empty says: forget what was kept, and it counts in the cache too
            return found
        cache = self._answers.cache
        return cache.get(KIND, self._key(key), self._seconds) if cache and self._identity else None

    def keep(self, key: str, answer: bytes, *, briefly: bool = False) -> None:
        """Keep an answer for a while and, unless `briefly`, for another attempt; an empty one takes it back."""
        self._got.add(key)
        self._ledger.keep(key, answer, briefly=briefly)
        cache = self._answers.cache
        if not cache or not self._identity:
            return
        if answer:
            cache.put(KIND, self._key(key), answer, self._seconds)
        else:
            cache.drop(KIND, self._key(key))

    def _key(self, key: str) -> str:
        return f"{self._identity} {key}"

    @cached_property
    def _identity(self) -> str | None:
        source, account = self._source, self._account()
        if not isinstance(source, BaseModel) or not (account or any(secrets_of(source.model_dump()))):
            return None
        return fingerprint(source, account or "")


def _account(source: Source) -> str | None:
    """The account that a source asks as, where it can tell."""
    if isinstance(source, Identified):
        return source.asks_as()
    try:
        told = source.covers() if isinstance(source, Covering) else None
    except OutlayError:  # whoever collects it is told
        return None
    return told.account if told else None


def kind_of(source: Source) -> str:
    """The kind of a source: the name it has when it is given none, such as `aws`."""
    field = getattr(type(source), "model_fields", {}).get("name")
    return str(field.default) if field is not None else source.name
