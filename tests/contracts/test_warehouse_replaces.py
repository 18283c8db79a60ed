"""What a replace does and says on every warehouse: the span's rows, no other's, and never the same delivery twice."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from outlay.core import focus
from outlay.core.ports import DayChange, Replaced, Warehouse
from outlay.core.query import CostQuery
from outlay.core.span import Period, Span
from tests.charges import charge, midnight, put
from tests.contracts.conftest import NewStore, prepared
from tests.contracts.model import answer, unread
from tests.contracts.stores import Store

DAY, NEXT = date(2026, 10, 30), date(2026, 10, 31)
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
MONTH = Span("prod", OCTOBER)
YEAR = Period(date(2026, 1, 1), date(2027, 1, 1))


def of_day(day: date) -> Span:
    return Span.of_days("prod", Period(day, day + timedelta(days=1)))


def test_a_replace_tells_what_it_changed(warehouse: Warehouse) -> None:
    late: dict[str, Any] = {
        "billing_period_start": midnight(OCTOBER.start),
        "billing_period_end": midnight(OCTOBER.end),
    }
    before = date(2026, 9, 30)
    put(warehouse, [charge(before, "1")])
    first = warehouse.replace(
        MONTH, [focus.batch([charge(DAY, "2"), charge(NEXT, "3"), charge(before, "0.5", **late)])]
    )
    assert first == Replaced(3, {"USD": Decimal("5.5")}, [
        DayChange(before, "USD", Decimal(1), Decimal("1.5")),
        DayChange(DAY, "USD", None, Decimal(2)),
        DayChange(NEXT, "USD", None, Decimal(3)),
    ])  # fmt: skip
    rows = [charge(DAY, "2"), charge(before, "0.25", **late), charge(NEXT, "1", billing_currency="EUR")]
    second = warehouse.replace(MONTH, [focus.batch(rows)])
    assert second.totals == {"USD": Decimal("2.25"), "EUR": Decimal(1)}
    assert second.changes == [
        DayChange(before, "USD", Decimal("1.5"), Decimal("1.25")),
        DayChange(NEXT, "EUR", None, Decimal(1)),
        DayChange(NEXT, "USD", Decimal(3), Decimal(0)),
    ]
    assert warehouse.replace(MONTH, [focus.batch(rows)]).changes == []
    assert [change.after for change in warehouse.replace(MONTH, []).changes] == [1, 0, 0]
    assert answer(warehouse, CostQuery(YEAR, ("date",))) == {(before,): 1}


def test_a_month_that_comes_after_its_late_charges_restates_nothing(warehouse: Warehouse) -> None:
    before = MONTH.months.start - timedelta(days=1)
    late = charge(before, "5", billing_period_start=midnight(MONTH.months.start))
    warehouse.replace(MONTH, [focus.batch([late])])
    earlier = Span(MONTH.source, Period(before.replace(day=1), MONTH.months.start))
    assert warehouse.replace(earlier, [focus.batch([charge(before, "2")])]).changes == [
        DayChange(before, "USD", None, Decimal(7))
    ]
    assert warehouse.replace(earlier, [focus.batch([charge(before, "3")])]).changes == [
        DayChange(before, "USD", Decimal(7), Decimal(8))
    ]


def test_replacing_days_leaves_the_other_days_of_the_month_as_they_were(warehouse: Warehouse) -> None:
    rows = [charge(DAY, "1", service_name="EC2", tags={"team": "core"}, consumed_quantity=Decimal("1.5"))]
    put(warehouse, [*rows, charge(NEXT, "2")])
    assert warehouse.replace(of_day(NEXT), [focus.batch([charge(NEXT, "8")])]).changes == [
        DayChange(NEXT, "USD", Decimal(2), Decimal(8))
    ]
    assert answer(warehouse, CostQuery(YEAR, ("date", "service", "tag:team"))) == {
        (DAY, "EC2", "core"): 1, (NEXT, None, None): 8,
    }  # fmt: skip
    assert warehouse.replace(of_day(NEXT), iter(())) == Replaced(
        changes=[DayChange(NEXT, "USD", Decimal(8), Decimal(0))]
    )
    assert answer(warehouse, CostQuery(YEAR, ("date",))) == {(DAY,): 1}


@pytest.mark.parametrize("span", [MONTH, of_day(DAY), Span.of_everything("prod")], ids=str)
def test_a_span_without_rows_is_no_error(engine: Warehouse, span: Span) -> None:
    assert engine.replace(span, ()) == Replaced()
    assert engine.replace(span, [focus.batch([])]) == Replaced()
    assert answer(engine, CostQuery(YEAR)) == {}


def test_a_delivery_that_is_there_is_not_read_again(warehouse: Warehouse, store: Store) -> None:
    first, second = (Span("prod", OCTOBER, version=version) for version in ("one", "'; two\n"))
    assert not warehouse.replace(first, [focus.batch([charge(DAY, "1")])]).unchanged
    for each in (warehouse, store.open()):
        assert each.replace(first, unread()) == Replaced(unchanged=True)
    assert warehouse.replace(second, [focus.batch([charge(DAY, "2")])]).rows == 1
    assert store.open().replace(second, unread()) == Replaced(unchanged=True)
    warehouse.replace(of_day(NEXT), [focus.batch([charge(NEXT, "3")])])
    assert warehouse.replace(second, [focus.batch([charge(DAY, "2")])]).rows == 1
    assert answer(warehouse, CostQuery(YEAR)) == {(): 2}


def test_a_part_of_a_delivery_is_not_taken_for_the_whole(engine: Warehouse) -> None:
    september, october = (charge(day, "1") for day in (date(2026, 9, 5), DAY))
    everything = Span.of_everything("prod", "one")
    engine.replace(Span("prod", OCTOBER, version="one"), [focus.batch([october])])
    assert engine.replace(everything, [focus.batch([september, october])]).rows == 2
    assert answer(engine, CostQuery(YEAR)) == {(): 2}


def test_the_version_changes_whenever_the_charges_do_and_only_then(warehouse: Warehouse, store: Store) -> None:
    versions = [warehouse.version()]
    span = Span("prod", OCTOBER, version="one")
    for rows in ([charge(DAY, "1")], [charge(DAY, "2")]):
        warehouse.replace(of_day(DAY), [focus.batch(rows)])
        versions.append(warehouse.version())
    warehouse.replace(span, [focus.batch([charge(DAY, "2")])])
    versions.append(warehouse.version())
    warehouse.replace(span, unread())
    warehouse.query(CostQuery(YEAR, ("date",)))
    assert len(set(versions)) == len(versions)
    assert warehouse.version() == versions[-1] == store.open().version()


def test_two_stores_never_share_a_version(new_engine: NewStore) -> None:
    stores = [prepared(new_engine()) for _ in range(2)]
    for each in stores:
        each.replace(of_day(DAY), [focus.batch([charge(DAY, "1")])])
    assert stores[0].version() != stores[1].version()


def test_tidying_changes_no_answer(warehouse: Warehouse, store: Store) -> None:
    days = [date(2026, 10, 1) + timedelta(days=i) for i in range(10)]
    for i, day in enumerate(days):
        warehouse.replace(of_day(day), [focus.batch([charge(day, f"{i}.5", service_name="it's", tags={"a": "b"})])])
    query = CostQuery(YEAR, ("date", "service", "tag:a"), order="dimensions")
    before = warehouse.query(query)
    warehouse.maintain()
    assert warehouse.query(query) == before == store.open().query(query)
    warehouse.replace(of_day(days[3]), [focus.batch([charge(days[3], "100")])])
    assert answer(warehouse, CostQuery(Period(days[3], days[5]), ("date",))) == {
        (days[3],): 100,
        (days[4],): Decimal("4.5"),
    }
