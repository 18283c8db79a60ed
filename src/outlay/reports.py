"""The named questions, asked by command line, API, dashboard and metrics alike: no number is made twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from outlay.core.errors import UsageError, choices
from outlay.core.focus import CATEGORIES
from outlay.core.money import text, totals
from outlay.core.ports import Warehouse
from outlay.core.query import CostQuery, Filter, Measure
from outlay.core.span import Period, month_of

# What a person leaves out, and the charge category that each word stands for.
EXCLUDABLE: Mapping[str, str] = {
    "credits": "Credit",
    "refunds": "Adjustment",
    "taxes": "Tax",
    "purchases": "Purchase",
}


@dataclass(frozen=True, slots=True)
class Costs:
    """An answer about costs.

    `rows`              one mapping per combination: the dimensions asked for (text, days or None), `cost`
                        (Decimal), `currency`; in the order asked for
    `totals`            per currency, of all rows, those beyond a limit too
    `provisional_from`  the first day whose numbers the provider may still change, or None
    """

    days: Period
    measure: Measure
    dimensions: tuple[str, ...]
    rows: Sequence[dict[str, Any]]
    totals: dict[str, Decimal]
    provisional_from: date | None


def today() -> date:
    """The current day, UTC."""
    return datetime.now(UTC).date()


def excluding(words: Iterable[str]) -> tuple[Filter, ...]:
    """The filter that leaves out credits, refunds, taxes or purchases. Raises UsageError with the choices."""
    categories = []
    for word in words:
        category = EXCLUDABLE.get(word, word.capitalize())
        if category not in CATEGORIES:
            raise UsageError(choices("kind of charge", word, [*EXCLUDABLE]))
        categories.append(category)
    return (Filter("charge_category", tuple(categories), exclude=True),) if categories else ()


def costs(warehouse: Warehouse, query: CostQuery) -> Costs:
    """The rows and totals of one question."""
    limited = query.limit is not None
    found = warehouse.query(replace(query, totals=limited)).to_pylist()
    every = [row for row in found if row.get("is_total")] if limited else found
    estimates = [row["provisional_from"] for row in every if row["provisional_from"] is not None]
    left_out = {"provisional_from", "is_total"}
    rows = [
        {key: value for key, value in row.items() if key not in left_out} for row in found if not row.get("is_total")
    ]
    for row in rows:
        row["cost"] = row["cost"] if row["cost"] is not None else Decimal(0)
    return Costs(
        query.days,
        query.measure,
        query.dimensions,
        rows,
        totals((row["currency"], row["cost"] or Decimal(0)) for row in every),
        min(estimates, default=None),
    )


def as_json(found: Costs) -> dict[str, Any]:
    """The JSON of an answer: amounts are decimal strings, `end` is the last day and inclusive."""
    return {
        "period": {
            "start": found.days.start.isoformat(),
            "end": (found.days.end - timedelta(days=1)).isoformat(),
        },
        "measure": found.measure,
        "totals": {currency: text(total) for currency, total in found.totals.items()},
        "rows": [{key: _plain(value) for key, value in row.items()} for row in found.rows],
        "provisional_from": _plain(found.provisional_from),
    }


@dataclass(frozen=True, slots=True)
class MonthToDate:
    """Per currency: this month so far, and the same number of days of last month, and last month whole."""

    month: Period
    current: dict[str, Decimal]
    previous_same_days: dict[str, Decimal]
    previous: dict[str, Decimal]


def month_to_date(
    warehouse: Warehouse, until: date, filters: tuple[Filter, ...] = (), measure: Measure = "billed"
) -> MonthToDate:
    """The month that holds the day before `until` (exclusive), against the month before."""
    month = Period(month_of(until - timedelta(days=1)), until)
    start = month_of(month.start - timedelta(days=1))
    same = Period(start, min(start + timedelta(days=len(month)), month.start))

    def total(days: Period) -> dict[str, Decimal]:
        return costs(warehouse, CostQuery(days, (), filters, measure)).totals

    return MonthToDate(month, total(month), total(same), total(Period(start, month.start)))


def account_names(warehouse: Warehouse, days: Period) -> dict[str, str]:
    """What each sub account with costs on these days is called, by its id: of several names, the dearest one's."""
    found = warehouse.query(CostQuery(days, ("sub_account", "sub_account_name"))).to_pylist()
    named = [each for each in found if each["sub_account"] and each["sub_account_name"]]
    return {each["sub_account"]: each["sub_account_name"] for each in reversed(named)}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return text(value)
    return value.isoformat() if isinstance(value, date) else value
