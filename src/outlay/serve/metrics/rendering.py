"""The metrics as Prometheus text: every family, of what may be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from outlay import __version__, history
from outlay.core.gauges import CLOUDS
from outlay.core.limits import EVERYTHING, Limits
from outlay.limited import Limited
from outlay.serve.metrics import alerts, compat_cloud_cost, compat_clouds, compat_heroku, costs, custom
from outlay.serve.metrics import sources as of_sources
from outlay.serve.metrics.answers import Answers
from outlay.serve.metrics.families import as_text, gauge
from outlay.serve.metrics.options import Options, Sight

if TYPE_CHECKING:
    from outlay.core.ports import Warehouse
    from outlay.state import Freshness, State

RESTATEMENTS_MAX = 1_000_000


def render(
    warehouse: Warehouse,
    state: State,
    sources: Sequence[str],
    today: date,
    spend_cap_usd: Decimal | None = None,
    *,
    options: Options | None = None,
    limits: Limits = EVERYTHING,
) -> bytes:
    """The metrics as Prometheus text. `sources`: those of the settings; none means all ever collected.

    With `limits` they are of that money alone: what tells of other money is left out.
    """
    seen = Limited(warehouse, lambda: limits) if limits else warehouse
    wanted = options or Options()
    sheet = _Sheet(Answers(seen, today), state, sources, wanted, Sight(limits))
    judged = alerts.families(warehouse, state, wanted.monitoring) if wanted.monitoring and not limits else ()
    return as_text([*sheet.native(spend_cap_usd), *judged, *sheet.compatible()])


class _Sheet:
    """One rendering."""

    def __init__(self, answers: Answers, state: State, sources: Sequence[str], options: Options, sight: Sight) -> None:
        self._answers, self._state, self._options, self._sight = answers, state, options, sight
        self._top = options.settings.top
        known = {each.source: each for each in state.freshness()}
        self._sources = [name for name in sources or known if sight.has(name)]
        self._fresh: list[Freshness] = [known[name] for name in self._sources if name in known]
        self._counted = state.counted()
        self._spent = [each for each in state.spent() if sight.has_money(each.source)]

    def native(self, spend_cap_usd: Decimal | None) -> Iterator[Metric]:
        """What is called outlay_..."""
        unsettled = history.provisional_from(self._state)
        yield from costs.families(self._answers, self._options.settings, unsettled)
        if self._sight.whole_sources:
            changes = self._state.past.restated((), self._answers.both, RESTATEMENTS_MAX)
            yield costs.restated(each for each in changes if self._sight.has(each.source))
        if self._sources:
            yield from self._health(unsettled)
        if self._sight.whole_sources:
            yield from of_sources.calls(self._spent, self._top)
        if self._sight.is_whole:
            yield of_sources.cap(spend_cap_usd)
        yield gauge("outlay_build_info", "The version that runs.", ("version",), {(__version__,): 1})

    def _health(self, unsettled: dict[str, date]) -> Iterator[Metric]:
        yield from of_sources.health(self._fresh)
        yield from of_sources.counts({name: self._counted[name] for name in self._sources if name in self._counted})
        newest = self._answers.newest_days(self._sources)
        told = {name: day for name, day in newest.items() if name in self._sources}
        yield from of_sources.ages(told, self._answers.today, unsettled)

    def compatible(self) -> Iterator[Metric]:
        """Under other people's names."""
        options = self._options
        if options.serves("heroku") and self._sight.whole_sources:
            found = self._state.readings()
            mine = (each.reading for each in found if self._sight.has(each.source))
            yield from compat_heroku.families(mine, self._top)
        for cloud in CLOUDS:
            if options.serves(cloud):
                yield from self._cloud(cloud)
        if options.serves("cloud_cost"):
            yield from compat_cloud_cost.families(self._answers, self._top)
            yield compat_cloud_cost.last_update(each.last_success for each in self._fresh if each.last_success)
        yield from custom.families(self._answers, options)

    def _cloud(self, cloud: str) -> Iterator[Metric]:
        names = {name for name in self._options.of_cloud(cloud) if self._sight.has_money(name)}
        if self._sight.whole_sources:
            yield compat_clouds.calls(cloud, [each for each in self._spent if each.source in names])
            yield from compat_clouds.runs(cloud, [each for name, each in self._counted.items() if name in names])
        yield compat_clouds.costs(cloud, self._answers, self._top)
