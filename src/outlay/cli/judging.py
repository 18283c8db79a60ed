"""The judge of the settings: what is amiss is told after each collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outlay.judge import Judge
from outlay.notify import channels

if TYPE_CHECKING:
    from outlay.core.settings import Settings
    from outlay.state import State


def judge_of(settings: Settings, state: State) -> Judge:
    """All rules of the settings, and all channels."""
    monitoring = settings.monitoring
    sources = [source.name for source in settings.sources]
    return Judge(
        settings.store, state, monitoring, channels(monitoring.notifications), sources, public_url=page_of(settings)
    )


def page_of(settings: Settings) -> str | None:
    """Where people reach the dashboard, if they do."""
    return settings.api.public_url if settings.dashboard.enabled else None
