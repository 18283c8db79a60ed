"""The settling curve, by hand: what was known of days that were looked at more than once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from outlay.analysis.settling import Belief, Look, Point, curve, settled_age
from outlay.core.span import Period

FIRST = date(2026, 10, 1)


def noon(after_days: int) -> datetime:
    """Noon so many days after the first day."""
    return datetime(2026, 10, 1, 12, tzinfo=UTC) + timedelta(days=after_days)


def belief(number: int, after_days: int, amount: str, currency: str = "USD") -> Belief:
    """What the day of this number was believed to cost, so many days after it."""
    return Belief(noon(number + after_days), FIRST + timedelta(days=number), currency, Decimal(amount))


def daily(days: int) -> list[Look]:
    """Looks at everything, every noon."""
    return [Look(noon(number), Period(FIRST, date(2027, 1, 1))) for number in range(days)]


def test_a_day_is_measured_at_the_ages_it_was_looked_at_and_against_its_last_belief() -> None:
    beliefs = [belief(0, 1, "50"), belief(0, 2, "90"), belief(0, 3, "100")]

    assert curve(beliefs, daily(5)) == [
        Point(1, 1, Decimal("0.5"), Decimal("0.5"), Decimal("0.5")),
        Point(2, 1, Decimal("0.9"), Decimal("0.9"), Decimal("0.9")),
        Point(3, 1, Decimal(1), Decimal(1), Decimal(1)),
    ]


def test_the_last_look_measures_nothing_for_nobody_has_looked_after_it() -> None:
    assert curve([belief(0, 1, "1")], daily(2)) == []
    assert [point.age for point in curve([belief(0, 1, "1")], daily(3))] == [1]


def test_ages_without_a_look_are_not_measured() -> None:
    looks = [Look(noon(1), Period(FIRST, date(2026, 10, 2))), Look(noon(9), Period(FIRST, date(2026, 10, 2)))]

    assert [point.age for point in curve([belief(0, 1, "8"), belief(0, 9, "10")], looks)] == [1]


def test_too_much_is_as_far_off_as_too_little() -> None:
    beliefs = [belief(0, 1, "110"), belief(0, 2, "100")]

    assert curve(beliefs, daily(4))[0].median == Decimal("0.9")


def test_what_came_from_nothing_or_went_to_nothing_was_not_known() -> None:
    gone = [belief(0, 1, "5"), belief(0, 2, "0")]
    late = [belief(0, 2, "5")]

    assert [curve(each, daily(4))[0].worst for each in (gone, late)] == [Decimal(0), Decimal(0)]


def test_a_credit_settles_like_a_charge() -> None:
    assert curve([belief(0, 1, "-50"), belief(0, 2, "-100")], daily(4))[0].median == Decimal("0.5")


def test_nine_days_in_ten_and_the_worst() -> None:
    beliefs = [each for number in range(10) for each in (belief(number, 1, str(number)), belief(number, 2, "9"))]
    point = curve(beliefs, daily(20))[0]

    assert (point.age, point.days) == (1, 10)
    assert (point.worst, point.most) == (Decimal(0), Decimal(1) / 9)
    assert point.median == (Decimal(4) / 9 + Decimal(5) / 9) / 2


def test_currencies_are_measured_apart_and_days_counted_once() -> None:
    beliefs = [belief(0, 1, "1"), belief(0, 1, "1", "EUR"), belief(0, 2, "2", "EUR")]
    point = curve(beliefs, daily(4))[0]

    assert (point.days, point.worst, point.median) == (1, Decimal("0.5"), Decimal("0.75"))


def points(*most: str, days: int = 7) -> list[Point]:
    """Points of the ages 1, 2, 3 ... with these shares."""
    return [Point(age, days, Decimal(1), Decimal(share), Decimal(0)) for age, share in enumerate(most, 1)]


def test_the_age_from_which_on_all_are_settled() -> None:
    assert settled_age(points("0.5", "0.9", "0.995", "1")) == 3
    assert settled_age(points("1", "1")) == 1
    assert settled_age(points("1", "0.9", "1")) == 3


def test_one_day_more_where_the_oldest_measured_age_is_not_there_yet() -> None:
    assert settled_age(points("0.5", "0.9")) == 3


def test_too_few_days_say_nothing() -> None:
    assert settled_age(points("1", days=6)) is None
    assert settled_age([]) is None
