"""Window: the days asked for. Span: what one replace replaces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from outlay.core.errors import UsageError

FIRST_MONTH = date(1970, 1, 1)
END_MONTH = date(9999, 12, 1)


def month_of(day: date) -> date:
    """The first day of the month that holds `day`."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """The first day of the month after the one that holds `day`."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


@dataclass(frozen=True, slots=True)
class Period:
    """A run of days, its end exclusive. Raises UsageError when it holds no day."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise UsageError(f"the start {self.start} is not before the end {self.end} (exclusive)")

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __str__(self) -> str:
        return f"{self.start}..{self.end - timedelta(days=1)}"

    def __len__(self) -> int:
        return (self.end - self.start).days

    def each_day(self) -> Iterator[date]:
        """Every day, oldest first."""
        return (self.start + timedelta(days=i) for i in range(len(self)))

    def months(self) -> Period:
        """The whole months that hold these days."""
        return Period(month_of(self.start), next_month(self.end - timedelta(days=1)))

    def each_month(self) -> Iterator[Period]:
        """These days month by month, newest first: whole months within, cut ones at the edges."""
        end = self.end
        while end > self.start:
            start = max(self.start, month_of(end - timedelta(days=1)))
            yield Period(start, end)
            end = start

    @classmethod
    def last(cls, days: int, until: date) -> Period:
        """The `days` days before `until`, which is not among them."""
        return cls(until - timedelta(days=days), until)


@dataclass(frozen=True, slots=True)
class Window:
    """The days to collect. `asked` tells dates a person named from those the settings imply:

    a source whose deliveries have days of their own (files) keeps to a window only when it was asked for.
    """

    days: Period
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """What one replace replaces of one source.

    `months`   whole billing months, the end exclusive
    `days`     only what is charged on these days, within one month; None for everything billed in `months`
    `version`  the identity of a delivery (manifest id, ETag): a store that holds it does not read it again
    """

    source: str
    months: Period
    days: Period | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        if self.months.start.day != 1 or self.months.end.day != 1:
            raise ValueError(f"months start on the first: {self.months}")
        if self.days is not None and len(list(self.months.each_month())) != 1:
            raise ValueError("a span of days lies inside one month")

    @classmethod
    def of_days(cls, source: str, days: Period) -> Span:
        """The days of one month, as an API is asked for them."""
        return cls(source, days.months(), days)

    @classmethod
    def of_everything(cls, source: str, version: str | None = None) -> Span:
        """All that the source ever billed: for files whose months are known only when they were read."""
        return cls(source, Period(FIRST_MONTH, END_MONTH), version=version)

    @property
    def is_everything(self) -> bool:
        return self.months == Period(FIRST_MONTH, END_MONTH)

    def __str__(self) -> str:
        if self.is_everything:
            return f"{self.source} everything"
        if self.days is not None:
            return f"{self.source} {self.days}"
        last = month_of(self.months.end - timedelta(days=1))
        first = f"{self.months.start:%Y-%m}"
        return f"{self.source} {first}" if last == self.months.start else f"{self.source} {first}..{last:%Y-%m}"
