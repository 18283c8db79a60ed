"""How often a cache was of use, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from outlay.cache import KINDS

if TYPE_CHECKING:
    from outlay.cache import Guarded


def render(cache: Guarded | None) -> bytes:
    """The counts since this process started, as Prometheus text; nothing when there is no cache."""
    if cache is None:
        return b""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counted(cache))
    return generate_latest(registry)


class _Counted(Collector):
    def __init__(self, cache: Guarded) -> None:
        self._cache = cache

    def collect(self) -> Iterable[Metric]:
        counts, of = self._cache.counts.read(), self._cache.name
        told = "How often this process looked for an answer in its cache, and whether it was there."
        requests = CounterMetricFamily("outlay_cache_requests", told, labels=("type", "kind", "result"))
        told = "Faults of the cache: answers come without it then."
        errors = CounterMetricFamily("outlay_cache_errors", told, labels=("type", "kind"))
        for kind in KINDS:
            requests.add_metric((of, kind, "hit"), counts.get((kind, "hit"), 0))
            requests.add_metric((of, kind, "miss"), counts.get((kind, "miss"), 0))
            errors.add_metric((of, kind), counts.get((kind, "error"), 0))
        return requests, errors
