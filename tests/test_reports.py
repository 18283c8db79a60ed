"""The named questions: totals beyond limits, excluded charges, months to date, and their JSON."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.core.errors import UsageError
from outlay.core.ports import Warehouse
from outlay.core.query import CostQuery, Filter
from outlay.core.span import Period
from outlay.reports import EXCLUDABLE, as_json, costs, excluding, month_to_date
from outlay.warehouses.lake import Lake
from tests.charges import charge, put

FIRST = date(2026, 10, 1)
OCTOBER = Period(FIRST, date(2026, 11, 1))
LEAST = "0.000000000000000001"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    found = Lake(path=str(tmp_path))
    found.prepare()
    return found


def test_totals_are_of_all_rows_those_beyond_a_limit_too(warehouse: Warehouse) -> None:
    rows = [charge(FIRST, cost, service_name=name) for cost, name in (("5", "EC2"), ("3", "S3"), (LEAST, None))]
    put(warehouse, [*rows, charge(FIRST, "2", service_name="VM", billing_currency="EUR")])
    found = costs(warehouse, CostQuery(OCTOBER, ("service",), limit=1))
    assert found.rows == [{"service": "EC2", "cost": Decimal(5), "currency": "USD"}]
    assert found.totals == {"EUR": Decimal(2), "USD": 8 + Decimal(LEAST)}
    assert costs(warehouse, CostQuery(OCTOBER, ("service",))).totals == found.totals
    assert (found.days, found.measure, found.dimensions) == (OCTOBER, "billed", ("service",))


def test_the_first_estimate_is_told_though_its_row_is_beyond_the_limit(warehouse: Warehouse) -> None:
    late = FIRST + timedelta(days=9)
    put(warehouse, [charge(FIRST, "5"), charge(late, "1", provisional=True), charge(late, "1", service_name="S3")])
    assert costs(warehouse, CostQuery(OCTOBER, ("date",), limit=1)).provisional_from == late
    assert costs(warehouse, CostQuery(Period(FIRST, late))).provisional_from is None


def test_a_measure_that_nobody_has_is_zero(warehouse: Warehouse) -> None:
    put(warehouse, [charge(FIRST, "5", list_cost=None)])
    found = costs(warehouse, CostQuery(OCTOBER, measure="list"))
    assert found.rows == [{"cost": Decimal(0), "currency": "USD"}]
    assert found.totals == {"USD": Decimal(0)}


def test_nothing_there_is_no_row_and_no_total(warehouse: Warehouse) -> None:
    found = costs(warehouse, CostQuery(OCTOBER, ("date",), limit=3))
    assert (found.rows, found.totals, found.provisional_from) == ([], {}, None)


def test_the_json_has_exact_strings_and_an_inclusive_end(warehouse: Warehouse) -> None:
    rows = [charge(FIRST, "12.50", service_name="EC2"), charge(FIRST, "-" + LEAST, provisional=True)]
    put(warehouse, rows)
    found = as_json(costs(warehouse, CostQuery(OCTOBER, ("date", "service"))))
    assert json.loads(json.dumps(found)) == found == {
        "period": {"start": "2026-10-01", "end": "2026-10-31"},
        "measure": "billed",
        "totals": {"USD": "12.499999999999999999"},
        "rows": [
            {"date": "2026-10-01", "service": "EC2", "currency": "USD", "cost": "12.5"},
            {"date": "2026-10-01", "service": None, "currency": "USD", "cost": "-" + LEAST},
        ],
        "provisional_from": "2026-10-01",
    }  # fmt: skip


def test_kinds_of_charges_are_left_out_by_the_words_people_use(warehouse: Warehouse) -> None:
    categories = {"Usage": "1", "Credit": "-2", "Adjustment": "-4", "Tax": "8", "Purchase": "16"}
    put(warehouse, [charge(FIRST, cost, charge_category=name) for name, cost in categories.items()])

    def total(*words: str) -> int:
        return int(costs(warehouse, CostQuery(OCTOBER, filters=excluding(words))).totals["USD"])

    assert total() == 19
    for word, category in EXCLUDABLE.items():
        assert total(word) == 19 - int(categories[category])
    assert total("credits", "refunds", "taxes") == 17
    assert total("credit", "Tax") == 13
    assert excluding([]) == ()
    with pytest.raises(UsageError, match="no kind of charge named 'gifts'; there are: credits, refunds, taxes"):
        excluding(["gifts"])


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        # Each day costs its number: five days are 15, and September's 30 are 465.
        (date(2026, 10, 6), (OCTOBER.start, 15, 15, 465)),
        (date(2026, 11, 1), (OCTOBER.start, 496, 465, 465)),  # October has a day more than September
        (date(2026, 10, 1), (date(2026, 9, 1), 465, 465, 496)),  # on the first, the month that just ended
        (date(2026, 9, 2), (date(2026, 9, 1), 1, 1, 496)),
    ],
)
def test_a_month_to_date_is_held_against_the_same_days_of_the_month_before(
    warehouse: Warehouse, until: date, expected: tuple[Any, ...]
) -> None:
    days = Period(date(2026, 8, 1), OCTOBER.end)
    put(warehouse, [charge(day, str(day.day)) for day in days.each_day()])
    found = month_to_date(warehouse, until)
    assert found.month == Period(expected[0], until)
    numbers = [found.current, found.previous_same_days, found.previous]
    assert numbers == [{"USD": Decimal(cost)} for cost in expected[1:]]


def test_a_month_to_date_keeps_to_its_filters_and_measure(warehouse: Warehouse) -> None:
    rows = [charge(FIRST, "1", service_name=name, effective_cost=Decimal(7)) for name in ("EC2", "S3")]
    put(warehouse, rows)
    found = month_to_date(warehouse, FIRST + timedelta(days=1), (Filter("service", ("S3",)),), "effective")
    assert (found.current, found.previous) == ({"USD": Decimal(7)}, {})
