"""Budgets, thresholds and alerts as families of metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from outlay.core.monitoring import Budget, Threshold
from outlay.judge.asking import looking, rules_of
from outlay.judge.budgets import Spending, spending
from outlay.serve.metrics.families import Labels, gauge

if TYPE_CHECKING:
    from outlay.core.ports import Warehouse
    from outlay.core.settings import Monitoring
    from outlay.state import State

_BUDGET = ("budget", "period", "currency")
_AS_KNOWN = {"provisional": True}  # all that is known is told, as in all other metrics; alerts go by settled days


def families(warehouse: Warehouse, state: State, monitoring: Monitoring) -> Iterator[Metric]:
    """What is told of rules and alerts. They are of all money: only for who may see all. Raises StoreError."""
    yield from _budgets(warehouse, monitoring)
    yield _thresholds(monitoring)
    yield from _alerts(state)


def world(state: State) -> object:
    """What differs when alerts or deliveries do."""
    standing = [(each.id, each.severity) for each in state.alerts.standing()]
    return standing, [(each.id, each.attempts) for each in state.deliveries.unfinished()]


def _budgets(warehouse: Warehouse, monitoring: Monitoring) -> Iterator[Metric]:
    found: dict[tuple[str, ...], tuple[Budget, Spending]] = {}
    if monitoring.budgets:
        asking = looking(warehouse, {}, ())
        for each in monitoring.budgets:
            known = each.model_copy(update=_AS_KNOWN)
            if spent := spending(known, asking.known(known)):
                found[each.name, each.period or ("fixed" if each.start else "monthly"), each.currency] = (each, spent)
    yield _of("amount", "What a budget allows in its current period.", {k: b.amount for k, (b, _) in found.items()})
    yield _of(
        "spent", "What is spent of it, days that may still change too.", {k: s.spent for k, (_, s) in found.items()}
    )
    used = {k: s.spent / b.amount for k, (b, s) in found.items()}
    yield _of("used_ratio", "What is spent, as a share of the budget.", used)
    pace = {k: s.pace / b.amount for k, (b, s) in found.items() if s.pace is not None}
    told = "What will be spent, as a share of the budget, if the days to come cost what those so far did."
    yield _of("pace_ratio", told, pace)


def _of(name: str, told: str, found: dict[tuple[str, ...], Decimal]) -> Metric:
    return gauge(f"outlay_budget_{name}", told, _BUDGET, found)


def _thresholds(monitoring: Monitoring) -> Metric:
    rules = [each for each in rules_of(monitoring) if isinstance(each, Threshold)]
    found: dict[Labels, Decimal] = {
        (rule.name, severity, rule.currency or ""): limit
        for rule in rules
        for severity, limit in (("warning", rule.warning), ("critical", rule.critical))
        if limit is not None
    }
    told = "The amount above which a rule says so; without a currency it is of each."
    return gauge("outlay_threshold", told, ("rule", "severity", "currency"), found)


def _alerts(state: State) -> Iterator[Metric]:
    standing: dict[Labels, int] = {(each.rule, each.subject, each.severity): 1 for each in state.alerts.standing()}
    labels = ("rule", "subject", "severity")
    yield gauge("outlay_alert_firing", "1 for each alert that stands, also when it is silenced.", labels, standing)
    unfinished: Counter[Labels] = Counter(
        (each.channel, each.status.replace(" ", "_")) for each in state.deliveries.unfinished()
    )
    told = "Messages that a channel has not taken: waiting, to_be_tried_again, given_up (of the last 90 days)."
    yield gauge("outlay_alert_deliveries_unfinished", told, ("channel", "status"), unfinished)
