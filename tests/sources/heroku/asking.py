"""The source asked of a cloud, on a day that is fixed, so that months are what a test says they are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from outlay.core.focus import schema
from outlay.core.span import Period, Span, next_month
from outlay.sources.heroku import Heroku
from tests.clouds.heroku import Heroku as Cloud

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)


def today(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    """Let it be this day for the source."""
    monkeypatch.setattr("outlay.sources.heroku._today", lambda: day)


def source(cloud: Cloud, **settings: Any) -> Heroku:
    """The source of the cloud's team, or of what the settings say."""
    told = {"account": False, "attempts": 1} | settings
    return Heroku.model_validate({**cloud.settings(told.pop("url", None)), **told})


def rows(asked: Heroku, month: date) -> list[dict[str, Any]]:
    """Every charge of a month."""
    batches = list(asked.fetch(Span(asked.name, Period(month, next_month(month)))))
    assert all(each.schema == schema() for each in batches)
    return [row for each in batches for row in each.to_pylist()]


def total(found: Iterable[dict[str, Any]], **where: Any) -> Decimal:
    """The sum of the rows that have these values."""
    kept = [row for row in found if all(row[name] == value for name, value in where.items())]
    return sum((row["billed_cost"] for row in kept), Decimal(0))


def only(found: Iterable[dict[str, Any]], **where: Any) -> dict[str, Any]:
    """The one row that has these values."""
    kept = [row for row in found if all(row[name] == value for name, value in where.items())]
    assert len(kept) == 1, kept
    return kept[0]
