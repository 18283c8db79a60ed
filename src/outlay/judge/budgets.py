"""Budgets: what is spent of them, and at what pace. Costs in, verdicts out. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext

from outlay.core.money import PRECISION
from outlay.core.monitoring import Budget, Levels
from outlay.core.span import Period, month_of, next_month
from outlay.judge.verdicts import ByDay, Known, Series, Verdict, chart, level, money, plain, total

PACE_DAYS_MIN = 3  # fewer say nothing about the days to come
HUNDRED = Decimal(100)

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Spending:
    """What is spent of a budget in a period, and what would be at its end if days go on like those until now.

    `pace` is None while too few days are known; `days` are those of the period that were added up.
    """

    period: Period
    days: Period
    spent: Decimal
    pace: Decimal | None


def period_of(budget: Budget, day: date) -> Period | None:
    """The budget's period that holds a day; None when the budget is for other days."""
    if budget.start is not None and budget.end is not None:
        fixed = Period(budget.start, budget.end + _DAY)
        return fixed if day in fixed else None
    months = {"quarterly": 3, "yearly": 12}.get(budget.period or "", 1)
    start = month_of(day).replace(month=(day.month - 1) // months * months + 1)
    end = start
    for _ in range(months):
        end = next_month(end)
    return Period(start, end)


def spending(budget: Budget, known: Known) -> Spending | None:
    """Of the period that holds the last day that can be judged; None when there is no such day or period."""
    end = known.end(provisional=budget.provisional)
    period = period_of(budget, end - _DAY) if end else None
    if end is None or period is None:
        return None
    costs = _costs(budget, known)
    days = Period(period.start, min(end, period.end))
    return Spending(period, days, total(costs, period), _pace(costs, period, min(end, known.today)))


def _pace(costs: ByDay, period: Period, end: date) -> Decimal | None:
    """Over the days before `end`, which are over."""
    elapsed = (end - period.start).days
    if elapsed < PACE_DAYS_MIN:
        return None
    with localcontext(prec=PRECISION):
        return total(costs, Period(period.start, end)) * len(period) / elapsed


def _costs(budget: Budget, known: Known) -> ByDay:
    return known.by_subject(provisional=budget.provisional).get(("", budget.currency), {})


def judged(budget: Budget, known: Known) -> list[Verdict] | None:
    """What is spent, and the pace, as far as the budget is judged by them; None when there is no day to judge."""
    end = known.end(provisional=budget.provisional)
    if end is None:
        return None
    found = spending(budget, known)
    return list(_verdicts(budget, found, chart(_costs(budget, known), end))) if found else []


def _verdicts(budget: Budget, found: Spending, series: Series) -> Iterator[Verdict]:
    if budget.actual is not None:
        yield _verdict(budget, "actual", budget.actual, found.spent, found=found, series=series)
    if budget.pace is not None and found.pace is not None:
        yield _verdict(budget, "pace", budget.pace, found.pace, found=found, series=series)


def _verdict(
    budget: Budget,
    subject: str,
    levels: Levels,
    amount: Decimal,
    *,
    found: Spending,
    series: Series,
) -> Verdict:
    percent = HUNDRED * amount / budget.amount
    severity, limit = level(percent, levels, reached=True)
    whole, said = money(budget.amount, budget.currency), money(amount, budget.currency)
    does = "spent" if subject == "actual" else "at this pace"
    when = f"since {found.period.start}" if subject == "actual" else f"by {found.period.end - _DAY}"
    return Verdict(
        budget.name,
        subject,
        severity,
        f"{said} {does} {when}, {percent:.1f} % of {plain(budget.amount)} ({budget.name})",
        f"{said} of {whole} {does}, {percent:.1f} %, for {found.period}. It is told from {limit:f} % on.",
        amount,
        (
            ("Budget", whole),
            ("Period", str(found.period)),
            ("Spent", money(found.spent, budget.currency)),
            *((("At this pace", money(found.pace, budget.currency)),) if found.pace is not None else ()),
        ),
        series,
        budget.currency,
        found.days,
    )


def days_of(budget: Budget, today: date) -> Period:
    """The days whose costs a budget needs, with those of the chart."""
    starts = [period.start for back in (0, 31) if (period := period_of(budget, today - timedelta(days=back)))]
    return Period(min([*starts, today - timedelta(days=62)]), today + _DAY)
