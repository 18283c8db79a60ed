"""Heroku on 127.0.0.1: the part of its Platform API that tells money, checked in both directions.

Requests have to be as the published schema has them, and so do the answers; see heroku_schema.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import NAMESPACE_URL, uuid5

from tests.clouds import heroku_schema as schema
from tests.clouds.cloud import Charge
from tests.clouds.serving import QuietHandler, Serving

KEY = "HRKU-hush-0123456789"
TEAM = "storefront"
NEXT = re.compile(r"id \](?P<after>[0-9a-f-]+)\.\.; max=(?P<max>[0-9]+)")
DAYS_MAX = 31  # of one question for days

Json = dict[str, Any]
Amounts = Mapping[str, Any]  # data, partner, dynos, connect; addons where they are not data and partner together


def id_of(name: str) -> str:
    """The id of whatever has this name."""
    return str(uuid5(NAMESPACE_URL, f"https://heroku.invalid/{name}"))


@dataclass
class Usage:
    """What a team used: by day and app. What is in `beyond` the team used outside its apps, spaces mostly."""

    name: str
    apps: dict[date, dict[str, Amounts]] = field(default_factory=dict)
    beyond: dict[date, Amounts] = field(default_factory=dict)
    month_more: dict[str, dict[str, Amounts]] = field(default_factory=dict)  # what months have beyond their days

    def add(self, day: date, app: str, **amounts: Decimal) -> None:
        """Let an app use something more on a day."""
        self.apps.setdefault(day, {})[app] = _sum([self.apps.get(day, {}).get(app, {}), amounts])

    def of(self, days: Sequence[date], month: str | None = None) -> Json:
        """The team's part of an answer about these days together."""
        apps: dict[str, list[Amounts]] = defaultdict(list)
        for day in days:
            for app, amounts in self.apps.get(day, {}).items():
                apps[app].append(amounts)
        for app, amounts in self.month_more.get(month or "", {}).items():
            apps[app].append(amounts)
        each = {app: _sum(several) for app, several in sorted(apps.items())}
        whole = _sum([*each.values(), *(self.beyond.get(day, {}) for day in days)])
        told = [{"app_name": app, **_told(amounts)} for app, amounts in each.items()]
        named = {"id": id_of(self.name), "name": self.name}
        return {**named, **_told(whole), "space": whole.get("space", Decimal(0)), "apps": told}


class Heroku:
    """Teams with usage and invoices, enterprise accounts of teams, and the invoices of the key's own account.

    `usage`     teams by name
    `invoices`  JSON by the team's name; those of the own account under ""
    `accounts`  enterprise accounts by name: the names of their teams
    `refused`   how to refuse paths that match: a status
    """

    plugin = "heroku"

    def __init__(self) -> None:
        self.usage: dict[str, Usage] = {TEAM: Usage(TEAM)}
        self.invoices: dict[str, list[Json]] = {}
        self.accounts: dict[str, list[str]] = {}
        self.page_size = 200
        self.remaining = 4500
        self.account_beyond: dict[date, Amounts] = {}  # what every enterprise account has beyond its teams
        self.daily_from = date.min  # days before this one are refused
        self.monthly_from = date.min  # and months
        self.refused: dict[str, int] = {}
        self.asked: list[str] = []  # METHOD path?query, and the status
        self._serving = Serving(type("Handler", (_Handler,), {"cloud": self}))

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._serving.url

    def give(self, charges: Sequence[Charge]) -> None:
        """Usage becomes an app's partner add-ons of its day. What is no usage Heroku tells on invoices only, which
        have no days: it is on those of the key's own account, which are exact, and comes back as `told` says.
        """
        self.usage, self.invoices, self.accounts = {TEAM: Usage(TEAM)}, {}, {}
        beside: dict[date, list[Charge]] = defaultdict(list)
        for each in charges:
            if each.category == "Usage":
                self.usage[TEAM].add(each.day, _app(each), partner=each.amount)
            else:
                beside[each.day.replace(day=1)].append(each)
        for month, some in beside.items():
            credited = sum((each.amount for each in some if each.category == "Credit"), Decimal(0))
            total = sum((each.amount for each in some), Decimal(0))
            self.invoices.setdefault("", []).append(invoice(month, credits_total=-credited, total=total))

    def told(self, charges: Sequence[Charge]) -> list[Charge]:
        """The charges as Heroku's API can tell them: credits, and all else that is no usage, once a month each."""
        usage = [Charge(each.day, "Heroku Partner Add-ons", "", each.amount) for each in charges if _is_usage(each)]
        beside: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
        for each in charges:
            if not _is_usage(each):
                category = "Credit" if each.category == "Credit" else "Adjustment"
                beside[each.day.replace(day=1), category] += each.amount
        return usage + [
            Charge(day, "Heroku Platform", "", amount, category) for (day, category), amount in beside.items()
        ]

    def settings(self, url: str | None = None) -> Mapping[str, Any]:
        """The source's block of outlay.yaml."""
        return {"api_key": KEY, "teams": [TEAM], "account": True, "endpoint_url": url or self.url}

    def close(self) -> None:
        """Stop it."""
        self._serving.close()

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[Any, Any]:
        """What is at a path, and its shape. Raises LookupError for nothing, ValueError for what cannot be asked."""
        for pattern, find in self._routes().items():
            if match := re.fullmatch(pattern, path):
                return find(*match.groups(), query)
        raise LookupError(path)

    def _routes(self) -> dict[str, Callable[..., tuple[Any, Any]]]:
        return {
            "/account/invoices": lambda _: (self.invoices.get("", []), [schema.INVOICE]),
            "/teams/([^/]+)/invoices": self._team_invoices,
            "/teams/([^/]+)": lambda name, _: self._named(self.usage, name),
            "/enterprise-accounts/([^/]+)": lambda name, _: self._named(self.accounts, name),
            "/teams/([^/]+)/usage/(daily|monthly)": self._team_usage,
            "/enterprise-accounts/([^/]+)/usage/(daily|monthly)": self._account_usage,
        }

    def _named(self, known: Mapping[str, Any], name: str) -> tuple[Json, Any]:
        return {"id": id_of(_find(known, name)), "name": _find(known, name)}, {"id": "uuid", "name": "string"}

    def _team_invoices(self, name: str, _: Mapping[str, str]) -> tuple[Any, Any]:
        return self.invoices.get(_find(self.usage, name), []), [schema.TEAM_INVOICE]

    def _team_usage(self, name: str, resolution: str, query: Mapping[str, str]) -> tuple[Any, Any]:
        team = self.usage[_find(self.usage, name, by_id=True)]
        if resolution == "daily":
            return [{"date": str(day), **team.of([day])} for day in self._days(query)], [schema.TEAM_DAILY]
        return [
            {"month": month, "connect": _connect(team, days), **team.of(days, month)}
            for month, days in self._months(query)
        ], [schema.TEAM_MONTHLY]

    def _account_usage(self, name: str, resolution: str, query: Mapping[str, str]) -> tuple[Any, Any]:
        account = _find(self.accounts, name, by_id=True)
        named = {"id": id_of(account), "name": account}
        members = [self.usage[team] for team in self.accounts[account]]
        if resolution == "daily":
            told = [
                {"date": str(day), **named, **_whole([t.of([day]) for t in members], self.account_beyond.get(day, {}))}
                for day in self._days(query)
            ]
            return told, [schema.ACCOUNT_DAILY]
        told = []
        for month, days in self._months(query):
            teams = [{"connect": _connect(team, days), **team.of(days, month)} for team in members]
            told.append({"month": month, **named, "connect": sum(t["connect"] for t in teams), **_whole(teams, {})})
        return told, [schema.ACCOUNT_MONTHLY]

    def _days(self, query: Mapping[str, str]) -> list[date]:
        _only(query, {"start", "end"})
        start = date.fromisoformat(query["start"])
        end = date.fromisoformat(query.get("end", query["start"]))
        if end < start or start < self.daily_from or (end - start).days >= DAYS_MAX:
            raise ValueError("start must be within six months, and end at most 31 days after it")
        return [start + timedelta(days=each) for each in range((end - start).days + 1)]

    def _months(self, query: Mapping[str, str]) -> list[tuple[str, list[date]]]:
        found = list(_months(query))
        if found[0][1][0] < self.monthly_from:
            raise ValueError("start must be within twelve months")
        return found


def invoice(month: date, **more: Any) -> Json:
    """The invoice of an account for a month, in dollars, paid if the month is over."""
    last = (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    paid = last < datetime.now(UTC).date()
    return {
        "charges_total": Decimal(0),
        "created_at": f"{last}T12:00:00Z",
        "credits_total": Decimal(0),
        "id": id_of(f"invoice of {month}"),
        "number": month.year * 100 + month.month,
        "period_end": f"{last:%m/%d/%Y}",
        "period_start": f"{month:%m/%d/%Y}",
        "state": 1 if paid else 0,
        "total": Decimal(0),
        "updated_at": f"{last}T12:00:00Z",
    } | more


def team_invoice(month: date, **more: Any) -> Json:
    """The invoice of a team for a month, in cents."""
    cents = ("addons_total", "charges_total", "credits_total", "database_total", "platform_total", "total")
    units = {"dyno_units": Decimal(0), "weighted_dyno_hours": Decimal(0), "payment_status": "Paid"}
    return invoice(month) | dict.fromkeys(cents, 0) | units | more


def dumps(value: Any) -> str:
    """JSON whose decimals have all their digits."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)}: {dumps(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(dumps(each) for each in value) + "]"
    return json.dumps(value)


def start() -> Heroku:
    """A Heroku that bills nothing yet."""
    return Heroku()


class _Handler(QuietHandler):
    """Authorisation, versions, ranges, ETags and the rate limit, as the API has them."""

    cloud: Heroku

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        status, headers, body = self._answer(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)))
        self.cloud.asked.append(f"GET {self.path} {status}")
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("RateLimit-Remaining", str(self.cloud.remaining))
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, path: str, query: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        if self.headers.get("Accept") != "application/vnd.heroku+json; version=3":
            return _error(406, "not_acceptable", "Please specify a version along with Heroku's API MIME type.")
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            return _error(401, "unauthorized", "Invalid credentials provided.")
        for pattern, status in self.cloud.refused.items():
            if re.search(pattern, path):
                return _error(status, "forbidden", "You do not have access to this resource.")
        self.cloud.remaining -= 1
        try:
            answer, shape = self.cloud.answer(path, query)
        except LookupError:
            return _error(404, "not_found", "Couldn't find that resource.")
        except ValueError as error:
            return _error(422, "invalid_params", str(error))
        schema.check(answer, shape)
        return self._page(answer)

    def _page(self, answer: Any) -> tuple[int, dict[str, str], bytes]:
        headers = {"Content-Type": "application/json"}
        rest: Sequence[Any] = []
        if isinstance(answer, list):
            answer, rest = self._cut(answer)
        if rest:
            headers["Next-Range"] = f"id ]{answer[-1]['id']}..; max={self.cloud.page_size}"
        body = dumps(answer).encode()
        headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        if self.headers.get("If-None-Match") == headers["ETag"]:
            return 304, headers, b""
        return 206 if rest else 200, headers, body

    def _cut(self, answer: list[Json]) -> tuple[list[Json], list[Json]]:
        """This page, and what is after it."""
        begin = 0
        if said := self.headers.get("Range"):
            match = NEXT.fullmatch(said)
            assert match, f"no range of ours: {said}"
            begin = [each["id"] for each in answer].index(match["after"]) + 1
        end = begin + self.cloud.page_size
        # Usage has one id for all its records: only invoices come in pages.
        end = end if len({each["id"] for each in answer}) == len(answer) else len(answer)
        return answer[begin:end], answer[end:]


def _error(status: int, name: str, message: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps({"id": name, "message": message}).encode()


def _find(known: Mapping[str, Any], asked: str, *, by_id: bool = False) -> str:
    for name in known:
        if asked == id_of(name) or (asked == name and not by_id):
            return name
    raise LookupError(asked)


def _only(query: Mapping[str, str], known: set[str]) -> None:
    if "start" not in query or query.keys() - known:
        raise ValueError(f"takes start and end, not {sorted(query)}")


def _months(query: Mapping[str, str]) -> Iterator[tuple[str, list[date]]]:
    """Each month asked for, as its text, and its days."""
    _only(query, {"start", "end"})
    day = date.fromisoformat(f"{query['start']}-01")
    last = date.fromisoformat(f"{query.get('end', query['start'])}-01")
    while day <= last:
        after = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        yield f"{day:%Y-%m}", [day + timedelta(days=each) for each in range((after - day).days)]
        day = after


def _sum(several: Sequence[Amounts]) -> dict[str, Decimal]:
    names = dict.fromkeys(name for each in several for name in each)
    return {name: sum((Decimal(each.get(name, 0)) for each in several), Decimal(0)) for name in names}


def _told(amounts: Amounts) -> Json:
    """As usage tells it: `addons` contain what is `data` and `partner`, and `other`, which is not told itself."""
    zero = Decimal(0)
    data, partner, other = (amounts.get(name, zero) for name in ("data", "partner", "other"))
    return {"addons": data + partner + other, "data": data, "dynos": amounts.get("dynos", zero), "partner": partner}


def _whole(teams: list[Json], beyond: Amounts) -> Json:
    names = ("addons", "data", "dynos", "partner", "space")
    more = {**beyond, **_told(beyond)}
    whole = {name: sum((team[name] for team in teams), more.get(name, Decimal(0))) for name in names}
    return whole | {"teams": teams}


def _connect(team: Usage, days: Sequence[date]) -> Decimal:
    """The most rows that were synced on a day."""
    per_day = (_sum([*team.apps.get(day, {}).values()]).get("connect", Decimal(0)) for day in days)
    return max(per_day, default=Decimal(0))


def _is_usage(charge: Charge) -> bool:
    return charge.category == "Usage"


def _app(charge: Charge) -> str:
    """An app's name for a service in a region."""
    name = re.sub(r"[^a-z0-9]+", "-", f"{charge.service} {charge.region}".lower()).strip("-")
    digest = hashlib.sha256(f"{charge.service}/{charge.region}".encode()).hexdigest()[:6]
    return f"a-{name[:20]}-{digest}".replace("--", "-")
