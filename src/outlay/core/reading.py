"""Reading: a number a provider reports that is no charge, such as an invoice's total or a commitment's utilisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from outlay.core.span import Period


@dataclass(frozen=True, slots=True)
class Reading:
    """One number, named as metrics are: snake_case, the provider first, its unit left to `unit`.

    `name`    what it is: `heroku_invoice_total`, `aws_savings_plans_utilization`
    `value`   exact, in `unit`
    `unit`    a currency (`USD`), `ratio` (1 is all), `hours`, `units`
    `labels`  what tells it from others of its name
    `days`    what it is about: an invoice's period, the days of a forecast; None where it is of a moment
    """

    name: str
    value: Decimal
    unit: str
    labels: Mapping[str, str] = field(default_factory=dict)
    days: Period | None = None
