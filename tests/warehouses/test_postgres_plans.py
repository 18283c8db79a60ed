"""How PostgreSQL goes about it: sums where they will do, the months' partitions where they will not, by its indexes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from outlay.core import focus
from outlay.core.query import CostQuery, Filter
from outlay.core.span import Period, Span, next_month
from outlay.warehouses.postgres import Postgres, answers, sums
from tests.charges import charge
from tests.contracts.model import answer
from tests.servers_postgres import Server

YEAR = Period(date(2025, 11, 1), date(2026, 11, 1))
LAST_30 = Period(date(2026, 9, 20), date(2026, 10, 20))
Connection = psycopg.Connection[tuple[Any, ...]]
TABLES = re.compile(r"(?<!Bitmap Index Scan) on (?:\w+\.)?((?:charge|cloud)\w*)")


@pytest.fixture(scope="module")
def url(postgres: Server) -> str:
    """A database with 1,500 charges of two sources in each of twelve months."""
    url = postgres.new_database()
    store = Postgres.model_validate({"url": url})
    for source in ("prod", "test"):
        for month in YEAR.each_month():
            days = list(month.each_day())
            batch = focus.batch(
                charge(days[i % len(days)], "1", source, service_name=f"s{i % 5}", resource_id=f"r{i}")
                for i in range(750)
            )
            store.replace(Span(source, month), [batch])
    store.maintain()
    return url


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    with psycopg.connect(url) as connection:
        yield connection


class Explained:
    """A connection that says how it would do what it is asked to."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.plans = connection, dict[str, str]()

    def execute(self, sql: str, params: dict[str, Any] | None = None) -> psycopg.Cursor[tuple[Any, ...]]:
        plan = self.connection.execute(f"EXPLAIN {sql}".encode(), params).fetchall()
        self.plans[sql] = "\n".join(line for (line,) in plan)
        return self.connection.execute(sql.encode(), params)


def plan_of(connection: Connection, query: CostQuery) -> str:
    explained = Explained(connection)
    assert answers.answer(explained, query)  # type: ignore[arg-type] # as much of one as it takes
    return list(explained.plans.values())[-1]


def tables(plan: str) -> set[str]:
    return set(TABLES.findall(plan))


@pytest.mark.parametrize(
    "query",
    [
        CostQuery(LAST_30, ("provider",)),
        CostQuery(LAST_30, ("date", "service"), measure="effective"),
        CostQuery(LAST_30, ("sub_account", "region"), (Filter("charge_category", ("Credit",), exclude=True),)),
    ],
    ids=["provider", "service", "account"],
)
def test_30_days_of_what_is_often_asked_come_from_the_sums_by_their_index(
    connection: Connection, query: CostQuery
) -> None:
    plan = plan_of(connection, query)
    assert tables(plan) == {"charges_by_day"}
    assert "charges_by_day_day" in plan


@pytest.mark.parametrize("dimension", ["resource", "sku", "tag:team"])
def test_30_days_of_anything_else_read_the_partitions_of_their_months_alone(
    connection: Connection, dimension: str
) -> None:
    plan = plan_of(connection, CostQuery(LAST_30, (dimension,), limit=10))
    assert tables(plan) == {"charges_2026_09", "charges_2026_10"}


def test_days_are_replaced_by_the_index_of_their_partition(connection: Connection) -> None:
    part = sums.Part.of(Span.of_days("prod", Period(date(2026, 10, 3), date(2026, 10, 5))), [date(2026, 10, 1)])
    explained = Explained(connection)
    sums.clear(explained, part)  # type: ignore[arg-type] # as much of one as it takes
    charges, by_day, days = explained.plans.values()
    assert tables(charges) == {"charges", "charges_2026_10"}
    assert "charges_2026_10_source_charge_date_idx" in charges
    assert "Seq Scan" not in charges + by_day + days


def test_30_days_of_cloud_costs_come_by_its_index(connection: Connection, url: str) -> None:
    since = (LAST_30.end - timedelta(days=3)).isoformat()
    sql = f"EXPLAIN SELECT SUM(cost_usd) FROM cloud_costs WHERE usage_date >= DATE '{since}' - INTERVAL '1 days'"
    plan = "\n".join(line for (line,) in connection.execute(sql.encode()).fetchall())
    assert "cloud_costs_usage_date_idx" in plan


def test_a_partition_is_made_for_each_month_as_it_comes(url: str) -> None:
    store = Postgres.model_validate({"url": url})
    late = date(2027, 1, 31)
    store.replace(
        Span("late", Period(late.replace(day=1), next_month(late))), [focus.batch([charge(late, "1", "late")])]
    )
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT inhrelid::regclass::text FROM pg_inherits ORDER BY 1").fetchall()
    names = {name for (name,) in found if re.fullmatch(r"charges_\d{4}_\d\d", name)}
    assert names == {f"charges_{month.start:%Y_%m}" for month in YEAR.each_month()} | {"charges_2027_01"}
    assert answer(store, CostQuery(Period(late, late + timedelta(days=1)))) == {(): 1}
