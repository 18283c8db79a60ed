"""Numbers of BigQuery as exact decimals. A FLOAT64 stands for its shortest text: that is what Google wrote into it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Any

from outlay.core.money import amount

ZERO = amount(0)

_WIDE = Context(prec=76)


def exact(value: Any) -> Decimal:
    """The amount with 18 places. Raises ValueError for what is no number, TypeError for what is neither."""
    return amount(repr(value) if isinstance(value, float) else value)


def total(values: Iterable[Any]) -> Decimal:
    """The exact sum of single amounts, which does not depend on their order; a missing one is nothing."""
    found = ZERO
    for value in values:
        if value is not None:
            found = _WIDE.add(found, exact(value))
    return amount(found)
