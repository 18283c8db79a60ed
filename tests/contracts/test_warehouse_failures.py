"""A replace that fails changes nothing, and says why in the right error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
from tests.contracts.conftest import NewStore
from tests.contracts.stores import Store

DAY, NEXT, BEFORE = date(2026, 10, 30), date(2026, 10, 31), date(2026, 9, 30)
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
MONTH = Span("prod", OCTOBER)
TWO_DAYS = Span("prod", OCTOBER, Period(DAY, date(2026, 11, 1)))
QUERY = CostQuery(Period(date(2026, 1, 1), date(2027, 1, 1)), ("source", "date", "service"), order="dimensions")
IN_OCTOBER: dict[str, Any] = {
    "billing_period_start": midnight(OCTOBER.start),
    "billing_period_end": midnight(OCTOBER.end),
}

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


@dataclass(frozen=True, slots=True)
class Filled:
    """A store with charges on both sides of every border, seen by the one that writes and by another."""

    writer: Warehouse
    reader: Warehouse

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Nothing that is done inside changes anything that anybody reads."""
        before, version = self.writer.query(QUERY), self.writer.version()
        yield
        for each in (self.writer, self.reader):
            assert each.query(QUERY) == before
            assert each.version() == version


@pytest.fixture(scope="module")
def filled(new_engine: NewStore) -> Filled:
    """One store for many tests: they do not change it."""
    return fill(new_engine())


def fill(store: Store) -> Filled:
    writer = store.open()
    put(writer, [charge(day, "1", service_name="old") for day in (BEFORE, DAY, NEXT)])
    put(writer, [charge(DAY, "1", "test")])
    return Filled(writer, store.open())


@pytest.mark.parametrize("outside", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_a_row_outside_of_the_span_is_refused_with_all_others(filled: Filled, outside: Outside) -> None:
    bad = focus.batch([outside.row])
    month = outside.span.months.start
    fine = focus.batch([charge(DAY if month == OCTOBER.start else month, "1")])
    for rows in ([fine, bad], [pa.concat_batches([fine, bad, fine]), fine]):
        with filled.unchanged(), pytest.raises(BillError, match=outside.says):
            filled.writer.replace(outside.span, rows)


ERRORS = (SourceError("prod: no"), OSError("connection lost"), ValueError("?"), KeyboardInterrupt())


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_rows_that_break_off_leave_all_as_it_was_and_raise_their_own_error(
    new_store: NewStore, error: BaseException
) -> None:
    filled = fill(new_store())

    def rows() -> Iterator[pa.RecordBatch]:
        yield focus.batch([charge(DAY, "10"), charge(NEXT, "20")])
        raise error

    with filled.unchanged():
        for span in (MONTH, TWO_DAYS):
            with pytest.raises(type(error)) as caught:
                filled.writer.replace(span, rows())
            assert caught.value is error


def test_a_charge_without_what_every_charge_has_is_refused(filled: Filled) -> None:
    batch = focus.batch([charge(DAY, "1")])
    schema = pa.schema([field.with_nullable(True) for field in batch.schema])
    with filled.unchanged():
        for index, column in enumerate(focus.CHARGES):
            if column.nullable:
                continue
            columns = batch.columns
            columns[index] = pa.nulls(1, schema.field(index).type)
            says = "billing period" if column.name == "billing_period_start" else column.name
            with pytest.raises(BillError, match=says if column.name != "source" else "source None"):
                filled.writer.replace(MONTH, [pa.RecordBatch.from_arrays(columns, schema=schema)])


def test_after_a_replace_that_failed_the_next_one_succeeds(warehouse: Warehouse) -> None:
    bad = focus.batch([charge(DAY, "1", "test")])
    fine = focus.batch([charge(DAY, "2")])
    for span in (MONTH, TWO_DAYS):
        with pytest.raises(BillError):
            warehouse.replace(span, [fine, bad])
        assert warehouse.replace(span, [fine]).rows == 1
