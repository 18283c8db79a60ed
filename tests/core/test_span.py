from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.core.errors import UsageError
from outlay.core.span import Period, Span, month_of, next_month

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
DAYS = st.dates(date(1990, 1, 1), date(2100, 1, 1))
PERIODS = st.builds(lambda start, days: Period(start, start + timedelta(days=days)), DAYS, st.integers(1, 1000))


@given(DAYS)
def test_a_month_starts_on_its_first_day_and_ends_where_the_next_one_starts(day: date) -> None:
    first = month_of(day)
    assert (first.year, first.month, first.day) == (day.year, day.month, 1)
    assert month_of(next_month(day) - timedelta(days=1)) == first
    assert next_month(day).day == 1


@pytest.mark.parametrize("days", [0, -1])
def test_a_period_has_a_day_at_least(days: int) -> None:
    start = date(2026, 10, 5)
    with pytest.raises(UsageError, match="the start 2026-10-05 is not before the end 2026-10-0"):
        Period(start, start + timedelta(days=days))


def test_a_period_holds_its_start_and_not_its_end() -> None:
    assert [day in OCTOBER for day in (date(2026, 9, 30), OCTOBER.start, date(2026, 10, 31), OCTOBER.end)] == [
        False,
        True,
        True,
        False,
    ]
    assert str(OCTOBER) == "2026-10-01..2026-10-31"


@given(PERIODS)
def test_the_days_of_a_period_are_all_its_days(period: Period) -> None:
    days = list(period.each_day())
    assert len(days) == len(period) == len(set(days))
    assert days == sorted(days)
    assert all(day in period for day in days)


@given(PERIODS)
def test_the_months_of_a_period_are_its_days_cut_at_each_first_newest_first(period: Period) -> None:
    parts = list(period.each_month())
    assert [day for part in reversed(parts) for day in part.each_day()] == list(period.each_day())
    assert all(len({month_of(day) for day in part.each_day()}) == 1 for part in parts)
    assert len(parts) == len({month_of(day) for day in period.each_day()})


@given(PERIODS)
def test_whole_months_hold_the_period_and_no_month_more(period: Period) -> None:
    months = period.months()
    assert months.start <= period.start < period.end <= months.end
    assert months.start == month_of(period.start)
    assert month_of(months.end - timedelta(days=1)) == month_of(period.end - timedelta(days=1))
    assert months.end.day == 1


def test_the_last_days_end_before_the_day_named() -> None:
    assert Period.last(2, until=date(2026, 3, 1)) == Period(date(2026, 2, 27), date(2026, 3, 1))
    with pytest.raises(UsageError):
        Period.last(0, until=date(2026, 3, 1))


def test_a_span_names_what_it_replaces() -> None:
    two = Period(date(2026, 9, 1), date(2026, 11, 1))
    some = Period(date(2026, 10, 30), date(2026, 11, 1))
    assert [str(each) for each in (
        Span("aws", OCTOBER),
        Span("aws", two, version="etag"),
        Span.of_days("aws", some),
        Span.of_everything("files", "etag"),
    )] == ["aws 2026-10", "aws 2026-09..2026-10", "aws 2026-10-30..2026-10-31", "files everything"]  # fmt: skip


def test_days_asked_for_lie_in_one_month() -> None:
    days = Period(date(2026, 10, 30), date(2026, 11, 1))
    assert Span.of_days("aws", days) == Span("aws", OCTOBER, days)
    with pytest.raises(ValueError, match="one month"):
        Span.of_days("aws", Period(date(2026, 10, 30), date(2026, 11, 2)))
    with pytest.raises(ValueError, match="one month"):
        Span("aws", Period(date(2026, 9, 1), date(2026, 11, 1)), days)


def test_the_days_of_a_charge_may_lie_outside_of_the_month_it_is_billed_in() -> None:
    assert Span("aws", OCTOBER, Period(date(2026, 9, 30), date(2026, 10, 1))).days


@pytest.mark.parametrize(
    "months", [Period(date(2026, 10, 2), date(2026, 11, 1)), Period(date(2026, 10, 1), date(2026, 10, 31))]
)
def test_months_are_whole(months: Period) -> None:
    with pytest.raises(ValueError, match="months start on the first"):
        Span("aws", months)


def test_everything_holds_every_month() -> None:
    everything = Span.of_everything("files")
    assert everything.is_everything
    assert not Span("files", OCTOBER).is_everything
    assert all(month in everything.months for month in (date(1970, 1, 1), date(2026, 10, 1), date(9999, 11, 1)))
