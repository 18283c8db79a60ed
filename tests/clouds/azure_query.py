"""Azure's login and Cost Management Query API on one port, by TLS: what azure-identity and the source `azure` need.

It holds what it is asked to the published limits (two things to group by, a year at most, the same body for each next
link) and sums whatever it was given, exactly.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from tests.clouds import tls
from tests.clouds.cloud import Charge
from tests.clouds.serving import QuietHandler, Serving

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT, SECRET = "66666666-7777-8888-9999-000000000000", "hush~client.secret"
SUBSCRIPTION = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
SCOPE = f"/subscriptions/{SUBSCRIPTION}"
CHARGE_TYPES = {"Usage": "Usage", "Purchase": "Purchase", "Credit": "Credit", "Tax": "Tax", "Adjustment": "Refund"}
VERSIONS = {"2023-11-01", "2024-08-01", "2025-03-01"}
QUERY = "/providers/Microsoft.CostManagement/query"
MEASURES = {"ActualCost": "billed", "AmortizedCost": "effective"}
GROUPS = {"ServiceName": "service", "ResourceLocation": "region", "ChargeType": "charge_type", "Meter": "meter"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill, in Azure's words."""

    day: date
    service: str
    billed: Decimal
    effective: Decimal
    region: str = "EU West"
    charge_type: str = "Usage"
    meter: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets: JSON, or bytes as they are."""

    status: int
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A query: its path with what follows, its body and its headers, their names in lower case."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]


class AzureQuery:
    """One tenant with one app and one subscription.

    `lines`     what it has billed; `give` makes them of charges
    `answer`    what takes the place of a query's answer; None for the right one
    `asked`     the queries, in order; `logins` counts tokens that were given out
    """

    plugin = "azure"

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.asked: list[Asked] = []
        self.logins = 0
        self.answer: Callable[[Asked], Answer | None] = lambda _: None
        self.page_rows = 1000
        self.currency = "USD"
        self.scope = SCOPE
        self._tokens: set[str] = set()
        self.tls = tls.make()
        self._serving = Serving(type("Handler", (_Handler,), {"cloud": self}), self.tls.cert)
        self.url = self._serving.url

    def give(self, charges: Sequence[Charge]) -> None:
        """Make these all that it ever billed."""
        self.lines = [
            Line(each.day, each.service, each.amount, each.amount, each.region, CHARGE_TYPES[each.category])
            for each in charges
        ]

    def settings(self, url: str | None = None) -> Mapping[str, Any]:
        """The block of the source; logging in goes by the same address."""
        return {
            "endpoint_url": url or self.url,
            "authority_url": url or self.url,
            "ca_file": str(self.tls.ca),
            "tenant_id": TENANT,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "subscription_id": SUBSCRIPTION,
        }

    def close(self) -> None:
        """Stop, and remove the certificates."""
        self._serving.close()
        self.tls.close()

    def get(self, path: str, host: str) -> Answer:
        """Discovery of the login's endpoints."""
        tenant = path.split("/")[1]
        if not path.endswith("/v2.0/.well-known/openid-configuration"):
            return Answer(404, {"error": {"code": "NotFound", "message": path}})
        base = f"https://{host}/{tenant}"
        return Answer(
            200,
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
            },
        )

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """A login or a query."""
        if path.startswith(f"/{TENANT}/oauth2/v2.0/token"):
            return self._login({name: values[0] for name, values in parse_qs(body.decode()).items()})
        if headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return _refused(401, "InvalidAuthenticationToken", "The access token is invalid.")
        asked = Asked(path, json.loads(body), headers)
        self.asked.append(asked)
        return self.answer(asked) or self._query(asked)

    def _login(self, form: Mapping[str, str]) -> Answer:
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            said = "AADSTS7000215: Invalid client secret provided."
            return Answer(401, {"error": "invalid_client", "error_description": said, "error_codes": [7000215]})
        self.logins += 1
        token = secrets.token_urlsafe(16)
        self._tokens.add(token)
        return Answer(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token})

    def _query(self, asked: Asked) -> Answer:
        url = urlsplit(asked.path)
        asks = {name: values[0] for name, values in parse_qs(url.query).items()}
        if not url.path.endswith(QUERY) or asks.get("api-version") not in VERSIONS:
            return _refused(400, "InvalidApiVersionParameter", f"The api-version {asks} is not supported.")
        if url.path.removesuffix(QUERY) != self.scope:
            return _refused(404, "SubscriptionNotFound", f"The subscription of {url.path} could not be found.")
        fault = _fault(asked.body)
        if fault:
            return _refused(400, "BadRequest", f"Invalid query definition: {fault}")
        rows = self._rows(asked.body)
        if not rows:
            return Answer(204)
        start = 0
        if "$skiptoken" in asks:
            of_body, _, told = asks["$skiptoken"].partition("-")
            if of_body != _mark(asked.body):
                return _refused(400, "BadRequest", "The skip token is of another query.")
            start = int(told)
        end = start + self.page_rows
        token = quote(f"{_mark(asked.body)}-{end}")
        link = f"https://{asked.headers['host']}{url.path}?api-version={asks['api-version']}&$skiptoken={token}"
        grouping = [(one["name"], "String") for one in asked.body["dataset"]["grouping"]]
        names = [("Cost", "Number"), ("UsageDate", "Number"), *grouping, ("Currency", "String")]
        return page(
            [{"name": name, "type": kind} for name, kind in names], rows[start:end], link if rows[end:] else None
        )

    def _rows(self, body: Mapping[str, Any]) -> list[list[Any]]:
        period, dataset = body["timePeriod"], body["dataset"]
        first, last = date.fromisoformat(period["from"][:10]), date.fromisoformat(period["to"][:10])
        only = _only(dataset.get("filter"))
        sums: dict[tuple[Any, ...], Decimal] = {}
        for line in self.lines:
            if not first <= line.day <= last:
                continue
            if any(getattr(line, GROUPS[name]).lower() not in values for name, values in only.items()):
                continue
            group = tuple(getattr(line, GROUPS[one["name"]]) for one in dataset["grouping"])
            key = (int(f"{line.day:%Y%m%d}"), *group)
            sums[key] = sums.get(key, Decimal(0)) + getattr(line, MEASURES[body["type"]])
        return [[cost, *key, self.currency] for key, cost in sorted(sums.items())]


class _Handler(QuietHandler):
    cloud: AzureQuery

    def do_GET(self) -> None:
        self._say(self.cloud.get(self.path.partition("?")[0], self.headers["Host"]))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._say(self.cloud.post(self.path, {name.lower(): value for name, value in self.headers.items()}, body))

    def _say(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else exact(answer.body)
        headers = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(body))}
        self.send_response(answer.status)
        for name, value in (headers | dict(answer.headers)).items():
            if answer.status != 204 or name == "Content-Length":
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def page(columns: Sequence[Mapping[str, str]], rows: Sequence[Sequence[Any]], link: str | None = None) -> Answer:
    """An answer of Cost Management."""
    properties = {"nextLink": link, "columns": columns, "rows": rows}
    return Answer(200, {"id": "q", "type": "Microsoft.CostManagement/query", "properties": properties})


def exact(value: Any) -> bytes:
    """JSON whose numbers have every digit of the decimals they are made of."""
    text = json.dumps(value, default=lambda number: f"decimal:{number:f}")
    return re.sub(r'"decimal:([^"]*)"', r"\1", text).encode()


def start() -> AzureQuery:
    """A running one, that has billed nothing."""
    return AzureQuery()


def _refused(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"error": {"code": code, "message": message}})


def _fault(body: Mapping[str, Any]) -> str:
    """What Azure would not answer; '' for nothing."""
    dataset, period = body["dataset"], body["timePeriod"]
    days = date.fromisoformat(period["to"][:10]) - date.fromisoformat(period["from"][:10])
    unknown = {one["name"] for one in dataset["grouping"]} - set(GROUPS)
    if body["type"] not in MEASURES or body["timeframe"] != "Custom" or dataset["granularity"] != "Daily":
        return f"type {body['type']}, timeframe {body['timeframe']}"
    if not 0 <= days.days <= 366:
        return "the time period for pulling the data cannot exceed 1 year(s)"
    if unknown or len(dataset["grouping"]) > 2:
        return f"Invalid dataset grouping: {unknown or 'at most 2'}"
    if [one["name"] for one in dataset["aggregation"].values()] != ["Cost"]:
        return "Invalid dataset aggregation"
    return ""


def _only(part: Any) -> dict[str, set[str]]:
    """A filter: the values there may be of each dimension, in lower case."""
    if not part:
        return {}
    found: dict[str, set[str]] = {}
    for each in part.get("and") or [part]:
        dimension = each["dimensions"]
        if dimension["operator"] != "In":
            raise ValueError(dimension)
        found[dimension["name"]] = {value.lower() for value in dimension["values"]}
    return found


def _mark(body: Mapping[str, Any]) -> str:
    return str(sum(json.dumps(body, sort_keys=True).encode()))
