"""Families of metrics as Prometheus has them, and labels with no more values than are allowed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from outlay.core.money import PRECISION

OTHER = "__other__"

Labels = tuple[str, ...]
Amounts = dict[Labels, Decimal]
Key = TypeVar("Key", bound=Labels)


def gauge(name: str, told: str, labels: Sequence[str], found: Mapping[Key, float | Decimal]) -> Metric:
    """A gauge. Here, at the edge, decimals become the floats that Prometheus keeps."""
    return _filled(GaugeMetricFamily(name, told, labels=labels), found)


def counter(name: str, told: str, labels: Sequence[str], found: Mapping[Key, float | Decimal]) -> Metric:
    """A counter; its name without `_total`, which is added."""
    return _filled(CounterMetricFamily(name, told, labels=labels), found)


def histogram(name: str, told: str, within: Mapping[float, int], every: int, total: float) -> Metric:
    """A histogram of `every` measurements with this total, so many of them `within` each bound."""
    family = HistogramMetricFamily(name, told, labels=())
    steps = [*((str(bound), count) for bound, count in within.items()), ("+Inf", every)]
    family.add_metric((), buckets=steps, sum_value=total)
    return family


def _filled(family: GaugeMetricFamily | CounterMetricFamily, found: Mapping[Key, float | Decimal]) -> Metric:
    for values, value in sorted(found.items()):
        family.add_metric(values, float(value))
    return family


def summed(pairs: Iterable[tuple[Labels, Decimal]]) -> Amounts:
    """The sum of the amounts of each combination of labels."""
    found: Amounts = defaultdict(Decimal)
    with localcontext(prec=PRECISION):
        for labels, amount in pairs:
            found[labels] += amount
    return dict(found)


def bounded(found: Mapping[Labels, Decimal], at: int, top: int, apart: slice = slice(-2, None)) -> Amounts:
    """The same money with the `top` largest values of the label `at`, and OTHER in the place of all others.

    What is largest is told for each combination of the labels that are kept `apart`: currency and measure.
    """
    sizes: dict[Labels, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    with localcontext(prec=PRECISION):
        for labels, amount in found.items():
            sizes[labels[apart]][labels[at]] += amount
    largest = {
        kind: set(sorted(each, key=lambda value, each=each: (-each[value], value))[:top])  # type: ignore[misc]
        for kind, each in sizes.items()
    }

    def kept(labels: Labels) -> Labels:
        return labels if labels[at] in largest[labels[apart]] else (*labels[:at], OTHER, *labels[at + 1 :])

    return summed((kept(labels), amount) for labels, amount in found.items())


class _Ready(Collector):
    """Metrics that are there already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def as_text(families: Iterable[Metric]) -> bytes:
    """Prometheus text (0.0.4)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ready([*families]))
    return generate_latest(registry)
