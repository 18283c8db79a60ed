"""What every warehouse answers: exactly what was put in, under any name, grouped and filtered in any way."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from outlay.core.ports import Warehouse
from outlay.core.query import CostQuery, Filter, Order
from outlay.core.span import Period
from tests.charges import charge, put
from tests.contracts.model import answer
from tests.contracts.stores import Store, kind_of

DAY, NEXT = date(2026, 10, 30), date(2026, 10, 31)
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
YEAR = Period(date(2026, 1, 1), date(2027, 1, 1))
LARGEST, LEAST = "99999999999999999999", "0.000000000000000001"

ODD = (
    "O'Brien's \"quoted\" `service`",
    "'; DROP TABLE charges; --",
    "$p0 %s %(p0)s {p0:String} {} ? :p0 \\' \\",
    "Zeitüberschreitung 日本語 🧾 e\u0301",
    "tab\tline\nreturn\r bell\x07 delete\x7f",
    " spaces around ",
    "",
    "NULL",
    "50%_*[a]",
    "x" * 4000,
)


def test_an_empty_store_answers_with_no_rows_in_the_right_columns(engine: Warehouse) -> None:
    empty = engine.query(CostQuery(YEAR, ("date", "service", "tag:team")))
    put(engine, [charge(DAY, "1", service_name="EC2", tags={"team": "core"})])
    found = engine.query(CostQuery(YEAR, ("date", "service", "tag:team")))
    assert (empty.num_rows, found.num_rows) == (0, 1)
    assert empty.schema == found.schema
    kinds = [pa.date32(), pa.string(), pa.string(), pa.string(), pa.decimal128(38, 18), pa.date32()]
    names = ["date", "service", "tag:team", "currency", "cost", "provisional_from"]
    assert found.schema == pa.schema(list(zip(names, kinds, strict=True)))


def test_preparing_again_keeps_what_is_there(warehouse: Warehouse, store: Store) -> None:
    put(warehouse, [charge(DAY, "1")])
    warehouse.prepare()
    store.open().prepare()
    assert answer(warehouse, CostQuery(YEAR)) == {(): 1}


def test_sums_are_exact_to_the_last_of_38_digits(warehouse: Warehouse) -> None:
    costs = [LARGEST, LEAST, "-" + LEAST, "-0.1", "0.3", *["0.000000000000000007"] * 1000]
    put(warehouse, [charge(DAY, cost) for cost in costs])
    exact = Decimal("99999999999999999999.200000000000007000")
    assert answer(warehouse, CostQuery(YEAR)) == {(): exact}
    only = CostQuery(YEAR, ("date",), (Filter("source", ("prod",)),))
    assert answer(warehouse, only) == {(DAY,): exact}


def test_the_largest_and_the_least_amount_come_back_as_they_were(engine: Warehouse) -> None:
    costs = {"most": LARGEST + ".999999999999999999", "least": LEAST, "debt": "-" + LARGEST, "none": "0"}
    put(engine, [charge(DAY, cost, service_name=name) for name, cost in costs.items()])
    found = answer(engine, CostQuery(YEAR, ("service",)))
    assert found == {(name,): Decimal(cost) for name, cost in costs.items()}


def test_any_text_is_kept_grouped_and_filtered_as_it_is(warehouse: Warehouse) -> None:
    rows = [
        charge(DAY, str(i + 1), service_name=odd, resource_id=odd, tags={odd: odd, "i": str(i)})
        for i, odd in enumerate(ODD)
    ]
    put(warehouse, rows)
    assert answer(warehouse, CostQuery(YEAR, ("service", "resource"))) == {
        (odd, odd): i + 1 for i, odd in enumerate(ODD)
    }
    for i, odd in enumerate(ODD):
        others = {(str(j),): j + 1 for j in range(len(ODD)) if j != i}
        only, but = (Filter("service", (odd,), exclude=exclude) for exclude in (False, True))
        assert answer(warehouse, CostQuery(YEAR, ("tag:i",), (only,))) == {(str(i),): i + 1}
        assert answer(warehouse, CostQuery(YEAR, ("tag:i",), (but,))) == others
        if odd:
            tagged = Filter(f"tag:{odd}", (odd,))
            assert answer(warehouse, CostQuery(YEAR, ("tag:i", f"tag:{odd}"), (tagged,))) == {(str(i), odd): i + 1}


def test_a_row_without_a_value_is_a_group_of_its_own_and_no_exclusion_drops_it(engine: Warehouse) -> None:
    rows = [("1", "EC2", {"team": "core"}), ("2", "S3", {"team": ""}), ("4", None, {}), ("8", None, None)]
    put(engine, [charge(DAY, cost, service_name=name, tags=tags) for cost, name, tags in rows])

    def ask(name: str, *values: str | None, exclude: bool = False) -> int:
        found = answer(engine, CostQuery(YEAR, (), (Filter(name, values, exclude),)))
        return int(found.get((), 0))

    assert answer(engine, CostQuery(YEAR, ("service",))) == {("EC2",): 1, ("S3",): 2, (None,): 12}
    assert answer(engine, CostQuery(YEAR, ("tag:team",))) == {("core",): 1, ("",): 2, (None,): 12}
    for name, first in (("service", "EC2"), ("tag:team", "core")):
        assert ask(name, first) == 1
        assert ask(name, None) == 12
        assert ask(name, None, first) == 13
        assert ask(name, first, exclude=True) == 14
        assert ask(name, None, exclude=True) == 3
        assert ask(name, None, first, exclude=True) == 2
        assert ask(name) == 0
        assert ask(name, exclude=True) == 15
        assert ask(name, "nobody") == 0


def test_days_and_months_end_where_they_should(engine: Warehouse) -> None:
    days = [date(2026, 9, 30), date(2026, 10, 1), date(2026, 10, 31), date(2026, 11, 1), date(2028, 2, 29)]
    put(engine, [charge(day, str(2**i)) for i, day in enumerate(days)])
    assert answer(engine, CostQuery(OCTOBER)) == {(): 6}
    assert answer(engine, CostQuery(OCTOBER, ("date",))) == {(days[1],): 2, (days[2],): 4}
    ever = Period(date(2020, 1, 1), date(2030, 1, 1))
    months = {date(2026, 9, 1): 1, date(2026, 10, 1): 6, date(2026, 11, 1): 8, date(2028, 2, 1): 16}
    assert answer(engine, CostQuery(ever, ("month",))) == {(month,): cost for month, cost in months.items()}
    october = Filter("month", ("2026-10",))
    assert answer(engine, CostQuery(ever, (), (october,))) == {(): 6}
    assert answer(engine, CostQuery(ever, (), (Filter("date", ("2028-02-29",)),))) == {(): 16}
    assert answer(engine, CostQuery(Period(date(2028, 2, 29), date(2028, 3, 1)), ("month",))) == {
        (date(2028, 2, 1),): 16
    }


def test_rows_come_in_the_order_asked_for_and_no_more_than_the_limit(engine: Warehouse) -> None:
    costs = {"b": "2", "a": "2", "d": "30", "c": "-1", None: "7"}
    put(engine, [charge(DAY, cost, service_name=name) for name, cost in costs.items()])

    def names(**more: Any) -> list[str | None]:
        found: list[str | None] = engine.query(CostQuery(YEAR, ("service",), **more))["service"].to_pylist()
        return found

    assert names() == ["d", None, "a", "b", "c"]
    assert names(limit=2) == ["d", None]
    assert names(limit=99) == names()
    assert names(order="dimensions") == ["a", "b", "c", "d", None]
    assert names(order="dimensions", limit=3) == ["a", "b", "c"]


@pytest.mark.parametrize("order", ["cost", "dimensions"])
def test_totals_come_last_one_per_currency_of_the_rows_beyond_the_limit_too(engine: Warehouse, order: Order) -> None:
    costs = {"a": "2", "b": "30", None: "-1"}
    rows = [charge(DAY, cost, service_name=name) for name, cost in costs.items()]
    put(engine, [*rows, charge(DAY, "1", billing_currency="EUR", provisional=True)])
    answer = engine.query(CostQuery(YEAR, ("service",), order=order, limit=1, totals=True)).to_pylist()
    assert [row["is_total"] for row in answer] == [False, True, True]
    assert [row["service"] for row in answer[1:]] == [None, None]
    sums = {row["currency"]: (row["cost"], row["provisional_from"]) for row in answer if row["is_total"]}
    assert sums == {"EUR": (Decimal(1), DAY), "USD": (Decimal(31), None)}


def test_each_measure_sums_its_own_column(engine: Warehouse) -> None:
    more: dict[str, Any] = {"effective_cost": Decimal(2), "contracted_cost": Decimal(3), "list_cost": None}
    put(engine, [charge(DAY, "1", **more), charge(DAY, "1", **more | {"contracted_cost": None})])
    costs = {
        measure: engine.query(CostQuery(YEAR, (), (), measure))["cost"].to_pylist()
        for measure in ("billed", "effective", "contracted", "list")
    }
    assert costs == {"billed": [2], "effective": [4], "contracted": [3], "list": [None]}


def test_currencies_are_never_added_up(engine: Warehouse) -> None:
    put(engine, [charge(DAY, cost, billing_currency=c) for cost, c in (("1", "USD"), ("2", "EUR"), ("3", "USD"))])
    found = engine.query(CostQuery(YEAR, order="dimensions")).to_pylist()
    assert [(row["currency"], row["cost"]) for row in found] == [("EUR", 2), ("USD", 4)]


def test_an_answer_tells_the_first_of_its_days_that_is_an_estimate(engine: Warehouse) -> None:
    last = NEXT + timedelta(days=1)
    put(engine, [charge(DAY, "1"), charge(NEXT, "1", provisional=True), charge(last, "1", provisional=True)])
    found = engine.query(CostQuery(YEAR, ("month",), order="dimensions")).to_pylist()
    assert [row["provisional_from"] for row in found] == [NEXT, last]
    assert engine.query(CostQuery(Period(DAY, NEXT))).to_pylist()[0]["provisional_from"] is None


def cut_rows(source: str, cut: str, costs: dict[date, dict[str, str]]) -> list[dict[str, Any]]:
    """The charges of one cut: what each service, or each team, costs on each day."""
    return [
        charge(day, cost, source, cut=cut, **({"tags": {"team": key}} if cut == "tag:team" else {"service_name": key}))
        for day, some in costs.items()
        for key, cost in some.items()
    ]


def test_of_several_cuts_of_the_same_money_each_day_is_answered_from_one(engine: Warehouse) -> None:
    other = NEXT + timedelta(days=1)
    put(
        engine,
        [
            *cut_rows("prod", "service,region", {DAY: {"EC2": "7", "S3": "3"}, NEXT: {"EC2": "20"}}),
            *cut_rows("prod", "tag:team", {DAY: {"core": "4", "web": "6"}, other: {"core": "40"}}),
            charge(DAY, "100", "full", service_name="EC2", tags={"team": "core"}),
        ],
    )
    total = {(): 170}
    assert answer(engine, CostQuery(YEAR)) == total
    for dimensions in [("date",), ("service",), ("tag:team",), ("service", "tag:team"), ("region", "tag:x"), ("sku",)]:
        assert sum(answer(engine, CostQuery(YEAR, dimensions)).values()) == total[()], dimensions
    assert answer(engine, CostQuery(YEAR, ("source", "service"))) == {
        ("full", "EC2"): 100, ("prod", "EC2"): 27, ("prod", "S3"): 3, ("prod", None): 40,
    }  # fmt: skip
    assert answer(engine, CostQuery(YEAR, ("source", "tag:team"))) == {
        ("full", "core"): 100, ("prod", "core"): 44, ("prod", "web"): 6, ("prod", None): 20,
    }  # fmt: skip
    ec2 = Filter("service", ("EC2",))
    assert answer(engine, CostQuery(YEAR, ("tag:team",), (ec2,))) == {("core",): 100, (None,): 27}
    assert answer(engine, CostQuery(YEAR, ("service",), (Filter("tag:team", ("core",)),))) == {
        ("EC2",): 100, (None,): 44,
    }  # fmt: skip


def test_a_warehouse_without_a_kind_is_told_where_to_add_it() -> None:
    with pytest.raises(LookupError, match=r"warehouse 'nope': KINDS of tests/contracts/stores\.py does not say"):
        kind_of("nope", "")
