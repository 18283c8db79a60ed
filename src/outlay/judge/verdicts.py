"""What rules look at, and what they say: costs in, verdicts out. No I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Literal

from outlay.core.money import PRECISION, shown
from outlay.core.monitoring import Levels
from outlay.core.span import Period

Severity = Literal["warning", "critical"]
Facts = tuple[tuple[str, str], ...]
ByDay = dict[date, Decimal]
Series = Sequence[tuple[date, Decimal]]

LAG_DAYS = 7  # a source further behind is not waited for: what is settled of it counts
CHART_DAYS = 30


@dataclass(frozen=True, slots=True)
class Cost:
    """What a source charged on a day for a subject: what the rule groups by, as text."""

    day: date
    source: str
    subject: str
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Known:
    """The costs that a rule looks at. `ends`: of each source the first day that may still change, today at most.

    A source without one is settled. `since`: the first day that the rule has not looked at yet, if it ever did.
    """

    costs: Sequence[Cost]
    ends: Mapping[str, date]
    today: date
    since: date | None = None

    def end(self, *, provisional: bool) -> date | None:
        """The end (exclusive) of the days that can be judged; None when there are none."""
        if provisional:
            return self.today + timedelta(days=1)
        sources = {each.source for each in self.costs}
        ends = [end for each in sources if (self.today - (end := self.ends.get(each, self.today))).days <= LAG_DAYS]
        return min(ends, default=None if sources else self.today)

    def by_subject(self, *, provisional: bool) -> dict[tuple[str, str], ByDay]:
        """Costs by day of each subject and currency; without `provisional` only of settled days."""
        found: dict[tuple[str, str], ByDay] = defaultdict(lambda: defaultdict(Decimal))
        with localcontext(prec=PRECISION):
            for each in self.costs:
                if provisional or each.day < self.ends.get(each.source, self.today):
                    found[each.subject, each.currency][each.day] += each.amount
        return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """How bad it is for one subject of a rule (None: not at all), and how to say it.

    `amount`  what was judged: of `currency`, else a number of the rule's own
    `series`  costs by day, oldest first
    `days`    those whose costs were judged
    """

    rule: str
    subject: str
    severity: Severity | None
    title: str
    text: str
    amount: Decimal
    facts: Facts = ()
    series: Series = ()
    currency: str = ""
    days: Period | None = None


def level(value: Decimal, levels: Levels, *, reached: bool = False) -> tuple[Severity | None, Decimal]:
    """How bad a value is, and the limit that says so: the one it passed (with `reached`: came to), else the lowest."""
    for severity, limit in _levels(levels):
        if value > limit or (reached and value == limit):
            return severity, limit
    return None, min(limit for _, limit in _levels(levels))


def _levels(levels: Levels) -> Iterator[tuple[Severity, Decimal]]:
    if levels.critical is not None:
        yield "critical", levels.critical
    if levels.warning is not None:
        yield "warning", levels.warning


def scope(subject: str) -> str:
    """What of a rule, in a title."""
    return f" for {subject}" if subject else ""


def beside(severity: Severity | None, limit: Decimal) -> str:
    """On which side of a limit something is, in a title."""
    return f"{'over' if severity else 'within'} {plain(limit)}"


def key(subject: str, currency: str) -> str:
    """What a verdict is about, within its rule."""
    return f"{subject}/{currency}" if subject else currency


def total(costs: ByDay, days: Period) -> Decimal:
    """The sum over some days."""
    with localcontext(prec=PRECISION):
        return sum((amount for day, amount in costs.items() if day in days), Decimal(0))


def chart(costs: ByDay, end: date) -> Series:
    """The last days before `end`, for a small chart."""
    return tuple((day, costs.get(day, Decimal(0))) for day in Period.last(CHART_DAYS, end).each_day())


def money(amount: Decimal, currency: str) -> str:
    """An amount for people."""
    return shown(amount, currency)


def plain(limit: Decimal) -> str:
    """A limit as people say it: 1,000."""
    said = f"{limit:,f}"
    return said.rstrip("0").rstrip(".") if "." in said else said
