"""Any sequence of replaces leaves what a dict would hold, on every warehouse."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outlay.core.ports import Replaced, Warehouse
from outlay.core.query import CostQuery, Filter
from outlay.core.span import Period
from tests.contracts.conftest import NewStore
from tests.contracts.model import EVER, Model, Step, answer, steps, unread
from tests.contracts.stores import Kind

QUESTIONS = (
    CostQuery(EVER, ("source", "date")),
    CostQuery(EVER, ("month", "source")),
    CostQuery(EVER, ("provider",), (Filter("service", ("EC2", None)),)),
    CostQuery(EVER, ("provider", "service"), (Filter("service", ("EC2",), exclude=True),)),
    CostQuery(EVER, ("date",), (Filter("service", ("EC2", None), exclude=True), Filter("provider", ("aws",)))),
    CostQuery(Period(date(2026, 8, 31), date(2026, 10, 1)), ("date", "service")),
)


def test_any_sequence_of_replaces_equals_a_dict(new_store: NewStore, kind: Kind) -> None:
    @settings(
        max_examples=kind.examples,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(steps(), min_size=3, max_size=6))
    def check(sequence: list[Step]) -> None:
        warehouse, model = new_store().open(), Model()
        warehouse.prepare()
        for number, step in enumerate(sequence):
            _replaced(warehouse, model, _numbered(step, number))
        warehouse.maintain()
        for question in QUESTIONS:
            assert answer(warehouse, question) == model.answer(question)

    check()


def _numbered(step: Step, number: int) -> Step:
    """The step, its delivery told apart from those of other steps."""
    version = step.span.version and f"{step.span.version} {number}"
    return replace(step, span=replace(step.span, version=version))


def _replaced(warehouse: Warehouse, model: Model, step: Step) -> None:
    assert warehouse.replace(step.span, step.batches()) == model.replace(step)
    assert answer(warehouse, QUESTIONS[0]) == model.answer(QUESTIONS[0])
    if step.span.version and step.rows:
        assert warehouse.replace(step.span, unread()) == Replaced(unchanged=True)
