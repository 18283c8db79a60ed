"""Azure's sponsorship portal, as far as a browser that is signed in asks it for usage."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.clouds.cloud import Charge
from tests.clouds.serving import QuietHandler, Serving

SUBSCRIPTION = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
COOKIES = ".AspNet.Cookies=hush-session-cookie; ARRAffinity=hush-affinity"
HEADERS = ["Service Name", "Service Resource", "Spend"]
SIGN_IN = b"<!DOCTYPE html><html><title>Sign in to your account</title></html>"
KINDS = {"Usage": "Standard", "Purchase": "Purchase", "Credit": "Credit", "Tax": "Tax", "Adjustment": "Refund"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets: JSON, or bytes as they are. With `length` beyond that of the body it breaks in its middle."""

    status: int
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """What was spent on one day."""

    day: date
    service: str
    resource: str
    spend: Decimal


class AzureSponsorshipPortal:
    """A portal with one subscription and one session.

    `lines`   what was spent; `give` makes them of charges
    `answer`  what takes the place of a day's answer; None for the right one
    `asked`   the days asked for, first and last, in order
    """

    plugin = "azure-sponsorship"

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.asked: list[tuple[date, date]] = []
        self.answer: Callable[[date], Answer | None] = lambda _: None
        self._serving = Serving(type("Handler", (_Handler,), {"portal": self}))
        self.url = self._serving.url

    def give(self, charges: Sequence[Charge]) -> None:
        """Make these all that was ever spent. A portal shows no regions."""
        self.lines = [Line(each.day, each.service, KINDS[each.category], each.amount) for each in charges]

    def settings(self, url: str | None = None) -> Mapping[str, Any]:
        """The block of the source."""
        return {"endpoint_url": url or self.url, "cookies": COOKIES, "subscription_id": SUBSCRIPTION}

    def close(self) -> None:
        """Stop."""
        self._serving.close()

    def get(self, path: str, headers: Mapping[str, str]) -> Answer:
        """What the portal answers."""
        url = urlsplit(path)
        if headers.get("cookie") != COOKIES:
            return Answer(302, b"", {"Location": "https://login.microsoftonline.com/common/oauth2/authorize"})
        if url.path != "/Usage/GetSubscriptionData" or headers.get("x-requested-with") != "XMLHttpRequest":
            return Answer(404, b"<html>not here</html>", {"Content-Type": "text/html"})
        asks = {name: values[0] for name, values in parse_qs(url.query).items()}
        if asks["subscriptionGuid"] != SUBSCRIPTION:
            return Answer(200, {"TableHeaders": HEADERS, "TableRows": []})
        first, last = date.fromisoformat(asks["startDate"]), date.fromisoformat(asks["endDate"])
        self.asked.append((first, last))
        return self.answer(first) or Answer(200, {"TableHeaders": HEADERS, "TableRows": self._table(first, last)})

    def _table(self, first: date, last: date) -> list[list[str]]:
        """Sums of all the days asked for, both ends included."""
        days = {first + timedelta(days=i) for i in range((last - first).days + 1)}
        sums: dict[tuple[str, str], Decimal] = {}
        for line in self.lines:
            if line.day in days:
                key = line.service, line.resource
                sums[key] = sums.get(key, Decimal(0)) + line.spend
        return [[*key, shown(spend)] for key, spend in sums.items()]


class _Handler(QuietHandler):
    portal: AzureSponsorshipPortal

    def do_GET(self) -> None:
        answer = self.portal.get(self.path, {name.lower(): value for name, value in self.headers.items()})
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in ({"Content-Type": "application/json; charset=utf-8"} | dict(answer.headers)).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(answer.length or len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.close_connection or answer.length is not None


def shown(spend: Decimal) -> str:
    """An amount as the portal shows it: with a dollar, thousands apart and two places or more."""
    places = max(2, -int(spend.as_tuple().exponent))
    return f"{'-' if spend < 0 else ''}${abs(spend):,.{places}f}"


def start() -> AzureSponsorshipPortal:
    """A running one, in which nothing was spent."""
    return AzureSponsorshipPortal()
