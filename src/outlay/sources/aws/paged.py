"""Cost Explorer's paid answers, page by page, other than the costs themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from outlay.core.errors import SourceError, UnreachableError
from outlay.core.ports import Ledger

USD_PER_PAGE = Decimal("0.01")
TOKENS = ("NextPageToken", "NextToken")  # an operation has one of them, of the same name in request and answer


@dataclass(frozen=True, slots=True)
class Explorer:
    """One account's Cost Explorer.

    `client`   boto3's, for `ce`; its errors pass through
    `account`  what its pages are booked under
    `place`    what errors call it
    """

    client: Any
    ledger: Ledger
    account: str
    place: str
    max_pages: int  # of one question

    @property
    def currency(self) -> str:
        """What AWS bills in where it does not say so."""
        return "CNY" if self.client.meta.partition == "aws-cn" else "USD"

    def pages(self, method: str, ask: Mapping[str, Any], *members: str) -> Iterator[Mapping[str, Any]]:
        """Every page of the answer, each booked before it is asked for; none where AWS has no data.

        An answer has one of `members` at least. Raises UnreachableError for one that has none of them, SourceError
        when the pages do not end.
        """
        seen: set[str] = set()
        for asked in range(self.max_pages):
            try:
                answer = self._page(method, ask, members)
            except self.client.exceptions.DataUnavailableException:
                if asked:
                    raise
                return  # an account without commitments, or too new
            yield answer
            following = {name: answer[name] for name in TOKENS if answer.get(name)}
            if not following:
                return
            if not seen.isdisjoint(following.values()):
                raise SourceError(f"{self._of(method)}: stopped after {asked + 1} pages, as they go round in a circle")
            seen.update(following.values())
            ask = {**ask, **following}
        raise SourceError(f"{self._of(method)}: stopped after {self.max_pages} pages, and there are more")

    def _page(self, method: str, ask: Mapping[str, Any], members: tuple[str, ...]) -> Mapping[str, Any]:
        self.ledger.pay(self._operation(method), USD_PER_PAGE, self.account)
        answer: Mapping[str, Any] = {}
        # botocore takes a body that is cut short, or no JSON at all, for an answer without fields,
        # and fails with an AttributeError on JSON of another shape.
        with suppress(AttributeError):
            answer = getattr(self.client, method)(**ask)
        if not any(member in answer for member in members):
            raise UnreachableError(f"{self._of(method)}: the answer is cut short, or not one of Cost Explorer")
        return answer

    def _of(self, method: str) -> str:
        return f"{self.place}, {self._operation(method)}"

    def _operation(self, method: str) -> str:
        return str(self.client.meta.method_to_api_mapping[method])
