"""Rules over costs: thresholds, changes against last week, what is new. Costs in, verdicts out. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from outlay.core.monitoring import Change, New, Threshold
from outlay.core.span import Period, month_of
from outlay.judge.verdicts import (
    ByDay,
    Known,
    Series,
    Severity,
    Verdict,
    beside,
    chart,
    key,
    level,
    money,
    scope,
    total,
)

TOGETHER_MAX = 31  # days that settle together and are all looked at

_DAY = timedelta(days=1)
HUNDRED = Decimal(100)


def threshold(rule: Threshold, known: Known) -> list[Verdict] | None:
    """Of each subject the last day that can be judged, or its month so far; None when there is none yet.

    When several days settled together, and with provisional days, the dearest of them counts.
    """
    end = known.end(provisional=rule.provisional)
    if end is None:
        return None
    settled = known.end(provisional=False) or known.today
    first = min(settled, end) - _DAY
    if known.since is not None:
        first = min(first, max(known.since, first - timedelta(days=TOGETHER_MAX)))
    return [
        _threshold(rule, subject, currency, costs, Period(first, end))
        for (subject, currency), costs in known.by_subject(provisional=rule.provisional).items()
    ]


def _threshold(rule: Threshold, subject: str, currency: str, costs: ByDay, days: Period) -> Verdict:
    if rule.period == "day":
        day = max(days.each_day(), key=lambda each: (costs.get(each, Decimal(0)), each))
        about, on = Period(day, day + _DAY), f"on {day}"
        when = on
    else:
        about = Period(month_of(days.end - _DAY), days.end)
        on = f"in {about.start:%Y-%m}"
        when = f"{on} up to {about.end - _DAY}"
    amount = total(costs, about)
    severity, limit = level(amount, rule)
    said = f"above the {severity} threshold of" if severity else "not above"
    return Verdict(
        rule.name,
        key(subject, currency),
        severity,
        f"{money(amount, currency)} {on}{scope(subject)}, {beside(severity, limit)} ({rule.name})",
        f"{subject or 'Costs'}: {money(amount, currency)} {when}, {said} {money(limit, currency)}.",
        amount,
        (("Threshold", money(limit, currency)), ("Cost", money(amount, currency)), ("When", when)),
        chart(costs, about.end),
        currency,
        about,
    )


def change(rule: Change, known: Known) -> list[Verdict] | None:
    """Of each subject the last week, or day, against the one a week before; None when there is nothing to judge."""
    end = known.end(provisional=rule.provisional)
    if end is None:
        return None
    if rule.provisional:
        end -= _DAY  # today is not over: it would only ever seem to have fallen
    length = 7 if rule.period == "week" else 1
    now, before = Period.last(length, end), Period.last(length, end - timedelta(days=7))
    return [
        _change(
            rule,
            subject,
            currency,
            (total(costs, now), total(costs, before)),
            days=(now, before),
            series=chart(costs, end),
        )
        for (subject, currency), costs in known.by_subject(provisional=rule.provisional).items()
    ]


def _change(
    rule: Change,
    subject: str,
    currency: str,
    amounts: tuple[Decimal, Decimal],
    *,
    days: tuple[Period, Period],
    series: Series,
) -> Verdict:
    (amount, past), (now, before) = amounts, days
    percent = _percent(amount - past, past)
    by = "from nothing" if percent is None else f"{percent:+.1f} %"
    when, past_when = (
        ("in 7 days", "the week before") if rule.period == "week" else (f"on {now.start}", "a week before")
    )
    against = f"{by} {past_when}" if percent is None else f"{by} on {past_when}"
    return Verdict(
        rule.name,
        key(subject, currency),
        _changed(rule, amount - past, percent),
        f"{money(amount, currency)} {when}{scope(subject)}, {against} ({rule.name})",
        f"{subject or 'Costs'}: {money(amount, currency)} on {now}, {by} against {money(past, currency)} on {before}.",
        amount,
        (("Cost", money(amount, currency)), ("Week before", money(past, currency)), ("Change", by)),
        series,
        currency,
        now,
    )


def _changed(rule: Change, difference: Decimal, percent: Decimal | None) -> Severity | None:
    if not difference or abs(difference) < rule.least or (difference < 0 and not rule.falls):
        return None
    if percent is None:
        return "warning" if rule.critical is None else "critical"
    return level(abs(percent), rule, reached=True)[0]


def _percent(difference: Decimal, past: Decimal) -> Decimal | None:
    """None: there is nothing to compare with."""
    if past <= 0:
        return Decimal(0) if not difference else None
    return HUNDRED * difference / past


def new(rule: New, known: Known) -> list[Verdict] | None:
    """What has costs for the first time, as far as its sources reach back; None when there is nothing to judge.

    A source that has no charges before the last days is new itself, and tells nothing of what is in it.
    """
    end = known.end(provisional=rule.provisional)
    if end is None:
        return None
    recent = Period.last(rule.recent_days, end)
    before = Period.last(rule.lookback_days, recent.start)
    old = {each.source for each in known.costs if each.day in before}
    met = {(each.subject, each.currency) for each in known.costs if each.day in before}
    newcomers = {(each.subject, each.currency) for each in known.costs if each.source in old} - met
    every = known.by_subject(provisional=rule.provisional)
    return list(_new(rule, {name: every[name] for name in sorted(newcomers & every.keys())}, recent))


def _new(rule: New, newcomers: dict[tuple[str, str], ByDay], recent: Period) -> Iterator[Verdict]:
    for (subject, currency), costs in newcomers.items():
        amount = total(costs, recent)
        first = min((day for day in costs if costs[day] and day in recent), default=None)
        if first is None or amount <= 0 or amount < rule.least:
            continue
        yield Verdict(
            rule.name,
            key(subject, currency),
            rule.severity,
            f"{money(amount, currency)}{scope(subject)}, new since {first} ({rule.name})",
            f"{subject} had no costs in {rule.lookback_days} days, and {money(amount, currency)} since {first}.",
            amount,
            (("New", subject), ("First day", str(first)), ("Cost", money(amount, currency))),
            chart(costs, recent.end),
            currency,
            Period(first, recent.end),
        )


def days_of(rule: Threshold | Change | New, today: date) -> Period:
    """The days whose costs a rule needs, with those of the chart."""
    back = 62  # the month before, and what a slow source is behind
    if isinstance(rule, New):
        back = max(back, rule.recent_days + rule.lookback_days + 31)
    return Period(today - timedelta(days=back), today + _DAY)
