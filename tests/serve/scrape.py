"""Reading what /metrics says, as Prometheus does."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families


def families(text: bytes) -> dict[str, Metric]:
    """Every family by its name, counters with their `_total`."""
    found = text_string_to_metric_families(text.decode())
    return {each.name + ("_total" if each.type == "counter" else ""): each for each in found}


def samples(text: bytes, name: str) -> list[tuple[dict[str, str], float]]:
    """The samples of one metric."""
    found = text_string_to_metric_families(text.decode())
    return [(each.labels, each.value) for family in found for each in family.samples if each.name == name]


def sums(text: bytes, name: str, *labels: str) -> dict[tuple[str, ...], Decimal]:
    """The sums of one metric by these labels."""
    found: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for said, value in samples(text, name):
        found[tuple(said[label] for label in labels)] += Decimal(value)
    return dict(found)
