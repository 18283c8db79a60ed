"""The use case "judge": what the rules say of what is stored, told to people once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from outlay import history
from outlay.core.errors import OutlayError, UsageError
from outlay.core.monitoring import ApiSpend, Stale, Threshold
from outlay.judge.asking import AnyRule, Asking, CostRule, is_judged, judged, looking, of_itself, rules_of
from outlay.judge.links import link
from outlay.judge.telling import hand_over, seen, worded
from outlay.judge.verdicts import Verdict
from outlay.state.alerts import Alert, Seen
from outlay.state.deliveries import Outbox

if TYPE_CHECKING:
    from outlay.core.ports import Notifier, Warehouse
    from outlay.core.settings import Monitoring
    from outlay.state import State

log = logging.getLogger(__name__)

JUDGE_SECONDS = 600.0  # time passes for rules, too, and other processes collect
DELIVER_SECONDS = 15.0
UNJUDGED_MAX = timedelta(days=7)  # an alert that nobody judges for so long is over


class Judge:
    """Judges all rules, and tells what came of it. Safe for many threads and processes; see state.alerts.

    Alerts of rules and sources that it does not know may be another process's: they are left alone until nobody has
    judged them for long.

    `sources`     those of the settings: of others no more days are waited for; none means all
    `public_url`  where people reach the dashboard, if they do
    """

    def __init__(
        self,
        warehouse: Warehouse,
        state: State,
        monitoring: Monitoring,
        notifiers: Iterable[Notifier] = (),
        sources: Sequence[str] = (),
        *,
        public_url: str | None = None,
    ) -> None:
        self._warehouse, self._state = warehouse, state
        self._rules = rules_of(monitoring)
        self._repeat = timedelta(hours=monitoring.repeat_hours)
        self._notifiers = list(notifiers)
        self._sources, self._public_url = sources, public_url
        self._judging = threading.Lock()  # several threads that find the same have one do it after the other
        self._delivering = threading.Lock()

    def run(self) -> None:
        """Judge, and hand over what is due. What fails is logged: nothing else may fail by it."""
        self._safely(self._judge)
        self.deliver()

    def deliver(self) -> None:
        """Hand over what is due, unless another thread does so just now."""
        if self._delivering.acquire(blocking=False):
            try:
                self._safely(lambda: hand_over(self._state.deliveries, self._notifiers, _now()))
            finally:
                self._delivering.release()

    def end(self, number: int) -> Alert:
        """End an alert that no rule speaks of any more, and tell so. Raises UsageError when there is no such alert."""
        found = self._state.alerts.one(number)
        if self._judges(found):
            raise UsageError(
                f"alert {number} is of {found.rule}, which is judged: take it on (ack), or silence the rule"
            )
        others = {each.subject for each in self._state.alerts.standing() if each.rule == found.rule} - {found.subject}
        at = _now()
        self._keep(found.rule, {found.subject: self._seen(None, _over(found), at)}, at, others)
        self.deliver()
        return found

    def keep_on(self, stopping: threading.Event) -> None:
        """Judge every few minutes and hand over what becomes due, until told to stop."""
        judged = 0.0
        while not stopping.wait(DELIVER_SECONDS):
            judged += DELIVER_SECONDS
            if judged >= JUDGE_SECONDS:
                judged = 0.0
                self._safely(self._judge)
            self.deliver()

    def _judge(self) -> None:
        with self._judging:
            at = _now()
            standing = self._state.alerts.standing()
            gone = {each.rule for each in standing if not self._is_anothers(each, at)}
            for name in sorted(gone - {each.name for each in self._rules}):
                self._update(name, None, {}, at, standing)
            own = [each for each in self._rules if isinstance(each, (Stale, ApiSpend))]
            for rule in own:
                self._safely(partial(self._of_itself, rule, at, standing))
            if costs := [each for each in self._rules if not isinstance(each, (Stale, ApiSpend))]:
                asking = looking(self._warehouse, history.provisional_from(self._state), self._sources)
                for each in costs:
                    self._safely(partial(self._of_costs, each, asking, at, standing))

    def _of_itself(self, rule: Stale | ApiSpend, at: datetime, standing: Sequence[Alert]) -> None:
        self._told(rule, of_itself(rule, self._state, at, self._sources), at, standing)

    def _of_costs(self, rule: CostRule, asking: Asking, at: datetime, standing: Sequence[Alert]) -> None:
        known = asking.known(rule)
        before = self._state.alerts.judged().get(rule.name)
        self._told(rule, judged(rule, replace(known, since=before)), at, standing)
        end = known.end(provisional=False)
        if isinstance(rule, Threshold) and end is not None and (before is None or end > before):
            self._state.alerts.record_judged(rule.name, end)

    def _told(self, rule: AnyRule, found: Sequence[Verdict] | None, at: datetime, standing: Sequence[Alert]) -> None:
        if found is None:
            return  # not to be told yet: what stands, stands
        known = {each.subject for each in standing if each.rule == rule.name}
        amiss = {each.subject: self._seen(rule, each, at) for each in found if each.severity or each.subject in known}
        if amiss or known:
            self._update(rule.name, rule, amiss, at, standing)

    def _update(
        self, name: str, rule: AnyRule | None, amiss: dict[str, Seen], at: datetime, standing: Sequence[Alert]
    ) -> None:
        rest = [each for each in standing if each.rule == name and each.subject not in amiss]
        others = {each.subject for each in rest if self._is_anothers(each, at)}
        amiss |= {each.subject: self._seen(rule, _over(each), at) for each in rest if each.subject not in others}
        self._keep(name, amiss, at, others)

    def _keep(self, rule: str, amiss: dict[str, Seen], at: datetime, others: Collection[str]) -> None:
        outbox = Outbox([each.name for each in self._notifiers], worded)
        for told in self._state.alerts.update(rule, amiss, at, self._repeat, outbox, others=others):
            log.warning("alert %d, %s: %s", told.alert, told.step, told.seen.title)

    def _is_anothers(self, alert: Alert, at: datetime) -> bool:
        """Whether another process may judge what this one does not know."""
        return not self._judges(alert) and at - alert.seen_at < UNJUDGED_MAX

    def _judges(self, alert: Alert) -> bool:
        return is_judged(alert, self._rules, self._sources)

    def _seen(self, rule: AnyRule | None, verdict: Verdict, at: datetime) -> Seen:
        return seen(verdict, at, link(self._public_url, rule, verdict) if self._public_url else None)

    def _safely(self, work: Callable[[], object]) -> None:
        try:
            work()
        except OutlayError as error:
            log.error("alerts stay as they are: %s", error)  # noqa: TRY400 - its message says it all
        except Exception:
            log.exception("alerts stay as they are")


def _over(alert: Alert) -> Verdict:
    """What is told of an alert that no rule speaks of any more."""
    return Verdict(
        alert.rule,
        alert.subject,
        None,
        f"Ended: {alert.title}",
        f"It stood since {alert.since:%Y-%m-%d %H:%M} UTC, and has ended: {alert.text}",
        Decimal(0),
    )


def _now() -> datetime:
    return datetime.now(UTC)
