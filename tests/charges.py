"""Charges for tests: `charge` makes a row, `put` stores rows as all there is of their source's days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from outlay.core import focus
from outlay.core.ports import Warehouse
from outlay.core.span import Period, Span, month_of, next_month


def charge(day: date, cost: str, source: str = "prod", provider: str = "AWS", **more: Any) -> dict[str, Any]:
    """A row for `focus.batch`: usage of one UTC day in USD, billed in its month, unless `more` says else."""
    month = month_of(day)
    return {
        "source": source,
        "provider_name": provider,
        "billed_cost": Decimal(cost),
        "billing_currency": "USD",
        "charge_category": "Usage",
        "charge_period_start": midnight(day),
        "charge_period_end": midnight(date.fromordinal(day.toordinal() + 1)),
        "billing_period_start": midnight(month),
        "billing_period_end": midnight(next_month(month)),
    } | more


def midnight(day: date) -> datetime:
    """The start of the day, UTC."""
    return datetime.combine(day, time(), UTC)


def put(warehouse: Warehouse, rows: Sequence[dict[str, Any]]) -> None:
    """Store the rows: per source and billing month, they are all there is."""
    spans: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for row in rows:
        spans.setdefault((row["source"], row["billing_period_start"].date()), []).append(row)
    for (source, month), some in spans.items():
        warehouse.replace(Span(source, Period(month, next_month(month))), [focus.batch(some)])
