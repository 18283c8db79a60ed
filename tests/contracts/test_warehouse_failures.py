"""A replace that fails changes nothing, and says why in the right error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from outlay.core import focus
from outlay.core.errors import BillError, SourceError
from outlay.core.ports import Warehouse
from outlay.core.query import CostQuery
from outlay.core.span import Period, Span
from tests.charges import charge, midnight, put
from tests.contracts.stores import Store

DAY, NEXT, BEFORE = date(2026, 10, 30), date(2026, 10, 31), date(2026, 9, 30)
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
MONTH = Span("prod", OCTOBER)
TWO_DAYS = Span("prod", OCTOBER, Period(DAY, date(2026, 11, 1)), version="a delivery of days")
QUERY = CostQuery(Period(date(2026, 1, 1), date(2027, 1, 1)), ("source", "date", "service"), order="dimensions")
IN_OCTOBER = {"billing_period_start": midnight(OCTOBER.start), "billing_period_end": midnight(OCTOBER.end)}

GOOD = focus.batch([charge(DAY, "10", service_name="new"), charge(NEXT, "20", service_name="new")])


@dataclass(frozen=True, slots=True)
class Outside:
    """A charge outside of a span, and what the error should say."""

    span: Span
    row: dict[str, Any]
    says: str


OUTSIDE = {
    "another month": Outside(MONTH, charge(BEFORE, "1"), "prod 2026-10: .* billed in 2026-09"),
    "another month of everything": Outside(
        Span("prod", Period(date(2026, 8, 1), date(2026, 9, 1))), charge(BEFORE, "1"), "2026-08: .* 2026-09"
    ),
    "another month, charged on these days": Outside(
        TWO_DAYS, charge(BEFORE, "1", charge_date=DAY), "billed in 2026-09"
    ),
    "the day before": Outside(TWO_DAYS, charge(date(2026, 10, 29), "1"), "2026-10-30..2026-10-31: .* of 2026-10-29"),
    "the day after": Outside(TWO_DAYS, charge(date(2026, 11, 1), "1", **IN_OCTOBER), "of 2026-11-01"),
    "another source": Outside(MONTH, charge(DAY, "1", "test"), "'test'"),
    "a source spelled otherwise": Outside(TWO_DAYS, charge(DAY, "1", "Prod"), "'Prod'"),
}


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """A store with charges on both sides of every border."""
    rows = [charge(day, "1", source, service_name="old") for day in (BEFORE, DAY, NEXT) for source in ("prod", "test")]
    put(warehouse, rows)
    return warehouse


def unchanged(store: Store, warehouse: Warehouse, before: pa.Table, version: str) -> bool:
    return all(
        each.query(QUERY) == before and each.version() == version for each in (warehouse, store.open())
    )


@pytest.mark.parametrize("outside", OUTSIDE.values(), ids=OUTSIDE.keys())
@pytest.mark.parametrize("last", [True, False], ids=["last", "amid"])
def test_a_row_outside_of_the_span_is_refused_with_all_others(
    filled: Warehouse, store: Store, outside: Outside, last: bool
) -> None:
    before, version = filled.query(QUERY), filled.version()
    bad = focus.batch([outside.row])
    month = outside.span.months.start
    fine = focus.batch([charge(DAY if month == OCTOBER.start else month, "1")])
    rows = [fine, bad] if last else [pa.concat_batches([fine, bad, fine]), fine]
    with pytest.raises(BillError, match=outside.says):
        filled.replace(outside.span, rows)
    assert unchanged(store, filled, before, version)


@pytest.mark.parametrize("error", [SourceError("prod: no"), OSError("connection lost"), ValueError("?"), KeyboardInterrupt()])
@pytest.mark.parametrize("span", [MONTH, TWO_DAYS], ids=["month", "days"])
def test_rows_that_break_off_leave_all_as_it_was_and_raise_their_own_error(
    filled: Warehouse, store: Store, span: Span, error: BaseException
) -> None:
    before, version = filled.query(QUERY), filled.version()

    def rows() -> Iterator[pa.RecordBatch]:
        yield GOOD
        raise error

    with pytest.raises(type(error)) as caught:
        filled.replace(span, rows())
    assert caught.value is error
    assert unchanged(store, filled, before, version)
    assert filled.replace(span, [GOOD]).rows == 2


@pytest.mark.parametrize("name", [column.name for column in focus.CHARGES if not column.nullable])
def test_a_charge_without_what_every_charge_has_is_refused(
    filled: Warehouse, name: str
) -> None:
    before = filled.query(QUERY)
    index = focus.NAMES.index(name)
    batch = focus.batch([charge(DAY, "1")])
    columns = [*batch.columns[:index], pa.nulls(1, batch.schema.field(index).type), *batch.columns[index + 1 :]]
    schema = pa.schema([field.with_nullable(True) for field in batch.schema])
    with pytest.raises(BillError, match=name.replace("_start", "").replace("_", " ") + f"|{name}"):
        filled.replace(MONTH, [pa.RecordBatch.from_arrays(columns, schema=schema)])
    assert filled.query(QUERY) == before
