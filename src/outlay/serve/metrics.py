"""/metrics: costs and the health of sources for Prometheus, rendered when they change, not when scraped."""

from __future__ import annotations

import gzip
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from outlay import __version__, history, reports
from outlay.core.errors import OutlayError
from outlay.core.money import PRECISION
from outlay.core.query import CostQuery, Filter, Measure
from outlay.core.span import FIRST_MONTH, Period, month_of
from outlay.serve.api.problems import problem

if TYPE_CHECKING:
    from fastapi import FastAPI

    from outlay.core.ports import Warehouse
    from outlay.state import State

log = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
MEASURES: tuple[Measure, ...] = ("billed", "effective")
TOP = 50
OTHER = "__other__"
DAY_SECONDS = 86400
CHECK_SECONDS = 15.0
ATTEMPTS = 5

Labels = tuple[str, ...]


def render(
    warehouse: Warehouse, state: State, sources: Sequence[str], today: date, spend_cap_usd: Decimal | None = None
) -> bytes:
    """The metrics as Prometheus text. `sources`: those of the settings; none means all ever collected."""
    registry = CollectorRegistry(auto_describe=False)
    health = _health(warehouse, state, sources, today)
    registry.register(_Ready([*_costs(warehouse, today), *health, *_calls(state, spend_cap_usd)]))
    return generate_latest(registry)


# -- costs ---------------------------------------------------------------------------------------------


def _costs(warehouse: Warehouse, today: date) -> Iterator[Metric]:
    month = Period(month_of(today), today + timedelta(days=1))
    before = Period(month_of(month.start - timedelta(days=1)), month.start)
    current, previous = _summed(warehouse, month), _summed(warehouse, before)
    # What was charged last month is zero, not absent, until this month's first charge arrives.
    current = {labels: Decimal(0) for labels in previous} | current
    yield _money("month_to_date", "Cost of this month so far.", current)
    yield _money("previous_month", "Cost of the whole month before.", previous)
    for name, dimension in (("service", "service"), ("account", "sub_account")):
        told = f"Cost of this month so far by {name}: the {TOP} largest, the others as {OTHER}."
        yield _money(f"month_to_date_by_{name}", told, _summed(warehouse, month, dimension), name)
    days = _last_days(warehouse, Period(before.start, today))
    told = "Cost of each source's last day with charges before today, by service as above."
    yield _money("last_day", told, _last_day(warehouse, days), "service")
    yield _gauge(
        "cost_last_day_timestamp_seconds",
        "The day, at its start in UTC, that outlay_cost_last_day is of.",
        ("source",),
        [((source,), _start(day)) for source, day in days.items()],
    )


def _summed(warehouse: Warehouse, days: Period, *dimension: str, only: Sequence[str] = ()) -> dict[Labels, Decimal]:
    """Costs by provider, source, the dimension if there is one, currency and measure."""
    filters = (Filter("source", tuple(only)),) if only else ()
    found: dict[Labels, Decimal] = defaultdict(Decimal)
    with localcontext(prec=PRECISION):
        for measure in MEASURES:
            query = CostQuery(days, ("provider", "source", *dimension), filters, measure, order="dimensions")
            rows = reports.costs(warehouse, query).rows
            for row in _folded(rows, *dimension) if dimension else rows:
                labels = (row[name] or "" for name in (*query.dimensions, "currency"))
                found[*labels, measure] += row["cost"]
    return found


def _folded(rows: Sequence[dict[str, Any]], dimension: str) -> Iterator[dict[str, Any]]:
    """The same money with the values that cost most, per currency, and OTHER in the place of all others."""
    sizes: dict[str, dict[str | None, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in rows:
        sizes[row["currency"]][row[dimension]] += row["cost"]
    largest = {
        currency: set(sorted(each, key=lambda value: (-each[value], value or ""))[:TOP])
        for currency, each in sizes.items()
    }
    for row in rows:
        yield row if row[dimension] in largest[row["currency"]] else row | {dimension: OTHER}


def _last_days(warehouse: Warehouse, days: Period, only: Sequence[str] = ()) -> dict[str, date]:
    """The last of these days on which each source has charges."""
    filters = (Filter("source", tuple(only)),) if only else ()
    query = CostQuery(days, ("date", "source"), filters, order="dimensions")
    return {row["source"]: row["date"] for row in reports.costs(warehouse, query).rows}


def _last_day(warehouse: Warehouse, days: Mapping[str, date]) -> dict[Labels, Decimal]:
    found: dict[Labels, Decimal] = {}
    for day in sorted(set(days.values())):
        sources = [source for source, last in days.items() if last == day]
        found |= _summed(warehouse, Period.last(1, day + timedelta(days=1)), "service", only=sources)
    return found


# -- sources -------------------------------------------------------------------------------------------


def _health(warehouse: Warehouse, state: State, sources: Sequence[str], today: date) -> Iterator[Metric]:
    known = {each.source: each for each in state.freshness()}
    fresh = [known[name] for name in sources or known if name in known]
    ages = _ages(warehouse, sources or [*known], today)

    def each(name: str, told: str, values: Mapping[str, float]) -> Metric:
        return _gauge(f"source_{name}", told, ("source",), [((source,), value) for source, value in values.items()])

    told = "Whether the last attempt to refresh the source succeeded."
    yield each("up", told, {f.source: not f.stale for f in fresh})
    yield each(
        "last_success_timestamp_seconds",
        "When the source was last refreshed.",
        {f.source: f.last_success.timestamp() for f in fresh if f.last_success},
    )
    yield each(
        "last_attempt_timestamp_seconds",
        "When it was last tried to refresh the source.",
        {f.source: f.last_attempt.timestamp() for f in fresh},
    )
    yield each("refresh_seconds", "How long the last attempt took.", {f.source: f.seconds for f in fresh})
    yield _gauge(
        "source_error",
        "1 for what kind of error keeps the source stale; a source that is fresh has none.",
        ("source", "code"),
        [((f.source, f.code or "unexpected"), 1) for f in fresh if f.stale],
    )
    told = "Whole days, in seconds, between the last day the source has charges of and today, UTC."
    yield each("data_age_seconds", told, {source: days * DAY_SECONDS for source, days in ages.items()})
    unsettled = history.provisional_from(state)
    told = "The first day, at its start in UTC, whose cost may still change."
    yield each("provisional_from_timestamp_seconds", told, {s: _start(d) for s, d in unsettled.items() if s in ages})
    yield _gauge("build_info", "The version that runs.", ("version",), [((__version__,), 1)])


def _calls(state: State, cap: Decimal | None) -> Iterator[Metric]:
    """What asking the providers cost."""
    spent = state.spent()
    labels = ("source", "account", "operation")
    told = "Calls to providers in this calendar month, those that failed too."
    yield _gauge(
        "api_calls_month_to_date", told, labels, [((s.source, s.account, s.operation), s.calls) for s in spent]
    )
    told = "What these calls cost, in USD."
    paid = [((s.source, s.account, s.operation), s.usd) for s in spent if s.usd]
    yield _gauge("api_spend_month_to_date_usd", told, labels, paid)
    told = "What calls may cost in a calendar month; what no longer fits is left out."
    yield _gauge("api_spend_cap_usd", told, (), [] if cap is None else [((), cap)])


def _start(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()


def _ages(warehouse: Warehouse, sources: Sequence[str], today: date) -> dict[str, int]:
    """The days since the last charge of each source that has any."""
    recent = Period.last(62, today + timedelta(days=1))
    last = _last_days(warehouse, recent)
    if missing := [source for source in sources if source not in last]:
        last |= _last_days(warehouse, Period(FIRST_MONTH, recent.start), missing)
    return {source: (today - day).days for source, day in last.items() if source in (sources or last)}


# -- as Prometheus has it ------------------------------------------------------------------------------


class _Ready(Collector):
    """Metrics that are there already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _money(name: str, told: str, found: Mapping[Labels, Decimal], *dimension: str) -> Metric:
    labels = ("provider", "source", *dimension, "currency", "measure")
    return _gauge(f"cost_{name}", told, labels, found.items())


def _gauge(name: str, told: str, labels: Labels, found: Iterable[tuple[Labels, float | Decimal]]) -> Metric:
    """A gauge. Here, at the edge, decimals become the floats that Prometheus keeps."""
    family = GaugeMetricFamily(f"outlay_{name}", told, labels=labels)
    for values, value in sorted(found):
        family.add_metric(values, float(value))
    return family


# -- ready bytes ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rendered:
    """One rendering, plain and compressed, the state of the world it was made from, and the counts it ends with."""

    of: tuple[object, ...]
    plain: bytes
    zipped: bytes
    counts: bytes = b""


class Exposition:
    """The newest metrics. A scrape takes what is there; `refresh` puts something new in its place, whole."""

    def __init__(
        self,
        warehouse: Warehouse,
        state: State,
        sources: Sequence[str] = (),
        spend_cap_usd: Decimal | None = None,
        counts: Callable[[], bytes] = bytes,
    ) -> None:
        """`counts` renders what changes far more often than the rest: how the cache does."""
        self.rendered: Rendered | None = None
        self._warehouse, self._state = warehouse, state
        self._sources = sources
        self._spend_cap_usd = spend_cap_usd
        self._counts = counts
        self._lock = threading.Lock()

    def refresh(self, *, counts_only: bool = False) -> None:
        """Render again if the charges, the sources' health, the day or the counts changed. What fails is logged."""
        with self._lock:
            try:
                self.rendered = self._counted(self.rendered if counts_only else self._newest())
            except OutlayError as error:
                log.error("metrics keep their last state: %s", error)  # noqa: TRY400 - its message says it all
            except Exception:
                log.exception("metrics keep their last state")

    def keep_fresh(self, stopping: threading.Event, busy: Callable[[], bool]) -> None:
        """Refresh now and then, for what other processes collect; amid a collection of ours only the counts."""
        self.refresh()
        while not stopping.wait(CHECK_SECONDS):
            self.refresh(counts_only=busy())

    def _world(self) -> tuple[object, ...]:
        settled = tuple(self._state.past.settling().items())
        return self._warehouse.version(), reports.today(), tuple(self._state.freshness()), settled

    def _newest(self) -> Rendered | None:
        """Rendered again when something was written meanwhile: it may be half old and half new."""
        rendered = self.rendered
        for _ in range(ATTEMPTS):
            world = self._world()
            if rendered is not None and rendered.of == world:
                break
            plain = render(self._warehouse, self._state, self._sources, reports.today(), self._spend_cap_usd)
            rendered = Rendered(world, plain, gzip.compress(plain, 6, mtime=0))
        return rendered

    def _counted(self, rendered: Rendered | None) -> Rendered | None:
        counts = self._counts()
        if rendered is None or rendered.counts == counts:
            return rendered
        plain = rendered.plain.removesuffix(rendered.counts) + counts
        return Rendered(rendered.of, plain, gzip.compress(plain, 6, mtime=0), counts)


def mount(app: FastAPI, exposition: Exposition) -> None:
    """Add /metrics."""

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        rendered = exposition.rendered
        if rendered is None:
            return problem(503, "no-data", "the first metrics are not ready yet", {"Retry-After": "5"})
        headers = {"Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            zipped = headers | {"Content-Encoding": "gzip"}
            return Response(rendered.zipped, headers=zipped, media_type=CONTENT_TYPE)
        return Response(rendered.plain, headers=headers, media_type=CONTENT_TYPE)
