"""Costs for tests of rules. Today is 20 November 2026."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from outlay.judge.verdicts import Cost, Known

TODAY = date(2026, 11, 20)


def day(number: int, month: int = 11) -> date:
    """A day of 2026."""
    return date(2026, month, number)


def cost(on: date, amount: str, subject: str = "", currency: str = "USD", source: str = "aws") -> Cost:
    """What was charged on a day."""
    return Cost(on, source, subject, currency, Decimal(amount))


def known(*costs: Cost, ends: Mapping[str, date] | None = None, today: date = TODAY) -> Known:
    """Costs all of which are settled, but those from the ends on."""
    return Known(costs, ends or {}, today)


def daily(start: date, *amounts: str, subject: str = "", currency: str = "USD") -> list[Cost]:
    """Costs of days in a row."""
    return [cost(start + timedelta(days=i), each, subject, currency) for i, each in enumerate(amounts)]
