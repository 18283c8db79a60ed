"""When to collect: at the start, then by cron, and when somebody asks; each source at its own pace."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from cronsim import CronSim

from outlay.core.errors import OutlayError
from outlay.state import Run
from outlay.state.jobs import Job, Wish, this_process

if TYPE_CHECKING:
    from outlay.state.jobs import Jobs

log = logging.getLogger(__name__)

NAP_SECONDS = 60.0  # look at the clock again this often: it may be set, and a laptop sleeps
BEAT_SECONDS = 10.0  # tell this often that jobs go on
STOPPING = "the server is about to end; ask again when it is back"
NICENESS = 10
SCHEDULE = "schedule"  # who asks for the collections that nobody asks for

Collect = Callable[[str, threading.Event], object]


class StoppingError(OutlayError):
    """A server that is about to end and starts nothing any more."""

    code: ClassVar[str] = "stopping"
    status: ClassVar[int] = 503


@dataclass(frozen=True, slots=True)
class _Turn:
    """Sources that are collected together: those that are `left`, and what is to be done after the last."""

    left: list[str]
    tidy: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class _Outcome:
    rows: int = 0
    error: str | None = None
    code: str | None = None


class Collector:
    """Collects all `sources` at once and then by `schedule`, until `stopping` is set; and any when it is asked for.

    Without a schedule only then.

    Each collection is a job, of a source one at a time, over all processes of a state. A source that still runs when
    its next turn comes is left out of that turn, and no other waits for it.

    `collect`  refreshes one source; the event tells it to give up. The runs that it returns tell what became of
               it; what it raises is logged
    `wished`   the like, for what somebody wished
    `after`    runs after each source, well or not
    `tidy`     runs after the last source of a turn
    """

    def __init__(
        self,
        sources: Sequence[str],
        collect: Collect,
        schedule: str | None,
        stopping: threading.Event,
        jobs: Jobs,
        *,
        wished: Callable[[Wish], Collect] | None = None,
        after: Callable[[], object] = lambda: None,
        tidy: Callable[[], object] = lambda: None,
        workers: int = 8,
    ) -> None:
        self.sources = sources
        self._collect, self._wished = collect, wished or (lambda _: collect)
        self._schedule = schedule
        self._stopping = stopping
        self._jobs, self._process = jobs, this_process()
        self._after, self._tidy = after, tidy
        # Its threads start with the first job. Never left by `with`, which would wait for sources that hang.
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="collector", initializer=give_way)
        self._busy: dict[str, Job] = {}
        self._lock = threading.Lock()

    @property
    def collecting(self) -> bool:
        """Whether any source is being collected."""
        return bool(self._busy)

    def run(self) -> None:
        """Collect until told to stop."""
        self._told(lambda: self._jobs.recover(self._process))
        if self._schedule is None:
            self._stopping.wait()
        while not self._stopping.is_set():
            self._turn()
            self._wait(next(CronSim(str(self._schedule), datetime.now(UTC))))
        self._pool.shutdown(cancel_futures=True)

    def _wait(self, due: datetime) -> None:
        while (left := (due - datetime.now(UTC)).total_seconds()) > 0:
            if self._stopping.wait(min(left, NAP_SECONDS)):
                return

    def beat(self) -> None:
        """Tell that the jobs of this process go on, until told to stop: other processes leave their sources alone."""
        while not self._stopping.wait(BEAT_SECONDS):
            if self._busy:
                self._told(lambda: self._jobs.alive(self._process))

    def ask(self, source: str, wish: Wish, by: str, first: Callable[[], object] = lambda: None) -> tuple[Job, bool]:
        """Start the collection of a source; its job, and whether it is new: else it is the one that is under way.

        `first` runs before a new one is started, and may raise. Raises StoppingError and StoreError.
        """
        with self._lock:
            if (running := self._busy.get(source)) is not None:
                return running, False
            if self._stopping.is_set():
                raise StoppingError(STOPPING)
            return self._begin(_Turn([source]), source, self._wished(wish), wish, by=by, first=first)

    def _turn(self) -> None:
        turn = _Turn([], self._tidy)
        with self._lock:
            late = [name for name in self.sources if name in self._busy]
            free = [name for name in self.sources if name not in self._busy]
            turn.left.extend(free)
            for name in free:
                self._told(partial(self._scheduled, turn, name))
        if late:
            log.warning("still collecting from the turn before: %s", ", ".join(late))
        log.info("collection started: %s", ", ".join(free) or "nothing")

    def _scheduled(self, turn: _Turn, source: str) -> None:
        try:
            _, new = self._begin(turn, source, self._collect, Wish(), by=SCHEDULE)
            if not new:
                log.info("another process is collecting %s", source)
        finally:
            if source not in self._busy:
                turn.left.remove(source)

    def _begin(
        self,
        turn: _Turn,
        source: str,
        collect: Collect,
        wish: Wish,
        *,
        by: str,
        first: Callable[[], object] = lambda: None,
    ) -> tuple[Job, bool]:
        """Start a job, unless another process has one of this source; whoever calls holds the lock."""
        job, new = self._jobs.begin(source, self._process, by, wish, first)
        if new:
            try:
                self._pool.submit(self._one, job, collect, turn)
            except RuntimeError:  # it was shut down meanwhile
                self._told(lambda: self._jobs.interrupted(job.id))
                raise StoppingError(STOPPING) from None
            self._busy[source] = job
        return job, new

    def _one(self, job: Job, collect: Collect, turn: _Turn) -> None:
        outcome = _Outcome()
        if not self._stopping.is_set():
            self._told(lambda: self._jobs.started(job.id))
            outcome = self._outcome(job.source, collect)
        self._ended(job, outcome, turn)

    def _outcome(self, source: str, collect: Collect) -> _Outcome:
        """What became of a collection. Of what nobody foresaw only the kind is told: its text might hold a secret."""
        try:
            runs = collect(source, self._stopping)
        except OutlayError as error:
            log.error("collecting %s failed: %s", source, error)  # noqa: TRY400 - its message says it all
            return _Outcome(0, str(error), error.code)
        except Exception as error:
            log.exception("collecting %s failed", source)
            return _Outcome(0, f"unexpected {type(error).__name__}; the log has the whole story", "unexpected")
        found = [each for each in runs if isinstance(each, Run)] if isinstance(runs, Iterable) else []
        failed = next((each for each in found if each.error is not None), None)
        rows = sum(each.rows for each in found)
        return _Outcome(rows, failed.error, failed.code) if failed else _Outcome(rows)

    def _ended(self, job: Job, outcome: _Outcome, turn: _Turn) -> None:
        with self._lock:  # so that whoever sees that it has ended can have the next one
            if self._stopping.is_set():
                self._told(lambda: self._jobs.interrupted(job.id, outcome.rows))
            else:
                self._told(lambda: self._jobs.ended(job.id, outcome.rows, outcome.error, outcome.code))
            self._busy.pop(job.source, None)
            turn.left.remove(job.source)
            last = not turn.left
        if self._stopping.is_set():
            if last:
                log.info("collection stopped")
            return
        self._after()
        if last:
            log.info("collection done")
            turn.tidy()

    def _told(self, work: Callable[[], object]) -> None:
        """Do what the list of jobs wants; while the state is away that list is wrong, and collecting goes on."""
        try:
            work()
        except OutlayError as error:
            log.warning("the list of jobs could not be kept: %s", error)


def give_way() -> None:
    """Let this thread, and those that it starts, have the processor after all others of this process.

    Reading a big bill fills every core, and whoever asks the server meanwhile should not notice. Only on Linux, where
    each thread has a priority of its own.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class Background:
    """Jobs in threads beside the server, which should end soon after `stopping` is set."""

    def __init__(self, stopping: threading.Event, *jobs: Callable[[], object]) -> None:
        self.stopping = stopping
        self._threads = [threading.Thread(target=job, name="outlay-background", daemon=True) for job in jobs]

    def start(self) -> None:
        """Start all jobs."""
        for thread in self._threads:
            thread.start()

    def stop(self, wait_seconds: float) -> bool:
        """Tell all jobs to stop and wait a little; whether all have ended."""
        self.stopping.set()
        deadline = monotonic() + wait_seconds
        started = [thread for thread in self._threads if thread.ident is not None]
        for thread in started:
            thread.join(max(0.0, deadline - monotonic()))
        return not any(thread.is_alive() for thread in started)
