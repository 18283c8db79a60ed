"""The state as somebody sees it who may see some money only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from outlay.core.limits import LimitedError, Limits, limited_by_source, told_sources
from outlay.state import Freshness, Job, Jobs, Measured, Past, Restatement, Run, Settling, Spent, State

if TYPE_CHECKING:
    from outlay.core.ports import Coverage
    from outlay.core.span import Period
    from outlay.state.database import Database

NEWEST = 10_000  # among so many the runs of those that may be seen are looked for


class LimitedState(State):
    """What is told of the sources that may be seen, and nothing of others.

    What the state knows is known by source alone: limits by account or tag leave out the health of all sources, unless
    they name some too, and refuse amounts.
    """

    def __init__(self, state: State, limits: Callable[[], Limits]) -> None:
        """`limits` tells, whenever something is asked, those of who asks."""
        self._database = state._database
        self._limits = limits

    def runs(
        self, source: str | None = None, limit: int = 50, *, during: tuple[datetime, datetime | None] | None = None
    ) -> list[Run]:
        """The newest runs first; `during`: those that began then."""
        told = told_sources(self._limits())
        if told is None or source in told:
            return super().runs(source, limit, during=during)
        every = [] if source else super().runs(None, NEWEST, during=during)
        return [each for each in every if each.source in told][:limit]

    def restatements(self, source: str | None = None, limit: int = 100, *, first: bool = False) -> list[Restatement]:
        """The newest restatements first. Raises LimitedError."""
        told = _ledger(self._limits())
        if told is None or source in told:
            return super().restatements(source, limit, first=first)
        every = [] if source else super().restatements(None, NEWEST, first=first)
        return [each for each in every if each.source in told][:limit]

    def freshness(self) -> list[Freshness]:
        """How fresh each source is."""
        told = told_sources(self._limits())
        return [each for each in super().freshness() if told is None or each.source in told]

    @property
    def past(self) -> Past:
        """What was believed."""
        return LimitedPast(self._database, self._limits)

    @property
    def jobs(self) -> Jobs:
        """Collections of the sources that may be seen."""
        return LimitedJobs(self._database, self._limits)

    def spent(self) -> list[Spent]:
        """The calls of this month."""
        told = told_sources(self._limits())
        return [each for each in super().spent() if told is None or each.source in told]

    def coverage(self) -> dict[str, Coverage]:
        """Whose money each source brings."""
        told = told_sources(self._limits())
        return {source: each for source, each in super().coverage().items() if told is None or source in told}

    def readings(self, source: str | None = None, names: Sequence[str] = ()) -> list[Measured]:
        """The readings of each source. Raises LimitedError."""
        told = _ledger(self._limits())
        return [each for each in super().readings(source, names) if told is None or each.source in told]


class LimitedPast(Past):
    """What was believed of the sources that may be seen."""

    def __init__(self, database: Database, limits: Callable[[], Limits]) -> None:
        super().__init__(database)
        self._limits = limits

    def restated(self, sources: Sequence[str] = (), days: Period | None = None, limit: int = 100) -> list[Restatement]:
        """The restatements of these sources and days (none: all). Raises LimitedError."""
        seen = self._seen(sources)
        return [] if seen is None else super().restated(seen, days, limit)

    def believed(self, moment: datetime, days: Period, sources: Sequence[str] = ()) -> list[Restatement]:
        """What these days were believed to cost. Raises LimitedError."""
        seen = self._seen(sources)
        return [] if seen is None else super().believed(moment, days, seen)

    def beliefs(self, source: str, since: date) -> list[Restatement]:
        """Every belief about the days of a source. Raises LimitedError."""
        return [] if self._seen([source]) is None else super().beliefs(source, since)

    def settling(self) -> dict[str, Settling]:
        """From which day on each source may still change; of all, where limits go across them: no amount is in it."""
        limits = self._limits()
        told = told_sources(limits)
        keep = told is None or not any(each.dimension == "source" for each in limits)
        return {source: each for source, each in super().settling().items() if keep or (told and source in told)}

    def _seen(self, sources: Sequence[str]) -> Sequence[str] | None:
        """The sources to ask for, none for all; None when none of them may be seen."""
        told = _ledger(self._limits())
        if told is None:
            return sources
        return [each for each in sources or sorted(told) if each in told] or None


class LimitedJobs(Jobs):
    """Collections of the sources that may be seen."""

    def __init__(self, database: Database, limits: Callable[[], Limits]) -> None:
        super().__init__(database)
        self._limits = limits

    def get(self, job: str) -> Job | None:
        """The job of this id, as if there were none of other sources."""
        found, told = super().get(job), told_sources(self._limits())
        return found if found and (told is None or found.source in told) else None

    def list(
        self,
        *,
        sources: frozenset[str] | None = None,
        status: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """The newest first."""
        told = told_sources(self._limits())
        both = told if sources is None else sources if told is None else sources & told
        return super().list(sources=both, status=status, before=before, limit=limit)

    def active(self) -> dict[str, Job]:
        """The job of each source that runs or waits to."""
        told = told_sources(self._limits())
        return {source: each for source, each in super().active().items() if told is None or source in told}


def _ledger(limits: Limits) -> frozenset[str] | None:
    """The sources whose amounts may be told; None for all. Raises LimitedError where the state cannot tell."""
    if not limited_by_source(limits):
        raise LimitedError("this is known by source alone, and the key is limited by account or tag")
    return told_sources(limits)
