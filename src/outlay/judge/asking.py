"""What rules ask the store and the state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from outlay import reports
from outlay.core.monitoring import ApiSpend, Budget, Change, Daily, New, Stale, Threshold
from outlay.core.query import CostQuery
from outlay.core.span import Period
from outlay.judge import budgets, health, thresholds
from outlay.judge.verdicts import Cost, Known, Verdict
from outlay.state.database import storable

if TYPE_CHECKING:
    from outlay.core.ports import Warehouse
    from outlay.core.settings import Monitoring
    from outlay.state import State, Then
    from outlay.state.alerts import Alert

CostRule = Threshold | Change | New | Budget
AnyRule = CostRule | Stale | ApiSpend
Rows = Callable[[CostQuery], Sequence[Mapping[str, Any]]]

ENDS_DAYS = 62  # a source without charges in these has no last days to wait for

NONE = "(none)"  # a subject of costs that have no value

_DAY = timedelta(days=1)


def rules_of(monitoring: Monitoring) -> list[AnyRule]:
    """Every rule there is: the thresholds over all costs, budgets, and the rules."""
    found: list[AnyRule] = []
    if monitoring.thresholds is not None:
        periods = (("daily", "day", monitoring.thresholds.daily), ("monthly", "month", monitoring.thresholds.monthly))
        found += [_plain(name, period, each) for name, period, each in periods if each is not None]
    return [*found, *monitoring.budgets, *monitoring.rules]


def is_judged(alert: Alert, rules: Iterable[AnyRule], sources: Collection[str]) -> bool:
    """Whether these rules speak of an alert, for these sources (none: all); else it may be another process's."""
    rule = next((each for each in rules if each.name == alert.rule), None)
    foreign = isinstance(rule, Stale) and sources and alert.subject not in sources
    return rule is not None and not foreign


def _plain(name: str, period: str, each: Daily) -> Threshold:
    return Threshold.model_validate({"name": name, "period": period, **each.model_dump()})


@dataclass(frozen=True, slots=True)
class Asking:
    """One look at the store and the state.

    `rows`     answers a CostQuery: of the store as it is, or as it was
    `ends`     of each source the first day that may still change
    """

    rows: Rows
    ends: Mapping[str, date]
    today: date

    def known(self, rule: CostRule) -> Known:
        """The costs that a rule looks at. Raises StoreError, or what `rows` raises."""
        return Known(self.costs(rule, self.days(rule)), self.ends, self.today)

    def days(self, rule: CostRule) -> Period:
        """The days whose costs a rule looks at."""
        return budgets.days_of(rule, self.today) if isinstance(rule, Budget) else thresholds.days_of(rule, self.today)

    def costs(self, rule: CostRule, days: Period) -> list[Cost]:
        """What a rule looks at, on these days."""
        groups = () if isinstance(rule, Budget) else rule.group_by
        query = CostQuery(days, ("date", "source", *groups), rule.asked(), rule.measure, "dimensions")
        names = query.dimensions[2:]
        return [
            Cost(row["date"], row["source"], _subject(row, names), row["currency"], row["cost"])
            for row in self.rows(query)
            if row["cost"] is not None and rule.currency in {None, row["currency"]}
        ]


def _subject(row: Mapping[str, Any], names: Sequence[str]) -> str:
    return storable("/".join(NONE if row[name] is None else str(row[name]) for name in names)) or ""


def judged(rule: CostRule, known: Known) -> list[Verdict] | None:
    """What a rule over costs says; None when it cannot tell yet."""
    match rule:
        case Threshold():
            return thresholds.threshold(rule, known)
        case Change():
            return thresholds.change(rule, known)
        case New():
            return thresholds.new(rule, known)
        case Budget():
            return budgets.judged(rule, known)


def of_itself(rule: Stale | ApiSpend, state: State | Then, now: datetime, sources: Collection[str]) -> list[Verdict]:
    """What a rule over Outlay itself says. `sources`: those of the settings; none: all. Raises StoreError."""
    if isinstance(rule, ApiSpend):
        return health.api_spend(rule, state.spent())
    return health.stale(rule, [each for each in state.freshness() if not sources or each.source in sources], now)


def looking(warehouse: Warehouse, unsettled: Mapping[str, date], sources: Collection[str]) -> Asking:
    """A look at the store as it is. `unsettled`: history.provisional_from. Raises StoreError."""
    today = reports.today()

    def rows(query: CostQuery) -> Sequence[Mapping[str, Any]]:
        found: list[dict[str, Any]] = warehouse.query(query).to_pylist()
        return found

    days = Period(today - timedelta(days=ENDS_DAYS), today + _DAY)
    ends = _ends(rows(CostQuery(days, ("date", "source"), order="dimensions")), unsettled, today)
    return Asking(rows, {source: end for source, end in ends.items() if source in (sources or {source})}, today)


def _ends(rows: Sequence[Mapping[str, Any]], unsettled: Mapping[str, date], today: date) -> dict[str, date]:
    """Of each source the day from which on its costs may change: it is an estimate, or not there yet."""
    last: dict[str, date] = {}
    first: dict[str, date] = {}
    for row in rows:
        source, estimate = row["source"], row["provisional_from"]
        last[source] = max(last.get(source, row["date"]), row["date"])
        if estimate is not None:
            first[source] = min(first.get(source, estimate), estimate)
    return {
        source: min(day + _DAY, first.get(source, today), unsettled.get(source, today), today)
        for source, day in last.items()
    }
