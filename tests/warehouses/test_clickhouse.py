"""What ClickHouse alone has: tables for dashboards, months swapped one by one, and what killed writers leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import clickhouse_connect
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client

from outlay.core import focus
from outlay.core.errors import StoreError
from outlay.core.ports import DayChange, Replaced
from outlay.core.query import CostQuery, Filter
from outlay.core.span import Period, Span, next_month
from outlay.warehouses import clickhouse
from outlay.warehouses.clickhouse import Clickhouse, swap
from outlay.warehouses.clickhouse.server import Server
from outlay.warehouses.clickhouse.swap import Months
from outlay.warehouses.clickhouse.tables import INCOMING, READY, STAGE, Tables
from tests.charges import charge, midnight, put
from tests.contracts.model import answer, unread
from tests.servers_clickhouse import in_process

DAY, NEXT = date(2026, 10, 30), date(2026, 10, 31)
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
YEAR = Period(date(2026, 1, 1), date(2027, 1, 1))


@pytest.fixture
def database() -> str:
    return f"outlay_{uuid4().hex}"


@pytest.fixture
def store(database: str) -> Clickhouse:
    found = Clickhouse.model_validate({"url": f"{in_process()}?database={database}"})
    found.prepare()
    return found


@pytest.fixture
def client(store: Clickhouse, database: str) -> Iterator[Client]:
    """Somebody else at the same database."""
    found = clickhouse_connect.get_client(interface="chdb", path=in_process().removeprefix("chdb://"))
    found.command(f"USE {database}")
    yield found
    found.close()


def reopened(store: Clickhouse, **more: Any) -> Clickhouse:
    return Clickhouse.model_validate(store.model_dump() | more)


def of_day(day: date, source: str = "prod") -> Span:
    return Span.of_days(source, Period(day, day + timedelta(days=1)))


def tables(client: Client) -> set[str]:
    return {name for (name,) in client.query("SHOW TABLES").result_rows}


# -- for dashboards ------------------------------------------------------------------------------------


def test_the_costs_of_the_last_thirty_days_by_service_as_everybody_writes_it(store: Clickhouse, client: Client) -> None:
    today = datetime.now(UTC).date()
    days = [today, today - timedelta(days=29), today - timedelta(days=32)]
    put(store, [charge(day, cost, service_name="EC2") for day, cost in zip(days, ("1.1", "2.2", "100"), strict=True)])
    sql = "SELECT service, SUM(cost) FROM cost_metrics WHERE date >= today() - 30 GROUP BY service"
    assert client.query(sql).result_rows == [("EC2", Decimal("3.3"))]


def test_cost_metrics_counts_no_money_twice_and_is_of_one_currency(store: Clickhouse, client: Client) -> None:
    rows = [
        charge(DAY, "7", cut="service,region", service_name="EC2", region_id="eu"),
        charge(DAY, "3", cut="service,region", service_name="S3"),
        charge(DAY, "10", cut="tag:team", tags={"team": "core"}),
        charge(NEXT, "5", cut="tag:team", tags={"team": "core"}),
        charge(DAY, "100", "full", billing_currency="EUR", service_name="EC2"),
        charge(DAY, "20", "full", service_name="EC2"),
    ]
    put(store, rows)
    sql = "SELECT service, region, sum(cost) FROM cost_metrics GROUP BY service, region ORDER BY service, region"
    assert client.query(sql).result_rows == [("", "", 5), ("EC2", "", 20), ("EC2", "eu", 7), ("S3", "", 3)]
    reopened(store, currency="EUR").prepare()
    assert client.query(sql).result_rows == [("EC2", "", 100)]


def test_the_tables_of_dashboards_have_their_columns(store: Clickhouse, client: Client) -> None:
    del store

    def columns(table: str) -> set[str]:
        return {row[0] for row in client.query(f"DESCRIBE TABLE {table}").result_rows}

    assert columns("cost_metrics") >= {"timestamp", "date", "provider", "service", "region", "cost", "currency"}
    assert columns("resource_metrics") >= {"timestamp", "resource_id", "metric", "utilization"}
    assert columns("optimization_opportunities") >= {"timestamp", "type", "savings", "currency", "resource_id"}


# -- preparing -----------------------------------------------------------------------------------------


def test_a_store_of_an_older_version_gets_what_it_lacks_and_loses_nothing(store: Clickhouse, client: Client) -> None:
    put(store, [charge(DAY, "1.5", service_name="EC2")])
    client.command("ALTER TABLE charges DROP COLUMN sku_meter")
    client.command("DROP VIEW cost_metrics")
    client.command("DROP TABLE optimization_opportunities")
    reopened(store).prepare()
    put(store, [charge(date(2026, 9, 1), "2", service_name="S3", sku_meter="hours")])
    assert answer(store, CostQuery(YEAR, ("service",))) == {("EC2",): Decimal("1.5"), ("S3",): 2}
    assert {"cost_metrics", "optimization_opportunities"} <= tables(client)
    assert [batch["sku_meter"].to_pylist() for batch in store.rows("prod", OCTOBER.start)] == [[None]]


@pytest.mark.parametrize("name", ["charges", "cost_metrics"])
def test_what_somebody_else_made_is_left_alone(database: str, name: str) -> None:
    client = clickhouse_connect.get_client(interface="chdb", path=in_process().removeprefix("chdb://"))
    client.command(f"CREATE DATABASE {database}")
    client.command(f"CREATE TABLE {database}.{name} (cost Int64) ENGINE = MergeTree ORDER BY cost")
    with pytest.raises(StoreError, match=f"{database}: it has a table {name} that is not Outlay's"):
        Clickhouse.model_validate({"url": f"{in_process()}?database={database}"}).prepare()
    assert client.query(f"SHOW TABLES FROM {database}").result_rows == [(name,)]
    client.close()


# -- months --------------------------------------------------------------------------------------------


def test_a_writer_that_ends_among_several_months_brought_no_delivery(
    store: Clickhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    months = [date(2026, month, 1) for month in (8, 9, 10)]
    span = Span("prod", Period(months[0], next_month(months[-1])), version="one")
    rows = focus.batch([charge(month, "1") for month in months])
    swap = Months.swap

    def end(self: Months, month: date, *more: Any) -> Any:
        if month == months[0]:
            raise KeyboardInterrupt
        return swap(self, month, *more)

    with monkeypatch.context() as patched:
        patched.setattr(Months, "swap", end)
        with pytest.raises(KeyboardInterrupt):
            store.replace(span, [rows])
    assert answer(store, CostQuery(YEAR, ("month",))) == {(month,): 1 for month in months[1:]}
    assert [delivery for _, _, delivery in store.months()] == [None, None]
    assert store.replace(span, [rows]).rows == 3
    assert store.replace(span, unread()) == Replaced(unchanged=True)


def test_who_died_as_he_was_about_to_swap_is_outlived(
    store: Clickhouse, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, [charge(DAY, "1")])
    monkeypatch.setattr(swap, "PATIENCE", 0.05)
    died: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(Server, "drop", lambda self, table: died.append(table))
        put(store, [charge(DAY, "2")])
    assert any(READY in table for table in died)
    assert any(name.startswith(READY) for name in tables(client))
    put(store, [charge(DAY, "3")])
    assert answer(store, CostQuery(YEAR)) == {(): 3}
    assert not any(name.startswith(READY) for name in tables(client))


def test_who_was_taken_for_dead_begins_anew(store: Clickhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, [charge(DAY, "1"), charge(NEXT, "1")])
    do = Server.do
    dropped: list[str] = []

    def slow(self: Server, sql: str, params: Any = None) -> None:
        if "REPLACE PARTITION" in sql and not dropped:
            dropped.append(sql)
            do(self, f"DROP TABLE {sql.rpartition(' ')[2]} SYNC")
        do(self, sql, params)

    monkeypatch.setattr(Server, "do", slow)
    told = store.replace(of_day(NEXT), [focus.batch([charge(NEXT, "2")])])
    assert dropped
    assert told.changes == [DayChange(NEXT, "USD", Decimal(1), Decimal(2))]
    assert answer(store, CostQuery(YEAR, ("date",))) == {(DAY,): 1, (NEXT,): 2}


def test_what_killed_writers_left_is_dropped_once_it_is_old(
    store: Clickhouse, client: Client, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = {f"{beginning}{uuid4().hex}" for beginning in (INCOMING, STAGE, READY)}
    put(store, [charge(DAY, "1")])
    for name in left:
        client.command(Tables(database).create_stage(name))
        client.command(f"ALTER TABLE {name} ATTACH PARTITION ('prod', '2026-10-01') FROM charges")
    store.maintain()
    assert left <= tables(client)
    monkeypatch.setattr(clickhouse, "ABANDONED_SECONDS", 0)
    store.maintain()
    assert not left & tables(client)
    assert answer(store, CostQuery(YEAR)) == {(): 1}


def test_loads_of_which_nothing_is_left_are_forgotten(
    store: Clickhouse, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "ABANDONED_SECONDS", 0)
    for version in ("one", "two"):
        store.replace(Span("prod", OCTOBER, version=version), [focus.batch([charge(DAY, "1")])])
    store.maintain()
    client.command("ALTER TABLE loads DELETE WHERE 1 = 0 SETTINGS mutations_sync = 2")  # waits for what is before it
    assert client.query("SELECT count() FROM loads").result_rows == [(1,)]
    assert store.replace(Span("prod", OCTOBER, version="two"), unread()).unchanged


def test_a_month_is_handed_on_with_its_delivery(store: Clickhouse, database: str) -> None:
    span = Span("prod", OCTOBER, version="one")
    rows = [charge(DAY, "0.000000000000000001", service_name="", tags={"a": ""}, charge_description=None)]
    store.replace(span, [focus.batch(rows)])
    store.replace(of_day(NEXT, "test"), [focus.batch([charge(NEXT, "2", "test")])])
    other = Clickhouse.model_validate({"url": f"{in_process()}?database={database}_2"})
    for source, month, delivery in store.months():
        assert other.adopt(source, month, delivery, store.rows(source, month)).rows == 1
    assert other.months() == store.months()
    assert other.replace(span, unread()).unchanged
    for source, month, _ in store.months():
        assert list(other.rows(source, month)) == list(store.rows(source, month))
    [batch] = store.rows("prod", OCTOBER.start)
    assert batch.schema == focus.schema()
    assert batch.to_pylist() == focus.batch(rows).to_pylist()


# -- what fits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", [date(1899, 12, 31), date(2300, 1, 1)])
def test_a_day_that_clickhouse_would_change_is_refused(store: Clickhouse, day: date) -> None:
    row = charge(DAY, "1", charge_period_end=midnight(day))
    with pytest.raises(StoreError, match=f"charge_period_end {day}: ClickHouse holds 1900-01-01 to 2299-12-31"):
        store.replace(Span("prod", OCTOBER), [focus.batch([row])])
    assert store.version() == ""


def test_the_first_day_and_the_last(store: Clickhouse) -> None:
    days = [date(1970, 1, 1), date(2299, 11, 30)]
    put(store, [charge(day, "1") for day in days])
    assert answer(store, CostQuery(Period(date.min, date.max), ("date",))) == {(day,): 1 for day in days}
    assert store.replace(Span.of_everything("prod"), ()).changes[0].day == days[0]


def test_a_sum_that_does_not_fit_is_an_error_and_no_other_number(store: Clickhouse) -> None:
    most = "99999999999999999999.999999999999999999"
    put(store, [charge(DAY, most), charge(NEXT, most)])
    assert answer(store, CostQuery(YEAR, ("date",))) == {(DAY,): Decimal(most), (NEXT,): Decimal(most)}
    with pytest.raises(StoreError, match="does not fit"):
        store.query(CostQuery(YEAR))
    with pytest.raises(StoreError, match="2026-10-30 sum up to more than 38 digits hold"):
        put(store, [charge(DAY, most), charge(DAY, most)])


def test_a_cut_that_comes_while_a_question_is_answered_is_not_counted_twice(
    store: Clickhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, [charge(DAY, "10", cut="service")])
    ask = Server.ask
    came: list[bool] = []

    def late(self: Server, sql: str, params: Any = None) -> pa.Table:
        if "AS cost" in sql and not came:
            came.append(True)
            put(reopened(store), [charge(DAY, "10", cut="service"), charge(DAY, "10", cut="tag:team")])
        return ask(self, sql, params)

    monkeypatch.setattr(Server, "ask", late)
    assert answer(store, CostQuery(YEAR, (), (Filter("source", ("prod",)),))) == {(): 10}
