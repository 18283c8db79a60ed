"""The statements for a cluster are those of the manual, and ClickHouse can read them; a shard keeps what it is given.

Nobody keeps a queue of what is to be done ON CLUSTER here: that part of a statement is read, but not run.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest

from outlay.core import focus
from outlay.core.query import CostQuery
from outlay.core.span import Period, Span
from outlay.warehouses.clickhouse import Clickhouse
from outlay.warehouses.clickhouse.tables import Tables
from tests.charges import charge, put
from tests.contracts.model import answer, unread
from tests.servers_clickhouse import CLUSTER, clickhouse_server, in_process

GOLDEN = Path(__file__).parents[2] / "docs" / "stores" / "clickhouse-2x2.sql"
TABLES = Tables("outlay", cluster="bills", replicated=True, sharded=True)


def statements(tables: Tables) -> list[str]:
    return [tables.create_database(), *tables.create_tables(), tables.create_view("outlay")]


def test_the_manual_has_what_is_made_on_two_shards_of_two_replicas() -> None:
    assert GOLDEN.read_text(encoding="utf-8") == "".join(f"{each};\n\n" for each in statements(TABLES))


@pytest.mark.parametrize(
    "tables",
    [TABLES, Tables("outlay", cluster="bills", replicated=True), Tables("outlay", cluster="{cluster}"), Tables("a")],
    ids=["shards and replicas", "replicas", "a macro", "one server"],
)
def test_clickhouse_can_read_every_statement(tables: Tables) -> None:
    client = clickhouse_connect.get_client(interface="chdb", path=in_process().removeprefix("chdb://"))
    for each in [*statements(tables), *tables.add_columns({"source"}), tables.create_stage("outlay_stage_1")]:
        assert client.query(f"EXPLAIN AST {each}").result_rows, each
    client.close()


def test_only_what_is_asked_for_is_in_a_statement() -> None:
    one, replicas = ("\n".join(statements(t)) for t in (Tables("a"), Tables("a", cluster="c", replicated=True)))
    assert not any(word in one for word in ("CLUSTER", "Replicated", "Distributed", "_local"))
    assert "Distributed" not in replicas
    assert replicas.count("ON CLUSTER `c`") == 6  # the database, four tables, the view
    assert replicas.count("ReplicatedMergeTree(") == 4


def test_a_column_that_is_missing_is_added_wherever_it_is() -> None:
    every = {line.split()[0] for line in TABLES.create_tables()[0].splitlines()[1:]}
    assert TABLES.add_columns(every) == []
    local, all_over = TABLES.add_columns(every - {"sku_id"})
    added = " ADD COLUMN IF NOT EXISTS sku_id LowCardinality(Nullable(String)) CODEC(ZSTD(1))"
    assert local == f"ALTER TABLE `outlay`.`charges_local` ON CLUSTER `bills`{added}"
    assert all_over.startswith("ALTER TABLE `outlay`.`charges` ON CLUSTER `bills` ADD COLUMN IF NOT EXISTS sku_id")


def test_a_shard_keeps_charges_and_all_of_them_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tables, "_on_cluster", "")
    day, year = date(2026, 10, 30), Period(date(2026, 1, 1), date(2027, 1, 1))
    october = Span("prod", Period(date(2026, 10, 1), date(2026, 11, 1)), version="one")
    with clickhouse_server() as server:
        url = server.new_database()
        store = Clickhouse.model_validate({"url": url, "shards": [url], "cluster": CLUSTER})
        cuts = [charge(day, "7.5", cut=cut, **more) for cut, more in _CUTS.items()]
        assert store.replace(october, [focus.batch(cuts)]).rows == 2
        assert store.replace(october, unread()).unchanged
        put(store, [charge(day, "1", "test", service_name="S3")])
        store.maintain()
        for dimensions in ((), ("service",), ("tag:team",)):
            assert sum(answer(store, CostQuery(year, dimensions)).values()) == Decimal("8.5")
        assert [each[:2] for each in store.months()] == [("prod", date(2026, 10, 1)), ("test", date(2026, 10, 1))]
        assert [batch.num_rows for batch in store.rows("prod", date(2026, 10, 1))] == [2]
        view = store._server().lines(
            f"SELECT service, sum(cost) FROM {store._tables.name('cost_metrics')} GROUP BY ALL"
        )
        assert sorted(view) == [("EC2", Decimal("7.5")), ("S3", 1)]
        engines = dict(store._server().lines("SELECT name, engine FROM system.tables WHERE database != 'system'"))
        assert (engines["charges"], engines["charges_local"]) == ("Distributed", "MergeTree")


_CUTS: dict[str, dict[str, Any]] = {"service": {"service_name": "EC2"}, "tag:team": {"tags": {"team": "core"}}}
