"""What takes charges from one warehouse to another: each row as it was, each delivery as known as before."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.core import focus
from outlay.core.ports import DayChange, Replaced, Warehouse
from outlay.core.query import CostQuery
from outlay.core.span import Period, Span
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.contracts.conftest import NewStore
from tests.contracts.model import answer, unread

SEPTEMBER, OCTOBER = date(2026, 9, 1), date(2026, 10, 1)
DAY, BEFORE = date(2026, 10, 31), date(2026, 9, 30)
YEAR = Period(date(2026, 1, 1), date(2027, 1, 1))
LARGEST = "12345678901234567890.123456789012345678"
MOMENT = datetime(2026, 10, 31, 23, 59, 59, 999999, tzinfo=UTC)

# A value of every kind in every column, and values at the edges of each kind.
FULL: dict[str, Any] = {
    column.name: {
        "string": f"of {column.name}", "decimal": Decimal("-0.000000000000000001"), "timestamp": MOMENT,
        "date": DAY, "boolean": True, "tags": {"team": "core", "": "", "it's \"a\" \\ key\n": "ü 日本 🧾\t,;"},
    }[column.kind]
    for column in focus.CHARGES
    if column.name not in {"source", "cut", "billing_period_start", "charge_date"}
}  # fmt: skip
ODD = ("", " ", "NULL", "\\N", "\\.", '"', "''", "a,b", "\r\n", "line\nbreak", "{}", "\x01", "t", "0")


def rows_of(warehouse: Warehouse, source: str, month: date) -> list[dict[str, Any]]:
    found = []
    for batch in warehouse.rows(source, month):
        assert batch.schema.equals(focus.schema())
        # The tags of a row are in no order.
        found += [row | {"tags": row["tags"] and sorted(row["tags"])} for row in batch.to_pylist()]
    return sorted(found, key=str)


def test_rows_come_back_as_they_were_put_in(engine: Warehouse) -> None:
    rows = [
        charge(DAY, "1", **FULL | {"billing_currency": "EUR"}),
        charge(DAY, LARGEST, tags={}),
        *(charge(DAY, str(i), service_name=odd, availability_zone=odd, tags={"k": odd}) for i, odd in enumerate(ODD)),
    ]
    put(engine, [*rows, charge(BEFORE, "7"), charge(DAY, "8", "test")])
    want = focus.batch(rows).to_pylist()
    assert rows_of(engine, "prod", OCTOBER) == sorted(
        (row | {"tags": row["tags"] and sorted(row["tags"])} for row in want), key=str
    )
    assert len(rows_of(engine, "test", OCTOBER)) == 1
    assert rows_of(engine, "prod", date(2026, 8, 1)) == rows_of(engine, "nobody", OCTOBER) == []


def test_rows_come_in_batches(engine: Warehouse) -> None:
    engine.replace(Span.of_days("prod", Period(DAY, date(2026, 11, 1))), [focus.batch([charge(DAY, "1")] * 9000)] * 5)
    sizes = [batch.num_rows for batch in engine.rows("prod", OCTOBER)]
    assert sum(sizes) == 45_000
    assert len(sizes) > 1


def test_months_say_what_is_there_and_which_delivery_brought_it(engine: Warehouse) -> None:
    assert engine.months() == []
    everything = Span.of_everything("files", "one")
    engine.replace(everything, [focus.batch([charge(BEFORE, "1", "files"), charge(DAY, "2", "files")])])
    engine.replace(Span.of_days("api", Period(DAY, date(2026, 11, 1))), [focus.batch([charge(DAY, "3", "api")])])
    (api, *files) = engine.months()
    assert api == ("api", OCTOBER, None)
    assert [each[:2] for each in files] == [("files", SEPTEMBER), ("files", OCTOBER)]
    assert files[0][2] == files[1][2] is not None


@pytest.mark.parametrize("span", [Span("prod", Period(SEPTEMBER, date(2026, 11, 1)), version="one"),
                                  Span.of_everything("prod", "one")], ids=str)  # fmt: skip
def test_an_adopted_delivery_is_unchanged_when_it_comes_again(new_engine: NewStore, span: Span, tmp_path: Path) -> None:
    lake, engine, back = Lake(path=str(tmp_path / "a")), new_engine().open(), Lake(path=str(tmp_path / "b"))
    lake.replace(span, [focus.batch([charge(BEFORE, "1", service_name="a"), charge(DAY, LARGEST)])])
    put(lake, [charge(DAY, "-2", "other", billing_currency="EUR")])
    for here, there in ((lake, engine), (engine, back)):
        there.prepare()
        for source, month, delivery in here.months():
            there.adopt(source, month, delivery, here.rows(source, month))
        assert there.months() == lake.months()
        for source, month, _ in lake.months():
            assert rows_of(there, source, month) == rows_of(lake, source, month)
        for dimensions in ((), ("date", "service", "source")):
            query = CostQuery(YEAR, dimensions, order="dimensions")
            assert there.query(query) == lake.query(query)
        assert there.replace(span, unread()) == Replaced(unchanged=True)


def test_adopting_replaces_the_month_and_tells_what_changed(engine: Warehouse) -> None:
    put(engine, [charge(BEFORE, "7"), charge(DAY, "1")])
    done = engine.adopt("prod", OCTOBER, None, [focus.batch([charge(DAY, "2")])])
    assert done == Replaced(1, {"USD": Decimal(2)}, [DayChange(DAY, "USD", Decimal(1), Decimal(2))])
    assert answer(engine, CostQuery(YEAR, ("date",))) == {(BEFORE,): 7, (DAY,): 2}
    assert not engine.adopt("prod", OCTOBER, "abc", [focus.batch([charge(DAY, "2")])]).unchanged
    assert engine.adopt("prod", OCTOBER, "abc", [focus.batch([charge(DAY, "3")])]).rows == 1
    assert ("prod", OCTOBER, "abc") in engine.months()
