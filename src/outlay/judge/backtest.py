"""When a rule would have fired, escalated and resolved, and for how much, had it been there."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from outlay import history
from outlay.core.monitoring import ApiSpend, Stale
from outlay.core.query import CostQuery
from outlay.core.span import Period
from outlay.judge.asking import Asking, CostRule, judged, of_itself
from outlay.judge.verdicts import Known, Verdict
from outlay.state.lifecycle import Standing, Step, step

if TYPE_CHECKING:
    from outlay.core.ports import Warehouse
    from outlay.state import State

_DAY = timedelta(days=1)
_NEVER = timedelta()


@dataclass(frozen=True, slots=True)
class Event:
    """A step of an alert, as of the end of a day."""

    day: date
    step: Step
    verdict: Verdict


def finally_(rule: CostRule, asking: Asking, days: Period) -> list[Event]:
    """With every day as it is in the store now, and judged when it had passed. Raises StoreError."""
    start = replace(asking, today=days.start).days(rule).start
    costs = sorted(asking.costs(rule, Period(start, days.end)), key=lambda each: each.day)
    known_days = [each.day for each in costs]

    def known(day: date) -> Known:
        window = replace(asking, today=day + _DAY).days(rule)
        since, until = bisect_left(known_days, window.start), bisect_left(known_days, day + _DAY)
        return Known(costs[since:until], {}, day + _DAY)

    return list(_lived((day, judged(rule, known(day))) for day in days.each_day()))


@dataclass(frozen=True, slots=True)
class Believed:
    """What would have been told then. `known_from`: the first day at whose end anything was known, if any."""

    events: Sequence[Event]
    known_from: date | None


def believed(rule: CostRule, warehouse: Warehouse, state: State, days: Period) -> Believed:
    """With what was known at the end of each day. Raises UsageError where that is not known, and StoreError."""
    ages = {source: each.age for source, each in state.past.settling().items()}
    looks = {day: _then(rule, warehouse, state, day, ages=ages) for day in days.each_day()}
    events = _lived((day, judged(rule, known)) for day, known in looks.items())
    return Believed(list(events), next((day for day, known in looks.items() if known.costs), None))


def of_runs(rule: Stale | ApiSpend, state: State, days: Period, sources: Collection[str]) -> Believed:
    """Of a rule over Outlay itself: by the runs and paid calls that the state keeps. `sources` as in of_itself."""
    looks = {day: state.at(_end(day)) for day in days.each_day()}
    known = {day: bool(then.freshness()) for day, then in looks.items()}
    found = ((day, of_itself(rule, looks[day], _end(day), sources)) for day in days.each_day() if known[day])
    return Believed(list(_lived(found)), next((day for day in known if known[day]), None))


def _end(day: date) -> datetime:
    return datetime.combine(day + _DAY, time(), UTC) - timedelta(microseconds=1)


def _then(rule: CostRule, warehouse: Warehouse, state: State, day: date, *, ages: Mapping[str, int]) -> Known:
    def rows(query: CostQuery) -> Sequence[Mapping[str, Any]]:
        return history.as_of(warehouse, state, query, _end(day)).rows

    known = Asking(rows, {}, day).known(rule)
    last: dict[str, date] = {}
    for each in known.costs:
        last[each.source] = max(each.day, last.get(each.source, each.day))
    ends = {source: min(end + _DAY, day - timedelta(days=ages.get(source, 0))) for source, end in last.items()}
    return replace(known, ends=ends)


def _lived(days: Iterable[tuple[date, list[Verdict] | None]]) -> Iterator[Event]:
    """The steps that people would have been told of."""
    standing: dict[str, Verdict] = {}
    told: dict[str, Standing] = {}
    for day, found in days:
        if found is None:
            continue
        seen = {each.subject: each for each in found}
        over = {name: replace(standing[name], severity=None) for name in standing if name not in seen}
        now = datetime.combine(day, time(), UTC)
        for name, verdict in (seen | over).items():
            took = step(told.get(name), verdict.severity, now, _NEVER)
            if took.tells:
                yield Event(day, took, verdict)
            if verdict.severity is None:
                standing.pop(name, None)
                told.pop(name, None)
            else:
                standing[name] = verdict
                if took.tells:
                    told[name] = Standing(verdict.severity, now)
