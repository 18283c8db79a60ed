"""cloud_costs is what the charges say, in the same transaction; and what others had in a table of that name stays."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from outlay.core import focus
from outlay.core.span import Period, Span
from outlay.warehouses import postgres as module
from outlay.warehouses.postgres import Postgres
from tests.charges import charge, put
from tests.servers_postgres import Server

DOCS = Path(__file__).parents[2] / "docs" / "stores" / "postgres.md"
MIGRATION = Path(module.__file__).with_name("migrations") / "versions" / "v0001_charges.py"
DAY, NEXT = date(2026, 10, 3), date(2026, 10, 4)
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
MONTH = Span("prod", OCTOBER)

OLDER = """
CREATE TABLE cloud_costs (id SERIAL PRIMARY KEY, cloud_provider VARCHAR(50) NOT NULL,
    service_name VARCHAR(255) NOT NULL, cost_usd DECIMAL(10,4) NOT NULL, usage_date DATE NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (cloud_provider, service_name, usage_date));
CREATE INDEX cloud_costs_usage_date_idx ON cloud_costs (usage_date);
CREATE VIEW daily_cost_summary AS SELECT usage_date, SUM(cost_usd) AS total FROM cloud_costs GROUP BY usage_date;
CREATE VIEW mine AS SELECT * FROM cloud_costs;
INSERT INTO cloud_costs (cloud_provider, service_name, cost_usd, usage_date, created_at) VALUES
    ('AWS', 'EC2', 12.3456, '2026-10-03', '2026-10-04 01:00'), ('aws', 'EC2', 1, '2025-01-01', '2025-01-02'),
    ('AWS', 'EC2', 2, '2025-01-01', '2025-01-03'), ('gcp', 'BigQuery', 5, '2026-10-03', '2026-10-04');
"""


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.new_database()


@pytest.fixture
def store(url: str) -> Postgres:
    return Postgres.model_validate({"url": url})


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def costs(url: str) -> dict[tuple[str, str, date], Decimal]:
    found = ask(url, "SELECT cloud_provider, service_name, usage_date, cost_usd FROM cloud_costs")
    assert len({row[:3] for row in found}) == len(found)
    return {row[:3]: row[3] for row in found}


@contextmanager
def times(url: str) -> Iterator[tuple[set[str], set[str]]]:
    """Which services' `created_at` and `updated_at` what is done inside moves."""
    query = "SELECT service_name, id, created_at, updated_at FROM cloud_costs"
    before = {row[0]: row[1:] for row in ask(url, query)}
    created: set[str] = set()
    updated: set[str] = set()
    yield created, updated
    for name, number, at, changed in ask(url, query):
        if name in before:
            created |= {name} if (number, at) != before[name][:2] else set()
            updated |= {name} if changed != before[name][2] else set()


def test_it_sums_what_each_service_of_a_provider_costs_on_a_day(store: Postgres, url: str) -> None:
    put(store, [
        charge(DAY, "1.000000000000000001", service_name="EC2", region_id="a"),
        charge(DAY, "2", service_name="EC2", region_id="b", charge_category="Tax"),
        charge(DAY, "-9", service_name="EC2", charge_category="Credit"),
        charge(DAY, "-8", service_name="EC2", charge_category="Adjustment"),
        charge(DAY, "-7", service_name="Support", charge_category="Credit"),
        charge(DAY, "4", "other", service_name="EC2"),
        charge(NEXT, "5"),
        charge(NEXT, "6", "more", "Microsoft", service_name="x" * 300),
    ])  # fmt: skip
    assert costs(url) == {
        ("aws", "EC2", DAY): Decimal("7.000000000000000001"),
        ("aws", "Unknown", NEXT): 5,
        ("azure", "x" * 255, NEXT): 6,
    }
    assert ask(url, "SELECT usage_date, total_cost_usd FROM daily_cost_summary WHERE cloud_provider = 'azure'") == [
        (NEXT, 6)
    ]
    summary = "SELECT total_cost_usd, days, first_date, last_date FROM service_cost_summary WHERE service_name = 'EC2'"
    assert ask(url, summary) == [(Decimal("7.000000000000000001"), 1, DAY, DAY)]


def test_the_same_money_in_several_cuts_counts_once(store: Postgres, url: str) -> None:
    put(store, [
        charge(DAY, "3", cut="service", service_name="EC2"), charge(DAY, "1", cut="tag:team", tags={"team": "a"}),
        charge(DAY, "2", cut="tag:team", tags={"team": "b"}),
        *(charge(NEXT, "7", cut=cut, billing_currency="EUR") for cut in ("service", "region")),
    ])  # fmt: skip
    assert costs(url) == {("aws", "EC2", DAY): 3}
    assert ask(url, "SELECT billing_currency, billed_cost, charges FROM cloud_costs_left_out") == [("EUR", 7, 1)]
    assert store.without_rate() == {"EUR": 1}


def test_a_restated_day_moves_what_changed_and_nothing_else(store: Postgres, url: str) -> None:
    def services(**amounts: str) -> list[dict[str, Any]]:
        return [charge(DAY, cost, service_name=name) for name, cost in amounts.items()]

    put(store, services(same="1", other="2", gone="3"))
    with times(url) as (created, updated):
        put(store, services(same="1", other="2.5", new="4"))
    assert (created, updated) == (set(), {"other"})
    assert costs(url) == {("aws", "same", DAY): 1, ("aws", "other", DAY): Decimal("2.5"), ("aws", "new", DAY): 4}
    with times(url) as (created, updated):
        put(store, services(new="4", other="2.5", same="1"))
    assert (created, updated) == (set(), set())
    store.replace(MONTH, [])
    assert costs(url) == {}


def test_it_changes_together_with_the_charges_or_not_at_all(store: Postgres, url: str) -> None:
    put(store, [charge(DAY, "1", service_name="EC2")])
    together = "SELECT (SELECT SUM(billed_cost) FROM charges), (SELECT SUM(cost_usd) FROM cloud_costs)"

    def rows() -> Iterator[pa.RecordBatch]:
        yield focus.batch([charge(DAY, "2", service_name="S3")])
        assert ask(url, together) == [(1, 1)]
        raise OSError("connection lost")

    with pytest.raises(OSError, match="connection lost"):
        store.replace(MONTH, rows())
    assert costs(url) == {("aws", "EC2", DAY): 1}
    assert ask(url, together) == [(1, 1)]


def test_other_currencies_take_a_rate_or_are_left_out_with_a_warning(
    url: str, store: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [
        charge(DAY, "1", service_name="EC2"),
        charge(DAY, "10", service_name="EC2", billing_currency="EUR"),
        charge(NEXT, "100", service_name="S3", billing_currency="GBP"),
    ]
    with caplog.at_level(logging.WARNING, "outlay"):
        put(store, rows)
        put(store, rows)
    said = "cloud_costs is in USD and leaves out 1 charges in {}: state a rate in store.usd_rates"
    assert [record.getMessage() for record in caplog.records] == [said.format("EUR"), said.format("GBP")]
    assert costs(url) == {("aws", "EC2", DAY): 1}
    rated = Postgres.model_validate({"url": url, "usd_rates": {"eur": "1.08"}})
    rated.prepare()
    assert costs(url) == {("aws", "EC2", DAY): Decimal("11.8")}
    assert ask(url, "SELECT usage_date, billed_cost FROM cloud_costs_left_out") == [(NEXT, 100)]
    put(rated, rows[:2])
    assert costs(url) == {("aws", "EC2", DAY): Decimal("11.8")}
    Postgres.model_validate({"url": url, "usd_rates": {"GBP": 2}}).prepare()
    assert costs(url) == {("aws", "EC2", DAY): 1}


# -- the manual ------------------------------------------------------------------------------------


def blocks(heading: str) -> list[str]:
    """The SQL of a chapter of the manual."""
    chapter = DOCS.read_text(encoding="utf-8").partition(f"# {heading}\n")[2]
    return re.findall(r"```sql\n(.*?)```", re.split(r"^##", chapter, flags=re.MULTILINE)[0], re.DOTALL)


def test_the_queries_of_the_manual_answer_as_they_are_written(store: Postgres, url: str) -> None:
    today = datetime.now(UTC).date()
    old = today.replace(day=1) - timedelta(days=40)
    names = [f"s{i:02}" for i in range(12)]
    put(store, [
        *(charge(today - timedelta(days=1), str(i + 1), service_name=name) for i, name in enumerate(names)),
        charge(today - timedelta(days=2), "100", "other", "Google Cloud", service_name="BigQuery"),
        charge(old, "1000", service_name="s00"),
    ])  # fmt: skip
    providers, services, trend, months = (ask(url, query) for query in blocks("Queries"))
    assert providers == [("gcp", 100), ("aws", 78)]
    assert services == [("gcp", "BigQuery", 100), *(("aws", f"s{i:02}", i + 1) for i in range(11, 2, -1))]
    assert trend == [(today - timedelta(days=2), 100), (today - timedelta(days=1), 78)]
    assert sum(row[2] for row in months) == 1178
    assert (months[-1][0].date(), *months[-1][1:]) == (old.replace(day=1), "aws", 1000)


def test_the_table_is_the_one_of_the_manual(store: Postgres, url: str) -> None:
    (table,) = blocks("The table cloud_costs")
    assert table in MIGRATION.read_text(encoding="utf-8")
    store.prepare()
    text = DOCS.read_text(encoding="utf-8")
    views = ("daily_cost_summary", "service_cost_summary", "cloud_costs_left_out")
    for view, *columns in ask(url, f"SELECT table_name, column_name FROM information_schema.columns"
                                   f" WHERE table_name IN {views}"):  # fmt: skip
        assert re.search(rf"^\| `{view}` \|.*`{columns[0]}`", text, re.MULTILINE), (view, columns)
    tables = ask(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert [name for (name,) in tables if f"`{name}`" not in text] == []


# -- a table that another aggregator filled --------------------------------------------------------


def test_rows_of_an_older_aggregator_stay_but_for_the_days_that_outlay_has(store: Postgres, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(OLDER.encode())
        connection.execute("CREATE ROLE analyst")
        connection.execute("GRANT SELECT ON cloud_costs, daily_cost_summary TO analyst")
        connection.execute("GRANT SELECT ON cloud_costs TO PUBLIC")
    before = ask(url, "SELECT * FROM cloud_costs ORDER BY id")
    store.prepare()
    store.prepare()
    assert costs(url) == {
        ("aws", "EC2", DAY): Decimal("12.3456"), ("aws", "EC2", date(2025, 1, 1)): 3, ("gcp", "BigQuery", DAY): 5,
    }  # fmt: skip
    assert ask(url, "SELECT created_at::date FROM cloud_costs WHERE cost_usd = 3") == [(date(2025, 1, 2),)]
    put(store, [charge(DAY, "20.000000000000000001", service_name="Amazon EC2"), charge(NEXT, "1", service_name="S3")])
    put(store, [charge(DAY, "20.000000000000000001", service_name="Amazon EC2")])
    assert costs(url) == {
        ("aws", "Amazon EC2", DAY): Decimal("20.000000000000000001"),
        ("aws", "EC2", date(2025, 1, 1)): 3,
        ("gcp", "BigQuery", DAY): 5,
    }
    assert before == ask(url, "SELECT * FROM cloud_costs_before_outlay ORDER BY id") == ask(url, "SELECT * FROM mine")
    assert len(ask(url, "SELECT total FROM daily_cost_summary_before_outlay")) == 2
    with psycopg.connect(url) as connection:
        connection.execute("SET ROLE analyst")
        for table in ("cloud_costs", "daily_cost_summary"):
            assert connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone() != (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM service_cost_summary")
