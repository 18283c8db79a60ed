"""The one query that a billing month takes: grouped by day and everything that tells charges apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from outlay.core.errors import BillError
from outlay.core.span import Period
from outlay.sources.gcp.export import Table

if TYPE_CHECKING:
    from google.cloud.bigquery import QueryJobConfig


@dataclass(frozen=True, slots=True)
class Shape:
    """What one kind of export is asked for. All SQL in it is ours; from the table come only names it was checked for.

    `groups`   what tells one row of ours from another: name -> SQL
    `lines`    what each line of a group brings beside its cost, of charges only: name -> SQL
    `cost`     SQL of a charge's cost
    `credits`  the repeated column of credits, as it is spelled there; None where there is none
    `credit`   what is said of a credit: name -> field of `credits`, `amount` among them
    `month`    the condition that a line is on the invoice
    `exported` where a table is not partitioned, the first of these columns that it has limits the days instead
    """

    groups: Mapping[str, str]
    lines: Mapping[str, str]
    cost: str
    credits: str | None
    credit: Mapping[str, str]
    month: str
    exported: tuple[str, ...]


def text(table: Table, shape: Shape) -> str:
    """The query. A line and each of its credits are lines of their own; the table is read once.

    Costs come one by one, not summed: a sum of FLOAT64 depends on the order in which BigQuery adds.
    """
    credit = {name: _of_credit(field, shape) for name, field in shape.credit.items()}
    cost = _when(credit.pop("amount"), shape.cost, shape) if shape.credits else shape.cost
    is_credit = "place > 0" if shape.credits else "FALSE"
    groups = {**shape.groups, "is_credit": is_credit, **{f"credit_{name}": sql for name, sql in credit.items()}}
    lines = {"cost": cost} | {name: _when("NULL", sql, shape) for name, sql in shape.lines.items()}
    selected = [f"{sql} AS {name}" for name, sql in groups.items()]
    struct = ", ".join(f"{sql} AS {name}" for name, sql in lines.items())
    filtered = partition(table, shape)
    return (
        f"SELECT {', '.join(selected)}, ARRAY_AGG(STRUCT({struct})) AS lines\n"
        f"FROM {table.quoted}{_with_credits(shape)}\n"
        f"WHERE {filtered} >= @since AND {filtered} < @until AND {shape.month}{_worth(shape)}\n"
        # By place: an alias may be the name of a column too.
        f"GROUP BY {', '.join(str(i) for i in range(1, len(groups) + 1))}"
    )


def partition(table: Table, shape: Shape) -> str:
    """The column that keeps a query to some days, of the table's partitions where it has any. Raises BillError."""
    if table.partition is not None:
        return table.partition
    for name in shape.exported:
        if name.lower() in table.columns:
            return name
    raise BillError(f"{table} is not partitioned and has none of the columns {', '.join(shape.exported)}")


def config(table: Table, shape: Shape, month: Period, slack_days: int) -> QueryJobConfig:
    """What is bound to the query: a month's invoice, and the days within which its lines are looked for."""
    from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter

    kind = table.columns.get(partition(table, shape).lower(), "TIMESTAMP")
    limits = {
        "since": _bound(month.start - timedelta(days=slack_days), kind),
        "until": _bound(month.end + timedelta(days=slack_days), kind),
    }
    bound = [ScalarQueryParameter(name, kind, value) for name, value in limits.items()]
    bound.append(ScalarQueryParameter("month", "STRING", f"{month.start:%Y%m}"))
    return QueryJobConfig(query_parameters=bound, use_legacy_sql=False)


def _bound(day: date, kind: str) -> Any:
    midnight = datetime.combine(day, time(), UTC)
    return {"DATE": day, "DATETIME": midnight.replace(tzinfo=None)}.get(kind, midnight)


def _when(credit: str, charge: str, shape: Shape) -> str:
    return f"IF(place > 0, {credit}, {charge})" if shape.credits else charge


def _of_credit(field: str, shape: Shape) -> str:
    """A field of the credit at `place`; null at place 0."""
    return f"{shape.credits}[SAFE_ORDINAL(place)].{field}"


def _with_credits(shape: Shape) -> str:
    """Each line as often as it has credits, and once more for itself, at place 0."""
    if shape.credits is None:
        return ""
    return f"\nCROSS JOIN UNNEST(GENERATE_ARRAY(0, IFNULL(ARRAY_LENGTH({shape.credits}), 0))) AS place"


def _worth(shape: Shape) -> str:
    """Of credits only those that are worth something: each would be a row of its own."""
    return f" AND (place = 0 OR {_of_credit(shape.credit['amount'], shape)} != 0)" if shape.credits else ""
