"""Asking AWS page by page: each booked before it is asked for, checked, kept, and never without end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from outlay.core.errors import SourceError, UnreachableError
from outlay.core.ledger import Tally
from outlay.sources._aws import Access, code_of
from outlay.sources.aws.questions import key_of

if TYPE_CHECKING:
    from outlay.core.ports import Ledger

T = TypeVar("T")

USD_PER_PAGE = Decimal("0.01")
FREE = Decimal(0)
# What AWS says of a page token that is none of its own any more.
STALE = frozenset({"InvalidNextTokenException", "RequestChangedException"})


class Unkept(Tally):
    """The ledger of a source that was given none: it counts calls, and remembers neither answers nor days."""

    def settle(self, days: Iterable[date]) -> None:
        """Nobody stores what is fetched: no day is final."""

    def keep(self, key: str, answer: bytes, *, briefly: bool = False) -> None:
        """Nobody says when it is stored: it would be answered for ever."""


class Operation(NamedTuple):
    """What can be asked: its name at AWS, what a whole answer has one of, its price, the field that leads on."""

    name: str
    has: tuple[str, ...]
    usd: Decimal = USD_PER_PAGE
    more: str = "NextPageToken"


COSTS = Operation("GetCostAndUsage", ("ResultsByTime",))


@dataclass(slots=True)
class Book:
    """Where one source's pages are booked, and kept until the day is over: their tokens do not live for ever."""

    name: str
    ledger: Ledger

    def kept(self, operation: Operation, ask: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The answer to a request that was paid for already today."""
        found = self.ledger.kept(self._key(operation, ask))
        answer: Mapping[str, Any] | None = json.loads(found) if found else None
        return answer

    def keep(self, operation: Operation, ask: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
        """Keep an answer; with None, forget the one there is."""
        body = b"" if answer is None else json.dumps({**answer, "ResponseMetadata": {}}).encode()
        self.ledger.keep(self._key(operation, ask), body)

    def chain(self, operation: Operation, ask: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """The requests from this one on whose answers are kept, with these: all that need not be paid for again.

        None of answers that go round in a circle: they are asked for anew.
        """
        found: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
        request: Mapping[str, Any] | None = ask
        while request is not None and (answer := self.kept(operation, request)) is not None:
            found.append((request, answer))
            request = following(operation, ask, answer)
            if any(request == each for each, _ in found):
                return []
        return found

    def _key(self, operation: Operation, ask: Mapping[str, Any]) -> str:
        return key_of(ask, operation.name, self.name, datetime.now(UTC).date().isoformat())


class Refusal(SourceError):
    """An answer that is an error which whoever asked knows what to do about. `said` is its code."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


@dataclass(slots=True)
class Desk:
    """One service of AWS, asked as one account.

    `pages_max`  for all that is asked here: beyond it stands an error, not a bill
    """

    access: Access
    book: Book
    service: str
    account: str
    place: str
    pages_max: int
    asked: int = 0
    _client: Any = field(default=None, repr=False)

    def page(
        self, operation: Operation, ask: Mapping[str, Any], known: frozenset[str] = frozenset()
    ) -> Mapping[str, Any]:
        """One answer. It is booked once, however often botocore tries: AWS bills what it answers only.

        Raises SpendError and ThrottledError when the ledger does, then nothing was asked; what
        `Access.plain_errors` does; Refusal for the codes in `known`; UnreachableError for an answer that is not whole.
        """
        if self.asked >= self.pages_max:
            raise SourceError(f"{self.place}: stopped after max_pages={self.asked} pages, and there are more")
        with self.access.plain_errors():
            if self._client is None:
                self._client = self.access.client(self.service)
            self.book.ledger.pay(operation.name, operation.usd, self.account)
            self.asked += 1
            answer = self._answer(operation, ask, known)
        if not any(field in answer for field in operation.has):
            raise UnreachableError(f"{self.place}: the answer is cut short, or not one of {operation.name}")
        return answer

    def pages(
        self, operation: Operation, ask: Mapping[str, Any], known: frozenset[str] = frozenset()
    ) -> Iterator[Mapping[str, Any]]:
        """Every page from this request on. Raises what `page` does, and SourceError if they go round in a circle."""
        request, tokens = dict(ask), {ask.get(operation.more)}
        while True:
            answer = self.page(operation, request, known)
            yield answer
            if not (following := answer.get(operation.more)):
                return
            if following in tokens:
                raise SourceError(f"{self.place}: stopped after {self.asked} pages, as they go round in a circle")
            tokens.add(following)
            request = {**request, operation.more: following}

    def bought(
        self, operation: Operation, ask: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T]
    ) -> Iterator[T]:
        """What `read` makes of every page of an answer that costs: those that are kept, then others, which are kept.

        A page that cannot be read is not kept: asked again, AWS may tell better.
        """
        for answer, keep in self.answers(operation, ask):
            found = read(answer)
            keep()
            yield found

    def answers(
        self, operation: Operation, ask: Mapping[str, Any], known: frozenset[str] = frozenset()
    ) -> Iterator[tuple[Mapping[str, Any], Callable[[], None]]]:
        """Every page of an answer that costs, kept or new, and what keeps it: to be called once it is understood.

        Raises what `pages` does, and SourceError when the pages that are kept lead nowhere any more.
        """
        kept = self.book.chain(operation, ask)
        yield from ((answer, lambda: None) for _, answer in kept)
        request = following(operation, ask, kept[-1][1]) if kept else dict(ask)
        if request is None:
            return
        try:
            for answer in self.pages(operation, request, known | STALE if kept else known):
                yield answer, partial(self.book.keep, operation, request, answer)
                request = following(operation, ask, answer) or {}
        except Refusal as error:
            if error.said in known:
                raise
            for old, _ in kept:
                self.book.keep(operation, old, None)
            raise SourceError(f"{self.place}: {error.said}: earlier pages lead nowhere now; collect again") from None

    def _answer(self, operation: Operation, ask: Mapping[str, Any], known: frozenset[str]) -> Mapping[str, Any]:
        from botocore import xform_name
        from botocore.exceptions import ClientError

        answer: Any = None
        try:
            # botocore takes a body that is cut short, or no JSON at all, for an answer without fields,
            # and fails with an AttributeError on JSON of another shape.
            with suppress(AttributeError):
                answer = getattr(self._client, xform_name(operation.name))(**ask)
        except ClientError as error:
            if (code := code_of(error)) in known:
                raise Refusal(f"{self.place}: {operation.name}: {code}", code) from None
            raise
        return answer if isinstance(answer, dict) else {}


def following(operation: Operation, ask: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """The request for the page after this one, if there is one."""
    token = answer.get(operation.more)
    return {**ask, operation.more: token} if token else None
