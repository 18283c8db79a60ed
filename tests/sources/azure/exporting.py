"""What tests of exports share: a source that reads the stand-in, and what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from outlay.core.span import Period, Span, Window
from outlay.sources.azure import Azure
from tests.clouds.azure import AzureCloud, Line, line
from tests.clouds.cloud import Charge

OCTOBER, SEPTEMBER = date(2026, 10, 1), date(2026, 9, 1)
WINDOW = Window(Period(date(2026, 11, 1), date(2026, 11, 2)))


def reading(cloud: AzureCloud, **settings: Any) -> Azure:
    """The source that reads the container; every export in it, unless told otherwise."""
    return Azure.model_validate(
        {**cloud.settings(), "export": {"container": "cost-exports"}, "attempts": 1, **settings}
    )


def lines(*amounts: str, month: date = OCTOBER, **changed: str) -> list[Line]:
    """One line of each amount, on one day after the other."""
    charges = [Charge(month.replace(day=i), "Storage", "eastus", Decimal(each)) for i, each in enumerate(amounts, 1)]
    return [{**line(each), **changed} for each in charges]


def spans(source: Azure) -> list[Span]:
    return list(source.spans(WINDOW))


def rows(source: Azure, span: Span | None = None) -> list[dict[str, Any]]:
    """The rows of a span; of all, if none is given."""
    wanted = spans(source) if span is None else [span]
    return [row for each in wanted for batch in source.fetch(each) for row in batch.to_pylist()]


def total(found: Sequence[dict[str, Any]], measure: str = "billed_cost") -> Decimal:
    return sum((row[measure] for row in found), Decimal(0))
