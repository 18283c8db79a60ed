"""What is wanted of the metrics, and what may be seen in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from outlay.core.limits import EVERYTHING, Limits, limited_by_source, told_sources
from outlay.core.settings import Metrics

if TYPE_CHECKING:
    from outlay.core.settings import Monitoring, Settings


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings say.

    `kinds`       what kind of source each is, by its name: `aws-export`
    `labels`      what the settings call each source's account by: `{team: core}`
    `monitoring`  the rules whose budgets, thresholds and alerts are told; None for none
    """

    settings: Metrics = field(default_factory=Metrics)
    kinds: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    monitoring: Monitoring | None = None

    @classmethod
    def of(cls, settings: Settings) -> Options:
        """Those of loaded settings."""
        kinds = {each.name: _kind(each) for each in settings.sources}
        labels = {each.name: getattr(each, "labels", {}) for each in settings.sources}
        return cls(settings.metrics, kinds, labels, settings.monitoring)

    def of_cloud(self, provider: str) -> list[str]:
        """The sources that ask this provider."""
        return [name for name, kind in self.kinds.items() if kind.partition("-")[0] == provider]

    def serves(self, family: str) -> bool:
        """Whether metrics under these names of others are wanted."""
        return self.settings.serves(family, {kind.partition("-")[0] for kind in self.kinds.values()})


def _kind(source: Any) -> str:
    field_of = getattr(type(source), "model_fields", {}).get("name")
    return str(field_of.default) if field_of is not None else str(source.name)


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody with these limits may see of what is not a cost."""

    limits: Limits = EVERYTHING

    @property
    def is_whole(self) -> bool:
        """Whether everything may be seen."""
        return not self.limits

    @property
    def whole_sources(self) -> bool:
        """Whether all of a source's money may be seen, if any of it may."""
        return limited_by_source(self.limits)

    def has(self, source: str) -> bool:
        """Whether the state of a source may be told."""
        told = told_sources(self.limits)
        return told is None or source in told

    def has_money(self, source: str) -> bool:
        """Whether all money of a source may be told."""
        return self.whole_sources and self.has(source)
