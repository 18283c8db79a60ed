"""cloud_cost_*: the gauges of the multi-cloud cost monitor, of the last seven days before today."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prometheus_client.core import Metric

from outlay.core.query import CostQuery
from outlay.core.span import Period
from outlay.serve.metrics.families import OTHER, Amounts, bounded, gauge, summed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from outlay.serve.metrics.answers import Answers

DAYS = 7
UNKNOWN = "unknown"  # as the monitor has it
CURRENCY = slice(-1, None)


def families(answers: Answers, top: int) -> Iterator[Metric]:
    """All of them but when they were last updated."""
    days = Period.last(DAYS, answers.today)
    daily = [row for row in answers.daily("billed") if row["date"] in days]
    yield _gauge("total", "Cost of all clouds.", (), daily)
    yield _gauge("provider_total", "Cost by provider.", ("provider",), daily)
    found = answers.rows(CostQuery(days, ("provider", "service"), order="dimensions"))
    yield _gauge("service_total", "Cost by service.", ("provider", "service"), found, top)
    found = answers.rows(CostQuery(days, ("region",), order="dimensions"))
    yield _gauge("region_total", "Cost by region.", ("region",), found, top)
    yield _accounts(answers, days, top)
    yield _gauge("daily_total", "Cost by day.", ("date",), daily)
    yield _gauge("daily_provider_total", "Cost by day and provider.", ("date", "provider"), daily)
    yield gauge("cloud_cost_data_range_days", "How many days these costs are of.", (), {(): DAYS})


def last_update(moments: Iterable[datetime]) -> Metric:
    """When any source was last refreshed."""
    newest = max((each.timestamp() for each in moments), default=None)
    told = "When costs were last updated."
    return gauge("cloud_cost_last_update_timestamp", told, (), {} if newest is None else {(): newest})


def _gauge(
    name: str, told: str, labels: tuple[str, ...], rows: Iterable[dict[str, Any]], top: int | None = None
) -> Metric:
    names = (*labels, "currency")
    found = summed((tuple(str(row[name] or UNKNOWN) for name in names), row["cost"]) for row in rows)
    if top is not None:
        found = bounded(found, len(labels) - 1, top, CURRENCY)
    return gauge(f"cloud_cost_{name}", f"{told[:-1]} in the last {DAYS} days before today.", names, found)


def _accounts(answers: Answers, days: Period, top: int) -> Metric:
    rows = answers.rows(CostQuery(days, ("provider", "sub_account"), order="dimensions"))
    labels = ("provider", "sub_account", "currency")
    found = summed((tuple(row[name] or UNKNOWN for name in labels), row["cost"]) for row in rows)
    names = {OTHER: OTHER, **answers.account_names(answers.both)}  # asked already
    named: Amounts = {
        (provider, account, names.get(account, account), currency): cost
        for (provider, account, currency), cost in bounded(found, 1, top, CURRENCY).items()
    }
    told = f"Cost by account, subscription or project in the last {DAYS} days before today."
    return gauge("cloud_cost_account_total", told, ("provider", "account_id", "account_name", "currency"), named)
