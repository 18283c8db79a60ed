"""What each day cost as OpenMetrics, with the day's own time: the history that no scrape can bring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from outlay import reports
from outlay.core.errors import UsageError, choices
from outlay.core.money import text
from outlay.core.query import ALIASES, TAG, CostQuery, Measure
from outlay.serve.metrics.answers import MEASURES
from outlay.serve.metrics.costs import BY, start_of
from outlay.serve.metrics.families import Labels, bounded, summed

if TYPE_CHECKING:
    from outlay.core.ports import Warehouse
    from outlay.core.span import Period

NAME = "outlay_cost_daily"
TOLD = "Cost of the day that starts at the sample's time, UTC."
GROUPS: Mapping[str, str] = {dimension: label for label, dimension in BY}  # and what their label is called


def render(warehouse: Warehouse, days: Period, groups: Sequence[str], top: int) -> bytes:
    """The cost of each of these days by provider and source; and, in families of their own, by each of `groups`.

    A sample has the time at which its day starts (UTC). Of a group the `top` values are told that cost most on all
    these days, per currency and measure, and the others as one. Families are gauges, for `promtool tsdb
    create-blocks-from openmetrics`. Raises UsageError for a group that is none, and StoreError.
    """
    families = {NAME: [*_samples(warehouse, days)]}
    for name in dict.fromkeys(_group(word) for word in groups):
        family = f"{NAME}_by_{GROUPS.get(name, 'tag')}"
        families.setdefault(family, []).extend(_samples(warehouse, days, name, top))
    parts = []
    for name, samples in families.items():
        parts += [f"# TYPE {name} gauge\n# HELP {name} {TOLD}\n", *(name + each for each in samples)]
    return "".join([*parts, "# EOF\n"]).encode()


def _group(word: str) -> str:
    name = ALIASES.get(word, word)
    if name in GROUPS or (name.startswith(TAG) and name != TAG):
        return name
    raise UsageError(choices("group of daily costs", word, [*GROUPS.values(), f"{TAG}<key>"]))


def _samples(warehouse: Warehouse, days: Period, group: str | None = None, top: int = 0) -> Iterator[str]:
    """A family without its name, series by series and each in the order of its days, as OpenMetrics wants it."""
    groups = () if group is None else (group,)
    found = summed(pair for measure in MEASURES for pair in _costs(warehouse, days, groups, measure))
    if group is not None:
        found = bounded(found, 2, top, apart=slice(-3, -1))
    for labels, cost in sorted(found.items()):
        day = date.fromisoformat(labels[-1])
        yield f"{{{_written(labels, group)}}} {text(cost)} {start_of(day):.0f}\n"


def _costs(
    warehouse: Warehouse, days: Period, groups: tuple[str, ...], measure: Measure
) -> Iterator[tuple[Labels, Decimal]]:
    """Each cost by provider, source, the group if there is one, currency, measure and day."""
    names = ("provider", "source", *groups)
    query = CostQuery(days, (*names, "date"), (), measure, "dimensions")
    for row in reports.costs(warehouse, query).rows:
        who = (row[name] or "" for name in (*names, "currency"))
        yield (*who, measure, row["date"].isoformat()), row["cost"]


def _written(labels: Labels, group: str | None) -> str:
    provider, source, *value, currency, measure, _ = labels
    known = {"provider": provider, "source": source, "currency": currency, "measure": measure}
    if group is not None:
        known[GROUPS.get(group, "value")] = value[0]
        known |= {} if group in GROUPS else {"key": group.removeprefix(TAG)}
    return ",".join(f'{name}="{_escaped(known[name])}"' for name in sorted(known))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
