"""The Platform API: whose numbers to ask for, page by page, within the rate limit, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from outlay.core.errors import AuthError, BillError, NotFoundError, SourceError, ThrottledError
from outlay.sources._http import Http
from outlay.sources._recording import Recording, recorded
from outlay.sources.heroku.answers import Record, records

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

    from outlay.core.ports import Ledger

ACCEPT = "application/vnd.heroku+json; version=3"
NOT_MODIFIED = 304
PAGES_MAX = 100  # of 200 items each, where Heroku says nothing else
# Requests of an hour that are left to the people and tools that share the key's account: Heroku gives it 4500.
REQUESTS_RESERVED = 20


class RefusedError(SourceError):
    """A question that Heroku does not answer as it was put, such as for days of which it no longer knows."""


Kind = Literal["team", "enterprise account", "account"]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose money: a team, an enterprise account, or the account that the key belongs to."""

    kind: Kind
    named: str = ""  # in the settings, by id or by name

    def __str__(self) -> str:
        return f"the {self.kind} {self.named}" if self.named else "the key's own account"

    @property
    def path(self) -> str:
        """What its resources are below."""
        above = {"team": "/teams/", "enterprise account": "/enterprise-accounts/", "account": "/account"}
        return above[self.kind] + self.named

    @property
    def needs(self) -> str:
        """Which role and scope it takes to be answered."""
        role = {
            "team": f"has the role admin in {self}",
            "enterprise account": f"has the permission billing in {self}",
            "account": "is the one that is invoiced",
        }[self.kind]
        return f"it takes a key whose user {role}, and whose scope is read or global"

    @property
    def missing(self) -> str:
        """What else a 404 may mean."""
        return {
            "team": f"There is no team {self.named!r}, or the key's user is no member: `heroku teams` lists its teams. "
            "Where Heroku has only usage or only invoices of a team, name that one alone in `reports`.",
            "enterprise account": f"There is no enterprise account {self.named!r}, or the key's user is no member: "
            "`heroku enterprises` lists its accounts.",
            "account": "The endpoint_url may be wrong.",
        }[self.kind]


@dataclass(frozen=True, slots=True)
class Page:
    """One page, and the range of the next one."""

    items: Any
    next_range: str | None


# Answers for when Heroku says that they have not changed, by path, parameters and range.
Kept = dict[tuple[str, str, str], "httpx2.Response"]


@dataclass
class Api:
    """One user of the API; for one thread at a time. `kept` may outlive it."""

    http: Http
    ledger: Ledger
    kept: Kept = field(default_factory=dict)
    remaining: int | None = None  # requests of this hour, as of the last answer
    _ids: dict[Owner, str] = field(default_factory=dict)
    _recording: Recording = field(default_factory=Recording)

    @contextmanager
    def together(self, *about: object) -> Iterator[None]:
        """What is asked inside goes together, and is found again as a whole by who asks about the same."""
        self._ids.clear()  # each whole has all that it takes
        try:
            with recorded(self.ledger, *map(str, about)) as self._recording:
                yield
        finally:
            self._recording = Recording()

    def close(self) -> None:
        """End the connection, if there is one."""
        self.http.close()

    def invoices(self, owner: Owner) -> list[Record]:
        """Every invoice that Heroku lists."""
        return self._list(owner, "invoices", f"{owner.path}/invoices", {})

    def daily(self, owner: Owner, first: date, last: date) -> list[Record]:
        """Usage day by day, the last day included; 31 days at most."""
        return self._usage(owner, "daily", {"start": first.isoformat(), "end": last.isoformat()})

    def monthly(self, owner: Owner, month: date) -> list[Record]:
        """Usage of one month."""
        # Without an end Heroku answers one month, whichever way it would have taken an end.
        return self._usage(owner, "monthly", {"start": f"{month:%Y-%m}"})

    def _usage(self, owner: Owner, resolution: str, params: Mapping[str, str]) -> list[Record]:
        found = Owner(owner.kind, self._id(owner))
        return self._list(owner, f"usage/{resolution}", f"{found.path}/usage/{resolution}", params)

    def _id(self, owner: Owner) -> str:
        """Usage is asked for by id only."""
        if _is_id(owner.named):
            return owner.named
        if owner not in self._ids:
            page = self._page(owner, "info", owner.path, {}, None)
            place = f"{self.http.place}: {owner}"
            if not isinstance(page.items, dict):
                raise BillError(f"{place}: is no object")
            self._ids[owner] = Record(place, page.items).text("id")
        return self._ids[owner]

    def _list(self, owner: Owner, what: str, path: str, params: Mapping[str, str]) -> list[Record]:
        place = f"{self.http.place}: {what} of {owner}"
        found: list[Record] = []
        asked: set[str] = set()
        span: str | None = None
        for _ in range(PAGES_MAX):
            page = self._page(owner, what, path, params, span)
            found += records(place, page.items)
            span = page.next_range
            if span is None:
                return found
            if span in asked:
                raise SourceError(f"{place}: stopped after {len(asked) + 1} pages, as they go round in a circle")
            asked.add(span)
        raise SourceError(f"{place}: stopped after {PAGES_MAX} pages, and there are more")

    def _page(self, owner: Owner, what: str, path: str, params: Mapping[str, str], span: str | None) -> Page:
        key = (path, repr(sorted(params.items())), span or "")
        before = self.kept.get(key)

        def ask() -> httpx2.Response:
            headers = {"Range": span} if span else {}
            if before:
                headers["If-None-Match"] = before.headers["etag"]
            self._keep_off_the_limit()
            self.http.before = lambda: self.ledger.pay(what, Decimal(0), str(owner))
            answer = self.http.ask("GET", path, params=params, headers=headers)
            self.remaining = _remaining(answer)
            return before if before and answer.status_code == NOT_MODIFIED else answer

        with _plain(owner):
            answer = self._recording.answer(ask, "GET", path, params, span)
        page = Page(self.http.parsed(answer), answer.headers.get("next-range"))
        if answer.headers.get("etag"):
            self.kept[key] = answer
        return page

    def _keep_off_the_limit(self) -> None:
        if self.remaining is not None and self.remaining <= REQUESTS_RESERVED:
            raise ThrottledError(
                f"{self.http.place}: only {self.remaining} requests are left of this hour's, which Outlay leaves to "
                "others that use this account; Heroku gives back about 75 a minute, so collect again later"
            )


@contextmanager
def _plain(owner: Owner) -> Iterator[None]:
    """What a refusal means for this owner, after what Heroku says."""
    try:
        yield
    except AuthError as error:
        raise AuthError(f"{error} For {owner} {owner.needs}.") from None
    except NotFoundError as error:
        raise NotFoundError(f"{error} {owner.missing}") from None
    except SourceError as error:
        if type(error) is SourceError:
            raise RefusedError(str(error)) from None
        raise


def _remaining(answer: httpx2.Response) -> int | None:
    said = answer.headers.get("ratelimit-remaining", "")
    return int(said) if said.isdecimal() else None


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
