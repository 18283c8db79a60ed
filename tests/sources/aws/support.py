"""Asking an AWS, and one that says odd things."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from outlay.core.focus import schema
from outlay.core.span import Period, Span, month_of
from outlay.sources.aws import Aws
from tests.clouds.aws import AwsCloud
from tests.clouds.cloud import Charge
from tests.servers import Request, Response, answering

ACCOUNT = "123456789012"
KEY, SECRET, TOKEN = "AKIDSECRETSECRETSECR", "hush/this+is/secret", "token-that-is-secret"
TODAY = datetime.now(UTC).date()
LAST_MONTH = month_of(month_of(TODAY) - timedelta(days=1))
DAYS = Period(LAST_MONTH, LAST_MONTH + timedelta(days=2))
SPAN = Span.of_days("aws", DAYS)
MONTH = Span.of_days("aws", DAYS.months())
JSON = {"Content-Type": "application/x-amz-json-1.1"}

S3, EC2 = "Amazon Simple Storage Service", "Amazon Elastic Compute Cloud - Compute"

Answer = Response | dict[str, Any]
Row = dict[str, Any]


def charge(day: date, service: str, region: str, amount: str, category: str = "Usage") -> Charge:
    return Charge(day, service, region, Decimal(amount), category)


def source(cloud: AwsCloud, **settings: Any) -> Aws:
    """The source that asks this AWS."""
    return Aws.model_validate({"attempts": 1, **cloud.settings(), **settings})


def rows(asked: Aws, span: Span = SPAN) -> list[Row]:
    """Every row of a span."""
    batches = list(asked.fetch(span))
    assert all(each.schema == schema() for each in batches)
    found: list[Row] = pa.Table.from_batches(batches, schema()).to_pylist()
    return found


def totals(found: list[Row], *columns: str, cost: str = "billed_cost") -> dict[Any, Decimal]:
    """Costs summed up by columns, without the zeros behind them."""
    sums: dict[Any, Decimal] = {}
    for row in found:
        key = row[columns[0]] if len(columns) == 1 else tuple(row[each] for each in columns)
        sums[key] = sums.get(key, Decimal(0)) + row[cost]
    return {key: value.normalize() for key, value in sums.items()}


# An AWS that says what it is told


def group(first: str, second: str, billed: str, effective: str | None = None, unit: str = "USD") -> dict[str, Any]:
    effective = billed if effective is None else effective
    return {
        "Keys": [first, second],
        "Metrics": {
            "UnblendedCost": {"Amount": billed, "Unit": unit},
            "AmortizedCost": {"Amount": effective, "Unit": unit},
        },
    }


def day(start: date, *groups: dict[str, Any], estimated: bool = False) -> dict[str, Any]:
    period = {"Start": str(start), "End": str(start + timedelta(days=1))}
    return {"TimePeriod": period, "Estimated": estimated, "Total": {}, "Groups": list(groups)}


def page(*days: dict[str, Any], token: str | None = None) -> dict[str, Any]:
    more = {"NextPageToken": token} if token else {}
    return {"ResultsByTime": list(days), "DimensionValueAttributes": []} | more


def refusal(code: str, message: str = "no", status: int = 400) -> Response:
    return Response(json.dumps({"__type": code, "message": message}).encode(), status, JSON)


class OddCloud:
    """Cost Explorer says what it is told, the last thing for ever, and keeps what it was asked."""

    def __init__(self, *answers: Answer, sts: Response | None = None, organizations: Response | None = None) -> None:
        self.answers = list(answers)
        self.organizations = organizations or refusal("AWSOrganizationsNotInUseException")
        self.sts = sts or Response(
            f"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{ACCOUNT}</Account>"
            "</GetCallerIdentityResult></GetCallerIdentityResponse>".encode(),
            headers={"Content-Type": "text/xml"},
        )
        self.asked: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> Response:
        service, _, _ = request.headers.get("X-Amz-Target", "").partition(".")
        if not service:
            assert re.search(r"Action=\w+", request.body.decode())
            return self.sts
        if "Organizations" in service:
            return self.organizations
        self.asked.append(json.loads(request.body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, Response) else Response(json.dumps(answer).encode(), headers=JSON)


@contextmanager
def odd(
    *answers: Answer, sts: Response | None = None, organizations: Response | None = None, **settings: Any
) -> Iterator[tuple[Aws, OddCloud]]:
    """The source and the odd AWS that it asks."""
    it = OddCloud(*answers, sts=sts, organizations=organizations)
    keys = {"access_key_id": KEY, "secret_access_key": SECRET, "session_token": TOKEN}
    with answering(it) as url:
        yield Aws.model_validate({"endpoint_url": url, "attempts": 1} | keys | settings), it
