"""The settling curve: how much of a day's final cost is known once the day is 1, 2, 3 ... days old."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from outlay.core.span import Period

AGE_MAX = 62  # days: two months, after which invoices are out
SETTLED = Decimal("0.995")  # the share of its final cost from which on a day counts as known
MEASURED_MIN = 7  # days: fewer say nothing about others

_DAY = timedelta(days=1)

Story = list[tuple[datetime, Decimal]]  # what was believed of one day, oldest first


@dataclass(frozen=True, slots=True)
class Belief:
    """What a day was believed to cost from a moment (UTC) on."""

    at: datetime
    day: date
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Look:
    """A moment (UTC) at which a provider was asked for these days, and answered."""

    at: datetime
    days: Period


@dataclass(frozen=True, slots=True)
class Point:
    """What was known of days `age` whole days after their end (midnight, UTC), as shares of their final cost.

    `days`  how many were measured: looked at during the 24 hours before that age, and once more after it
    `most`  the share that nine days in ten had reached; `worst` the one that all had, `median` half of them
    """

    age: int
    days: int
    median: Decimal
    most: Decimal
    worst: Decimal


def curve(beliefs: Iterable[Belief], looks: Iterable[Look]) -> list[Point]:
    """The points of one source, youngest first. `beliefs`: every one of each day, in the order they came."""
    stories: dict[tuple[date, str], Story] = defaultdict(list)
    for each in beliefs:
        stories[each.day, each.currency].append((each.at, each.amount))
    seen = _seen({day for day, _ in stories}, looks)
    shares: dict[int, list[tuple[date, Decimal]]] = defaultdict(list)
    for (day, _), story in stories.items():
        for age in _ages(day, seen.get(day, ())):
            shares[age].append((day, _share(_believed(story, _end(day) + age * _DAY), story[-1][1])))
    return [_point(age, found) for age, found in sorted(shares.items())]


def settled_age(points: Iterable[Point]) -> int | None:
    """From how many days on nine days in ten are known to 99.5 %; None while too few days were measured.

    Where the oldest age that was measured is not there yet, one day more.
    """
    measured = [point for point in points if point.days >= MEASURED_MIN]
    if not measured:
        return None
    late = [point.age for point in measured if point.most < SETTLED]
    return min((point.age for point in measured if not late or point.age > late[-1]), default=measured[-1].age + 1)


def _seen(days: set[date], looks: Iterable[Look]) -> Mapping[date, list[datetime]]:
    """When each day was looked at, oldest first."""
    seen: dict[date, list[datetime]] = defaultdict(list)
    if not days:
        return seen
    first, last = min(days), max(days)
    for look in sorted(looks, key=lambda each: each.at):
        start, end = max(first, look.days.start), min(last + _DAY, look.days.end)
        for day in Period(start, end).each_day() if start < end else ():
            if day in days:
                seen[day].append(look.at)
    return seen


def _ages(day: date, looks: Sequence[datetime]) -> Iterator[int]:
    """The ages at which a day was looked at and, later on, once more."""
    end = _end(day)
    for age in sorted({math.ceil((at - end) / _DAY) for at in looks}):
        if 1 <= age <= AGE_MAX and looks[-1] > end + age * _DAY:
            yield age


def _believed(story: Story, moment: datetime) -> Decimal:
    known = bisect_right(story, moment, key=lambda each: each[0])
    return story[known - 1][1] if known else Decimal(0)


def _share(known: Decimal, final: Decimal) -> Decimal:
    """How much of `final` is known: what is too much by a tenth is known to nine tenths, too."""
    if known == final:
        return Decimal(1)
    return max(1 - abs(final - known) / abs(final), Decimal(0)) if final else Decimal(0)


def _point(age: int, found: list[tuple[date, Decimal]]) -> Point:
    shares = sorted(share for _, share in found)
    many = len(shares)
    median = (shares[(many - 1) // 2] + shares[many // 2]) / 2
    return Point(age, len({day for day, _ in found}), median, shares[many // 10], shares[0])


def _end(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + _DAY
