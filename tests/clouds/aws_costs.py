"""Cost Explorer's own side: lines of a bill, really filtered, grouped, paged and estimated."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from outlay.core.money import text
from tests.clouds.botocore_server import AwsError

METRICS = {
    "UnblendedCost": "unblended",
    "AmortizedCost": "amortized",
    "NetUnblendedCost": "unblended",
    "NetAmortizedCost": "amortized",
    "UsageQuantity": "quantity",
}
GROUPS_PER_PAGE = 5000  # AWS does not say; whole days, as many as fit
MONTHS_KEPT = 14  # this one included


@dataclass(frozen=True, slots=True)
class Line:
    """What one account is charged on one day. `dimensions` are Cost Explorer's, RECORD_TYPE among them."""

    account: str
    day: date
    dimensions: Mapping[str, str]
    unblended: Decimal
    amortized: Decimal
    quantity: Decimal = Decimal(1)
    tags: Mapping[str, str] = field(default_factory=dict)

    def value(self, group: Mapping[str, str]) -> str:
        """What the line is grouped under, in AWS's words for having none too."""
        if group["Type"] == "TAG":
            return f"{group['Key']}${self.tags.get(group['Key'], '')}"
        if group["Key"] == "LINKED_ACCOUNT":
            return self.account
        missing = {"REGION": "NoRegion", "USAGE_TYPE": "NoUsageType", "SERVICE": "NoService"}
        return self.dimensions.get(group["Key"], missing.get(group["Key"], ""))

    def fits(self, told: Mapping[str, Any]) -> bool:
        """Whether an Expression keeps the line."""
        ((kind, inner),) = told.items()
        if kind == "Not":
            return not self.fits(inner)
        if kind in {"And", "Or"}:
            return (all if kind == "And" else any)(self.fits(each) for each in inner)
        if kind in {"Dimensions", "Tags"}:
            group = {"Type": "TAG" if kind == "Tags" else "DIMENSION", "Key": inner["Key"]}
            return self.value(group).removeprefix(f"{inner['Key']}$") in inner["Values"]
        raise AwsError("ValidationException", f"{kind} is not for the stand-in")


@dataclass(slots=True)
class CostExplorer:
    """The bill of every account, and how it is answered from.

    `final_before`  the days from here on are estimates; this month's, unless it is set
    """

    names: dict[str, str] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    currency: str = "USD"
    groups_per_page: int = GROUPS_PER_PAGE
    final_before: date | None = None

    def get_cost_and_usage(self, request: Mapping[str, Any], accounts: Iterable[str]) -> dict[str, Any]:
        """One page for whoever sees these accounts."""
        start, end = self._days(request)
        groups, metrics = _groups(request), _metrics(request)
        mine = set(accounts)
        sums: dict[date, dict[tuple[str, ...], list[Decimal]]] = defaultdict(dict)
        for line in self.lines:
            if line.account in mine and start <= line.day < end and line.fits(request.get("Filter") or _ANYTHING):
                keys = tuple(line.value(group) for group in groups)
                costs = sums[line.day].setdefault(keys, [Decimal(0)] * len(metrics))
                sums[line.day][keys] = [
                    cost + getattr(line, METRICS[metric]) for cost, metric in zip(costs, metrics, strict=True)
                ]
        days = [start + timedelta(days=i) for i in range((end - start).days)]
        pages = list(self._pages(days, sums))
        page = _page_of(request, len(pages))
        told = [self._result(day, sums[day], metrics) for day in pages[page]]
        answer: dict[str, Any] = {"ResultsByTime": told, "GroupDefinitions": groups, "DimensionValueAttributes": []}
        if any(group["Key"] == "LINKED_ACCOUNT" for group in groups):
            said = [(each, self.names[each]) for each in sorted(mine) if each in self.names]
            answer["DimensionValueAttributes"] = [
                {"Value": account, "Attributes": {"description": name}} for account, name in said
            ]
        return answer | ({"NextPageToken": _token(request, page + 1)} if page + 1 < len(pages) else {})

    def _days(self, request: Mapping[str, Any]) -> tuple[date, date]:
        start, end = (date.fromisoformat(request["TimePeriod"][each]) for each in ("Start", "End"))
        today = datetime.now(UTC).date()
        if start >= end:
            raise AwsError("ValidationException", "Start date (and hour) should be before end date (and hour)")
        if request["Granularity"] != "DAILY":
            raise AwsError("ValidationException", "the stand-in knows days only")
        if (today.year - start.year) * 12 + today.month - start.month >= MONTHS_KEPT or start > today:
            raise AwsError("ValidationException", "You haven't enabled historical data beyond 14 months")
        return start, end

    def _pages(self, days: Sequence[date], sums: Mapping[date, Any]) -> Iterator[list[date]]:
        page: list[date] = []
        held = 0
        for day in days:
            groups = len(sums.get(day, ()))
            if page and held + groups > self.groups_per_page:
                yield page
                page, held = [], 0
            page.append(day)
            held += groups
        yield page

    def _result(
        self, day: date, sums: Mapping[tuple[str, ...], Sequence[Decimal]], metrics: Sequence[str]
    ) -> dict[str, Any]:
        final_before = self.final_before or datetime.now(UTC).date().replace(day=1)
        units = ["N/A" if each == "UsageQuantity" else self.currency for each in metrics]
        return {
            "TimePeriod": {"Start": str(day), "End": str(day + timedelta(days=1))},
            "Total": {},
            "Groups": [
                {
                    "Keys": list(keys),
                    "Metrics": {
                        metric: {"Amount": text(cost), "Unit": unit}
                        for metric, cost, unit in zip(metrics, costs, units, strict=True)
                    },
                }
                for keys, costs in sorted(sums.items())
            ],
            "Estimated": day >= final_before,
        }


_ANYTHING = {"Not": {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["no such type"]}}}


def _groups(request: Mapping[str, Any]) -> list[dict[str, str]]:
    groups: list[dict[str, str]] = request.get("GroupBy", [])
    if len(groups) > 2:
        raise AwsError("ValidationException", "Group by supports at most 2 dimensions")
    return groups


def _metrics(request: Mapping[str, Any]) -> list[str]:
    metrics: list[str] = request.get("Metrics", [])
    if not metrics or set(metrics) - set(METRICS):
        raise AwsError("ValidationException", f"Metrics: one or more of {', '.join(METRICS)}")
    return metrics


def _token(request: Mapping[str, Any], page: int) -> str:
    rest = {key: value for key, value in request.items() if key != "NextPageToken"}
    return base64.b64encode(json.dumps([page, rest], sort_keys=True).encode()).decode()


def _page_of(request: Mapping[str, Any], pages: int) -> int:
    token = request.get("NextPageToken")
    if token is None:
        return 0
    try:
        page = int(json.loads(base64.b64decode(token, validate=True))[0])
    except ValueError:
        raise AwsError("InvalidNextTokenException", "Pagination token is invalid") from None
    if token != _token(request, page):
        raise AwsError("RequestChangedException", "The request changed between pages")
    if page >= pages:
        raise AwsError("InvalidNextTokenException", "Pagination token is invalid")
    return page
