"""The use case "refresh": every source on its own, side by side, each span replaced whole or left alone."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from outlay.cache.answers import Answers
from outlay.core.errors import OutlayError, SpendError
from outlay.core.ports import Priced, PricedReadings, Readings, Replaced, Source, Warehouse
from outlay.core.span import Period, Span, Window
from outlay.overlap import Overlap
from outlay.state import Books, Limits, Run, State

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

HOW = {"attempts", "timeout", "max_pages"}  # settings that change how a source asks, not what it is told


@dataclass(frozen=True, slots=True)
class Ask:
    """What to collect: the days a person named, or the last days before today.

    `lookback_days`  how many days to ask an API for again, as providers restate them
    `backfill_days`  how many instead for a source never collected before, or when `backfill` is asked for
    `backfill`       go back so far, or over all of `days`, and go on where a backfill was cut short
    `limits`         what calls may cost
    `answers`        which answers of before are not asked for again

    A source that tells which days are final is asked for all others of the last `backfill_days`.
    """

    days: Period | None = None
    lookback_days: int = 2
    backfill_days: int = 90
    backfill: bool = False
    limits: Limits = field(default_factory=Limits)
    answers: Answers = field(default_factory=Answers)

    def window(self, today: date, *, known: bool, settles: bool = False) -> Window:
        """The days for one source: `known` when it was collected before, `settles` when it told final days."""
        if self.days is not None:
            return Window(self.days, asked=True)
        days = self.lookback_days if known and not (self.backfill or settles) else self.backfill_days
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
    """What would be fetched, its price in USD (None: free), and why it would be left out, if it would."""

    what: str
    price: Decimal | None
    left_out: str | None = None


class Abandoned(Exception):
    """Raised inside a running collection that was told to stop; nothing of its span is stored."""


Tell = Callable[[Progress], None]


def plan(sources: Sequence[Source], warehouse: Warehouse, state: State, ask: Ask) -> Iterator[Planned]:
    """The spans that `refresh` would fetch, source by source. Raises what a source raises."""
    known, overlap = _known(state), Overlap(warehouse, state, [source.name for source in sources])
    total = Decimal(0)
    for source in sources:
        if overlap.counted_by(source.name):
            continue
        books = _books(state, source, ask)
        booked = ask.answers.booked(source, books)
        window = ask.window(_today(), known=source.name in known, settles=bool(books.settled))
        backfill = state.backfill(source.name, _what(source))
        spans = backfill.left(booked.spans(window)) if ask.backfill else booked.spans(window)
        for what, price in _priced(booked, spans, state):
            try:
                books.afford(total + (price or 0))
            except SpendError as error:
                yield Planned(what, price, str(error))
                break  # as a collection does
            total += price or 0
            yield Planned(what, price)


def _priced(source: Source, spans: Iterable[Span], state: State) -> Iterator[tuple[str, Decimal | None]]:
    for span in spans:
        yield str(span), source.price(span) if isinstance(source, Priced) else None
    if isinstance(source, PricedReadings) and _due(source, state):
        yield f"{source.name} readings", source.reading_price()


def _due(source: Source, state: State) -> bool:
    """Whether a source's readings are to be read: those that cost something only once a day."""
    if not isinstance(source, Readings):
        return False
    if not isinstance(source, PricedReadings):
        return True
    return source.reading_price() > 0 and state.read_on(source.name) != _today()


def refresh(
    sources: Sequence[Source],
    warehouse: Warehouse,
    state: State,
    ask: Ask,
    *,
    workers: int = 8,
    stop: threading.Event | None = None,
    tell: Tell | None = None,
    names: Sequence[str] = (),
) -> list[Run]:
    """Collect all sources and say what became of each span, newest first per source.

    A source that fails keeps the data it had, is recorded with its error, and neither hides nor delays others.
    Once `stop` is set, spans under way are given up, unrecorded and unstored. `names`: of all sources in the
    settings, where these are not all: an account is counted once among them.
    """
    warehouse.prepare()
    overlap = Overlap(warehouse, state, names or [source.name for source in sources])
    job = _Job(warehouse, state, ask, overlap, _known(state), stop or threading.Event(), tell or (lambda _: None))
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="collect") as pool:
        return [run for found in pool.map(job.source, sources) for run in found]


def tidy(warehouse: Warehouse, state: State) -> None:
    """What is due after collecting. What fails is logged: it is never needed for right answers."""
    try:
        warehouse.maintain()
        state.forget()
    except OutlayError as error:
        log.warning("the store could not be tidied: %s", error)


@dataclass(frozen=True, slots=True)
class _Job:
    """One collection under way."""

    warehouse: Warehouse
    state: State
    ask: Ask
    overlap: Overlap
    known: set[str]
    stop: threading.Event
    tell: Tell

    def source(self, source: Source) -> list[Run]:
        """Every span of one source. This is the wall that keeps one source's failure from the others."""
        runs: list[Run] = []
        started = time.monotonic()
        begun = Run(source.name, "", datetime.now(UTC), 0.0)
        try:
            self._go_on()
            runs.extend(self._runs(source))
        except Abandoned:
            log.info("abandoned the collection of %s", source.name)
        except Exception as error:
            runs.append(self._record(_failed(replace(begun, seconds=time.monotonic() - started), error)))
        return runs

    def _runs(self, source: Source) -> Iterator[Run]:
        books = _books(self.state, source, self.ask)
        booked = self.ask.answers.booked(source, books)
        self.overlap.announce(booked)
        for member in self.overlap.members(source.name):
            yield from self._stood_back(member, source.name)
        if by := self.overlap.counted_by(source.name):
            yield from self._stood_back(source.name, by, told=True)
            return
        window = self.ask.window(_today(), known=source.name in self.known, settles=bool(books.settled))
        spans = booked.spans(window)
        if self.ask.backfill or source.name not in self.known:
            spans = self.state.backfill(source.name, _what(source)).walk(spans)
        for span in spans:
            run = self._span(booked, span, books)
            yield run
            if run.error is not None:
                return
        if isinstance(booked, Readings) and _due(booked, self.state):
            yield self._readings(booked, source.name, books)
        if by := self.overlap.counted_by(source.name):  # a payer may have come meanwhile
            yield from self._stood_back(source.name, by)

    def _span(self, source: Source, span: Span, books: Books) -> Run:
        def replaced() -> Replaced:
            if isinstance(source, Priced):
                books.afford(source.price(span))
            return self.warehouse.replace(span, self._watched(source.name, span, source.fetch(span)))

        return self._run(Run(source.name, str(span), datetime.now(UTC), 0.0), books, replaced)

    def _readings(self, source: Readings, name: str, books: Books) -> Run:
        def read() -> Replaced:
            if isinstance(source, PricedReadings):
                books.afford(source.reading_price())
            return Replaced(self.state.record_readings(name, _today(), source.read(_today())))

        return self._run(Run(name, f"{name} readings", datetime.now(UTC), 0.0), books, read)

    def _run(self, run: Run, books: Books, work: Callable[[], Replaced]) -> Run:
        """Do one piece of work and record what became of it."""
        started, paid, replaced = time.monotonic(), books.paid, Replaced()
        try:
            replaced = work()
            books.stored()
        except Abandoned:
            raise
        except Exception as error:
            books.failed()
            run = _failed(run, error)
        done = replace(
            run,
            seconds=time.monotonic() - started,
            rows=replaced.rows,
            totals=replaced.totals,
            unchanged=replaced.unchanged,
            paid_calls=books.paid - paid,
        )
        return self._record(done, replaced)

    def _stood_back(self, name: str, by: str, *, told: bool = False) -> Iterator[Run]:
        """Have a source stand back for another that brings its money: nothing of it stays in the store."""
        cleared = self.overlap.clear(name)
        if cleared is not None or told:
            note = f"its account is counted once, by {by}"
            run = Run(name, f"{name} everything", datetime.now(UTC), 0.0, unchanged=cleared is None, note=note)
            yield self._record(run, cleared or Replaced())

    def _record(self, run: Run, replaced: Replaced | None = None) -> Run:
        self.state.record_run(run, replaced.changes if replaced else ())
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


def _books(state: State, source: Source, ask: Ask) -> Books:
    """The source's ledger. What is final under one set of settings is not under another."""
    return state.books(source.name, ask.limits, _what(source))


def _what(source: Source) -> str:
    """What a source's settings ask for, its secrets masked."""
    dump = getattr(source, "model_dump_json", None)
    return str(dump(exclude=HOW)) if dump else ""


def _known(state: State) -> set[str]:
    return {each.source for each in state.freshness() if each.last_success is not None}


def _today() -> date:
    return datetime.now(UTC).date()


def _failed(run: Run, error: Exception) -> Run:
    """The run with what went wrong. Of what nobody foresaw only the kind is told: its text might hold a secret."""
    if isinstance(error, OutlayError):
        return replace(run, error=str(error), code=error.code)
    log.debug("unexpected", exc_info=error)
    said = f"unexpected {type(error).__name__}; run with logging.level DEBUG for the whole story"
    return replace(run, error=said, code="unexpected")
