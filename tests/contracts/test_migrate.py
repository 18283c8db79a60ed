"""Every store can be filled from another without losing a digit, or what is known of deliveries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from outlay.core import focus
from outlay.core.errors import StoreError
from outlay.core.ports import Replaced, Warehouse
from outlay.core.query import CostQuery
from outlay.core.span import Period, Span
from outlay.migrate import migrate
from outlay.warehouses.lake import Lake
from tests.charges import charge, midnight, put
from tests.contracts.model import unread

DAY, LATER = date(2026, 9, 30), date(2026, 10, 31)
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
OCTOBER_0 = midnight(OCTOBER.start)
DELIVERY = Span("export", OCTOBER, version="manifest-1")
YEAR = Period(date(2026, 1, 1), date(2027, 1, 1))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A store of two sources, three months, two currencies, tags, and amounts with all their digits."""
    lake = Lake(path=str(tmp_path / "old"))
    lake.replace(
        DELIVERY,
        [
            focus.batch(
                [
                    charge(LATER, "0.000000000000000001", "export", tags={"team": "a'b", "": "ü\n"}),
                    charge(LATER, "-7.25", "export", billing_currency="EUR", charge_category="Credit"),
                    charge(DAY, "12345678901234567.123456789012345678", "export", billing_period_start=OCTOBER_0),
                ]
            )
        ],
    )
    put(lake, [charge(DAY, "1", service_name="Amazon S3"), charge(LATER, "2", list_cost=Decimal(3))])
    return lake


def test_there_and_back(lake: Lake, engine: Warehouse, tmp_path: Path) -> None:
    back = Lake(path=str(tmp_path / "back"))

    there = [(each.source, each.month, each.sums.rows, each.there) for each in migrate(lake, engine)]
    list(migrate(engine, back))

    assert there == [("export", OCTOBER.start, 3, False), ("prod", date(2026, 9, 1), 1, False),
                     ("prod", OCTOBER.start, 1, False)]  # fmt: skip
    for query in (CostQuery(YEAR, ("date", "source", "tag:team")), CostQuery(YEAR, ("service",), measure="list")):
        assert costs(engine, query) == costs(lake, query) == costs(back, query)
    for source, month, _ in lake.months():
        assert charges(back, source, month) == charges(lake, source, month)


def test_a_delivery_stays_known(lake: Lake, engine: Warehouse) -> None:
    list(migrate(lake, engine))

    assert engine.months() == lake.months()
    assert engine.replace(DELIVERY, unread()).unchanged


def test_going_on_where_it_was(lake: Lake, engine: Warehouse) -> None:
    first = next(iter(migrate(lake, engine)))
    version = engine.version()

    assert not first.there
    assert [each.there for each in migrate(lake, engine)] == [True, False, False]
    assert engine.version() != version
    version = engine.version()
    assert all(each.there for each in migrate(lake, engine))
    assert engine.version() == version


def test_what_changed_since_is_copied_again(lake: Lake, engine: Warehouse) -> None:
    list(migrate(lake, engine))
    put(lake, [charge(LATER, "2.5")])

    assert [each.there for each in migrate(lake, engine)] == [True, True, False]
    query = CostQuery(YEAR, ("source",))
    assert costs(engine, query) == costs(lake, query)


def test_a_store_with_other_charges_is_left_alone(lake: Lake, engine: Warehouse) -> None:
    put(engine, [charge(LATER, "1", "other"), charge(DAY, "1", "other")])
    version = engine.version()

    with pytest.raises(StoreError, match="the new store holds other 2026-09 and 1 more, which the old one does not"):
        list(migrate(lake, engine))
    assert engine.version() == version


class Careless(Lake):
    """A store that loses the last row of what it adopts."""

    def adopt(self, source: str, month: date, delivery: str | None, rows: Iterable[pa.RecordBatch]) -> Replaced:
        table = pa.Table.from_batches(rows)
        return super().adopt(source, month, delivery, table.slice(0, table.num_rows - 1).to_batches())


def test_sums_that_differ(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"export 2026-10: 3 charges of .* were copied, 2 of .* are there"):
        list(migrate(lake, Careless(path=str(tmp_path / "new"))))


def costs(store: Warehouse, query: CostQuery) -> list[Any]:
    return sorted(map(repr, store.query(query).to_pylist()))


def charges(store: Warehouse, source: str, month: date) -> list[str]:
    """Tags have no order, and no tags may be null or an empty map."""
    rows = (row for batch in store.rows(source, month) for row in batch.to_pylist())
    return sorted(repr(row | {"tags": sorted(row["tags"] or [])}) for row in rows)
