"""Merging a month's many small files, beside a writer that counted on them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from outlay.core import focus
from outlay.core.query import CostQuery
from outlay.core.span import Period, Span
from outlay.warehouses.lake import Lake, delta
from tests.charges import charge, midnight

SEPTEMBER = Period(date(2026, 9, 1), date(2026, 10, 1))


def _replace(lake: Lake, day: int, cost: str) -> None:
    days = Period(date(2026, 9, day), date(2026, 9, day + 1))
    lake.replace(Span.of_days("api", days), [focus.batch([charge(days.start, cost, source="api")])])


def _total(lake: Lake) -> Decimal:
    total: Decimal = lake.query(CostQuery(SEPTEMBER)).to_pylist()[0]["cost"]
    return total


def test_a_merge_between_a_writers_look_and_its_commit_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(path=str(tmp_path))
    lake.prepare()
    for day in range(1, 12):
        _replace(lake, day, "1")
    assert len(list(tmp_path.rglob("days-*.parquet"))) == 11

    real = delta.commit

    def late(*args: object) -> None:
        monkeypatch.setattr("outlay.warehouses.lake.commit", real)
        Lake(path=str(tmp_path)).maintain()  # another process would do it just now
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("outlay.warehouses.lake.commit", late)
    _replace(lake, 3, "5")
    assert _total(lake) == 15


def test_a_merge_makes_few_files_of_many_and_changes_no_answer(tmp_path: Path) -> None:
    lake = Lake(path=str(tmp_path))
    lake.prepare()
    october = Period(date(2026, 10, 1), date(2026, 11, 1))
    late = charge(date(2026, 9, 30), "7", source="bill", billing_period_start=midnight(october.start))
    lake.replace(Span("bill", october, version="v1"), [focus.batch([late])])
    for day in range(1, 12):
        _replace(lake, day, "1")
    lake.maintain()
    assert _total(lake) == 18
    assert lake.replace(Span("bill", october, version="v1"), []).unchanged
