"""What is kept of the charges beside them, and made true where they change.

`charges_by_day` has the charges summed over what few questions ask for (resources, SKUs, tags), under the same column
names: most questions are answered from it. `charge_days` has what one replace must know of a day. `cloud_costs` is for
people with SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from outlay.core.query import DIMENSIONS, TAG, CostQuery, Cuts, Filter, Postgres, compile_query
from outlay.core.span import Period, Span

if TYPE_CHECKING:
    from outlay.warehouses._charges import Days
    from outlay.warehouses.postgres.connections import Connection

SUMMED_BY = (
    "charge_date", "cut", "provider", "billing_account_id", "sub_account_id", "sub_account_name", "service_name",
    "service_category", "region_id", "charge_category", "billing_currency", "provisional",
)  # fmt: skip
_AMOUNTS = ("billed_cost", "effective_cost", "contracted_cost", "list_cost")
_EVER = Period(date.min, date.max)

# Of cloud_costs. Credits and refunds are left out as `--exclude credits,refunds` does it.
LEFT_OUT = Filter("charge_category", ("Credit", "Adjustment"), exclude=True)
NO_SERVICE = "Unknown"
SERVICE_CHARACTERS_MAX = 255  # an index entry cannot hold much more than 2,000 bytes


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of the tables that have a source, a month and a day: an SQL condition and what to bind."""

    condition: str
    params: dict[str, Any]

    @classmethod
    def of(cls, span: Span, months: list[date] | None = None) -> Part:
        """A span's rows; `months`: those of its months that are there, so that no other partition is looked at."""
        condition, params = "source = %(source)s AND month >= %(first)s AND month < %(end)s", {
            "source": span.source, "first": span.months.start, "end": span.months.end,
        }  # fmt: skip
        if months is not None:
            condition, params = (
                "source = %(source)s AND month = ANY(%(months)s)",
                {"source": span.source, "months": months},
            )
        if span.days is None:
            return cls(condition, params)
        days = {"from": span.days.start, "to": span.days.end}
        return cls(f"{condition} AND charge_date >= %(from)s AND charge_date < %(to)s", params | days)


@dataclass(frozen=True, slots=True)
class Known:
    """What is there of a span: its months, the deliveries they came with, its first day and its last."""

    months: list[date]
    deliveries: list[str]
    edges: list[date]

    @classmethod
    def of(cls, connection: Connection, span: Span) -> Known:
        """As charge_days has it."""
        part = Part.of(span)
        found = connection.execute(
            "SELECT array_agg(DISTINCT month), array_agg(DISTINCT delivery), min(charge_date), max(charge_date)"  # noqa: S608 - our own words
            f" FROM charge_days WHERE {part.condition}",
            part.params,
        ).fetchone()
        assert found is not None  # noqa: S101 - an aggregate has a row
        return cls(found[0], found[1], [found[2], found[3]]) if found[0] else cls([], [], [])


def needed(query: CostQuery) -> str:
    """The table that has what the question is about: the sums, or the charges themselves."""
    names = {*query.dimensions, *(each.dimension for each in query.filters)} - {"source"}
    summed = all(not name.startswith(TAG) and DIMENSIONS[name] in SUMMED_BY for name in names)
    return "charges_by_day" if summed else "charges"


def clear(connection: Connection, part: Part) -> None:
    """Take rows out of every table that has them."""
    for table in ("charges", "charges_by_day", "charge_days"):
        connection.execute(f"DELETE FROM {table} WHERE {part.condition}", part.params)  # noqa: S608 - our own words


def sum_up(connection: Connection, part: Part, delivery: str) -> None:
    """Write the sums of charges that are new."""
    by = f"source, month, {', '.join(SUMMED_BY)}"
    amounts, sums = ", ".join(_AMOUNTS), ", ".join(f"SUM({name})" for name in _AMOUNTS)
    connection.execute(
        f"INSERT INTO charges_by_day ({by}, {amounts}, charges)"  # noqa: S608 - our own words
        f" SELECT {by}, {sums}, COUNT(*) FROM charges WHERE {part.condition} GROUP BY {by}",
        part.params,
    )
    by = "source, month, charge_date, cut, billing_currency, provisional"
    connection.execute(
        f"INSERT INTO charge_days ({by}, billed_cost, charges, delivery)"  # noqa: S608 - our own words
        f" SELECT {by}, SUM(billed_cost), SUM(charges), %(delivery)s"
        f" FROM charges_by_day WHERE {part.condition} GROUP BY {by}",
        part.params | {"delivery": delivery},
    )


def days_of(connection: Connection, source: str) -> Days:
    """The billed cost of each day and currency of a source."""
    query = CostQuery(_EVER, ("date",), (Filter("source", (source,)),), order="dimensions")
    found = _asked(connection, query, "charge_days", source)
    return {(day, currency): cost for day, currency, cost, _provisional_from in found}


def totals_of(connection: Connection, part: Part, source: str) -> dict[str, Decimal]:
    """The billed cost of each currency of a part of a source's charges."""
    table = f"(SELECT * FROM charge_days WHERE {part.condition}) AS charge_days"  # noqa: S608 - our own words
    found = _asked(connection, CostQuery(_EVER), table, source, part.params)
    return {currency: cost for currency, cost, _provisional_from in found}


def provider_days(connection: Connection, part: Part) -> list[tuple[str, date]]:
    """Each provider and day that a part of the charges is about."""
    return connection.execute(
        f"SELECT DISTINCT provider, charge_date FROM charges_by_day WHERE {part.condition}",  # noqa: S608 - our own words
        part.params,
    ).fetchall()


def write_costs(connection: Connection, days: Period | None, gone: list[tuple[str, date]]) -> None:
    """Make cloud_costs of these days, or of all, what the sums say. A row that is right already stays as it is.

    A provider's day is ours where there are charges of it, or were: `gone`. What others wrote of the rest stays.
    """
    period = days or _EVER
    query = CostQuery(period, ("date", "provider", "service"), (LEFT_OUT,), order="dimensions")
    asked = compile_query(query, Postgres(), _cuts(connection, period), "charges_by_day")
    key = "cloud_provider, service_name, usage_date"
    connection.execute(
        f"WITH asked AS ({asked.sql}), wanted AS ("  # noqa: S608 - our own words, values bound
        f"SELECT d1 AS cloud_provider, left(coalesce(d2, '{NO_SERVICE}'), {SERVICE_CHARACTERS_MAX}) AS service_name"
        ", d0 AS usage_date, round(SUM(cost * usd), 18) AS cost_usd"
        " FROM asked JOIN usd_rates USING (currency) GROUP BY 1, 2, 3"
        "), ours AS (SELECT provider, charge_date FROM charges_by_day"
        " WHERE charge_date >= %(start)s AND charge_date < %(end)s"
        ' UNION SELECT provider COLLATE "C", charge_date'
        " FROM unnest(%(providers)s::text[], %(days)s::date[]) AS gone (provider, charge_date)"
        "), vanished AS (DELETE FROM cloud_costs AS old USING ours"
        " WHERE old.cloud_provider = ours.provider AND old.usage_date = ours.charge_date"
        " AND NOT EXISTS (SELECT FROM wanted WHERE wanted.cloud_provider = old.cloud_provider"
        " AND wanted.service_name = old.service_name AND wanted.usage_date = old.usage_date))"
        f" INSERT INTO cloud_costs ({key}, cost_usd)"
        f" SELECT {key}, wanted.cost_usd FROM wanted LEFT JOIN cloud_costs AS known USING ({key})"
        " WHERE known.cost_usd IS DISTINCT FROM wanted.cost_usd"
        f" ON CONFLICT ({key}) DO UPDATE SET cost_usd = excluded.cost_usd, updated_at = statement_timestamp()",
        asked.params
        | {"start": period.start, "end": period.end}
        | {"providers": [provider for provider, _ in gone], "days": [day for _, day in gone]},
    )


def without_rate(connection: Connection) -> dict[str, int]:
    """How many charges cloud_costs leaves out for want of a rate to USD, by currency."""
    return dict(
        connection.execute(
            "SELECT billing_currency, SUM(charges)::bigint FROM charge_days"
            " WHERE billing_currency NOT IN (SELECT currency FROM usd_rates)"
            # Several cuts are of the same money: one tells all of it.
            " AND (source, charge_date, cut) IN (SELECT source, charge_date, MIN(cut) FROM charge_days GROUP BY 1, 2)"
            " GROUP BY 1 ORDER BY 1"
        ).fetchall()
    )


def _asked(
    connection: Connection, query: CostQuery, table: str, source: str, params: dict[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    compiled = compile_query(query, Postgres(), _cuts(connection, query.days, source), table)
    return connection.execute(compiled.sql, compiled.params | (params or {})).fetchall()


def _cuts(connection: Connection, days: Period, source: str | None = None) -> Cuts:
    """The cuts of each source's money, of these days."""
    return dict(
        connection.execute(
            "SELECT source, array_agg(DISTINCT cut) FROM charge_days"
            " WHERE charge_date >= %(start)s AND charge_date < %(end)s"
            " AND (source = %(source)s OR %(source)s IS NULL) GROUP BY source",
            {"start": days.start, "end": days.end, "source": source},
        ).fetchall()
    )
