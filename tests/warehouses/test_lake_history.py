"""Older versions of the lake: what was stored at a moment, until their files are gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outlay.core.query import CostQuery
from outlay.core.span import Period
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.contracts.model import EVER, Model, Step, steps
from tests.contracts.test_warehouse_model import QUESTIONS

DAY = date(2026, 10, 5)
BY_SERVICE = CostQuery(EVER, ("service",))


def now() -> datetime:
    """This moment, and commits after it are after it: their times are milliseconds."""
    found = datetime.now(UTC)
    sleep(0.003)
    return found


def answered(lake: Lake, moment: datetime, query: CostQuery) -> dict[tuple[Any, ...], Decimal]:
    """The cost of every combination of the query's dimensions, as it was at a moment."""
    found = lake.query_as_of(query, moment)
    assert found is not None
    return {tuple(row[name] for name in query.dimensions): row["cost"] for row in found.to_pylist()}


def test_any_moment_is_answered_as_it_was(tmp_path_factory: pytest.TempPathFactory) -> None:
    @settings(
        max_examples=8,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(steps(), min_size=2, max_size=5))
    def check(sequence: list[Step]) -> None:
        lake = Lake(path=str(tmp_path_factory.mktemp("lake")))
        model, expected = Model(), []
        for number, drawn in enumerate(sequence):
            # Each delivery is another: the same one twice would not be read.
            version = drawn.span.version and f"{drawn.span.version} {number}"
            step = replace(drawn, span=replace(drawn.span, version=version))
            lake.replace(step.span, step.batches())
            model.replace(step)
            expected.append((now(), [model.answer(question) for question in QUESTIONS]))
        lake.maintain()
        for moment, answers in expected:
            assert [answered(lake, moment, question) for question in QUESTIONS] == answers

    check()


def test_before_the_first_version_there_is_none(tmp_path: Path) -> None:
    lake, before = Lake(path=str(tmp_path / "lake")), now()
    assert lake.query_as_of(BY_SERVICE, before) is None
    put(lake, [charge(DAY, "1")])
    assert lake.query_as_of(BY_SERVICE, before) is None
    assert lake.query_as_of(BY_SERVICE, now()) is not None


def test_a_file_that_is_gone_is_told_of_the_days_it_has(tmp_path: Path) -> None:
    lake = Lake(path=str(tmp_path / "lake"))
    put(lake, [charge(DAY, "1"), charge(date(2026, 9, 5), "2")])
    then = now()
    put(lake, [charge(DAY, "3")])
    assert answered(lake, then, BY_SERVICE) == {(None,): 3}

    current = {file.path for file in lake._snapshot().files}
    for file in (tmp_path / "lake").rglob("*.parquet"):
        if not any(str(file).endswith(path) for path in current):
            file.unlink()

    assert lake.query_as_of(BY_SERVICE, then) is None
    september = CostQuery(Period(date(2026, 9, 1), date(2026, 10, 1)), ("service",))
    assert answered(lake, then, september) == {(None,): 2}
