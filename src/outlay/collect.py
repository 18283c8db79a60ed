"""The use case "refresh": every source on its own, side by side, each span replaced whole or left alone."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from outlay.core.errors import OutlayError
from outlay.core.ports import Priced, Replaced, Source, Warehouse
from outlay.core.span import Period, Span, Window
from outlay.state import Run, State

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ask:
    """What to collect: the days a person named, or the last days before today.

    `lookback_days`  how many days to ask an API for again, as providers restate them
    `backfill_days`  how many instead for a source never collected before, or when `backfill` is asked for
    """

    days: Period | None = None
    lookback_days: int = 2
    backfill_days: int = 90
    backfill: bool = False

    def window(self, today: date, *, known: bool) -> Window:
        """The days for one source; `known` tells whether it was collected before."""
        if self.days is not None:
            return Window(self.days, asked=True)
        days = self.lookback_days if known and not self.backfill else self.backfill_days
        return Window(Period.last(days, today))


@dataclass(frozen=True, slots=True)
class Progress:
    """What a collection does now: `rows` of `span` read so far; `run` when the span is done."""

    source: str
    span: str
    rows: int = 0
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """One span that would be fetched, and its price in USD (None: free)."""

    span: Span
    price: Decimal | None


class Abandoned(Exception):
    """Raised inside a running collection that was told to stop; nothing of its span is stored."""


Tell = Callable[[Progress], None]


def plan(sources: Sequence[Source], state: State, ask: Ask) -> Iterator[Planned]:
    """The spans that `refresh` would fetch, source by source. Raises what a source raises."""
    known = _known(state)
    for source in sources:
        for span in source.spans(ask.window(_today(), known=source.name in known)):
            yield Planned(span, source.price(span) if isinstance(source, Priced) else None)


def refresh(
    sources: Sequence[Source],
    warehouse: Warehouse,
    state: State,
    ask: Ask,
    *,
    workers: int = 8,
    stop: threading.Event | None = None,
    tell: Tell | None = None,
) -> list[Run]:
    """Collect all sources and say what became of each span, newest first per source.

    A source that fails keeps the data it had, is recorded with its error, and neither hides nor delays others.
    Once `stop` is set, spans under way are given up, unrecorded and unstored.
    """
    warehouse.prepare()
    job = _Job(warehouse, state, stop or threading.Event(), tell or (lambda _: None))
    known = _known(state)
    windows = [(source, ask.window(_today(), known=source.name in known)) for source in sources]
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="collect") as pool:
        runs = [run for found in pool.map(lambda each: job.source(*each), windows) for run in found]
    if any(run.error is None and not run.unchanged for run in runs) and not job.stop.is_set():
        try:
            warehouse.maintain()
        except OutlayError as error:
            log.warning("the store could not be tidied: %s", error)
    return runs


@dataclass(frozen=True, slots=True)
class _Job:
    """One collection under way."""

    warehouse: Warehouse
    state: State
    stop: threading.Event
    tell: Tell

    def source(self, source: Source, window: Window) -> list[Run]:
        """Every span of one source. This is the wall that keeps one source's failure from the others."""
        runs: list[Run] = []
        started = time.monotonic()
        begun = Run(source.name, "", datetime.now(UTC), 0.0)
        try:
            self._go_on()
            for span in source.spans(window):
                runs.append(self._span(source, span))
                if runs[-1].error is not None:
                    break
        except Abandoned:
            log.info("abandoned the collection of %s", source.name)
        except Exception as error:
            failed = replace(begun, seconds=time.monotonic() - started, error=_reason(error))
            runs.append(self._record(failed, Replaced()))
        return runs

    def _span(self, source: Source, span: Span) -> Run:
        started, calls = time.monotonic(), _calls(source)
        run = Run(source.name, str(span), datetime.now(UTC), 0.0)
        replaced = Replaced()
        try:
            replaced = self.warehouse.replace(span, self._watched(source.name, span, source.fetch(span)))
        except Abandoned:
            raise
        except Exception as error:
            run = replace(run, error=_reason(error))
        done = replace(
            run,
            seconds=time.monotonic() - started,
            rows=replaced.rows,
            totals=replaced.totals,
            unchanged=replaced.unchanged,
            paid_calls=_calls(source) - calls,
        )
        return self._record(done, replaced)

    def _record(self, run: Run, replaced: Replaced) -> Run:
        self.state.record_run(run, replaced.changes)
        self.tell(Progress(run.source, run.span, run.rows, run))
        return run

    def _watched(self, source: str, span: Span, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = 0
        self._go_on()
        for batch in batches:
            self._go_on()
            rows += batch.num_rows
            self.tell(Progress(source, str(span), rows))
            yield batch
        self._go_on()

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise Abandoned


def _calls(source: Source) -> int:
    return int(getattr(source, "paid_calls", 0))  # until sources book with a ledger


def _known(state: State) -> set[str]:
    return {each.source for each in state.freshness() if each.last_success is not None}


def _today() -> date:
    return datetime.now(UTC).date()


def _reason(error: Exception) -> str:
    """One sentence for people. Of what nobody foresaw only the kind is told: its text might hold a secret."""
    if isinstance(error, OutlayError):
        return str(error)
    log.debug("unexpected", exc_info=error)
    return f"unexpected {type(error).__name__}; run with logging.level DEBUG for the whole story"
