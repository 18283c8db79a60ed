"""When to collect: at the start, then by cron; each source at its own pace."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import monotonic

from cronsim import CronSim

from outlay.core.errors import OutlayError

log = logging.getLogger(__name__)

NAP_SECONDS = 60.0  # look at the clock again this often: it may be set, and a laptop sleeps


class Collector:
    """Collects all `sources` at once and then by `schedule`, until `stopping` is set.

    A source that still runs when its next turn comes is left out of that turn, and no other waits for it.

    `collect`  refreshes one source; the event tells it to give up. What it raises is logged
    `after`    runs after each source, well or not
    `tidy`     runs after the last source of a turn
    """

    def __init__(
        self,
        sources: Sequence[str],
        collect: Callable[[str, threading.Event], object],
        schedule: str,
        stopping: threading.Event,
        *,
        after: Callable[[], object] = lambda: None,
        tidy: Callable[[], object] = lambda: None,
        workers: int = 8,
    ) -> None:
        self._sources = sources
        self._collect = collect
        self._schedule = schedule
        self._stopping = stopping
        self._after, self._tidy = after, tidy
        self._workers = workers
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    @property
    def collecting(self) -> bool:
        """Whether any source is being collected."""
        return bool(self._busy)

    def run(self) -> None:
        """Collect until told to stop."""
        # Not left by `with`, which would wait for sources that hang.
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="collector")
        while not self._stopping.is_set():
            self._turn(pool)
            due = next(CronSim(self._schedule, datetime.now(UTC)))
            while (left := (due - datetime.now(UTC)).total_seconds()) > 0:
                if self._stopping.wait(min(left, NAP_SECONDS)):
                    break
        pool.shutdown(cancel_futures=True)

    def _turn(self, pool: ThreadPoolExecutor) -> None:
        with self._lock:
            free = [name for name in self._sources if name not in self._busy]
            self._busy |= set(free)
        if late := [name for name in self._sources if name not in free]:
            log.warning("still collecting from the turn before: %s", ", ".join(late))
        log.info("collection started: %s", ", ".join(free) or "nothing")
        left = set(free)
        for name in free:
            pool.submit(self._one, name, left)

    def _one(self, name: str, left: set[str]) -> None:
        try:
            if not self._stopping.is_set():
                self._collect(name, self._stopping)
        except OutlayError as error:
            log.error("collecting %s failed: %s", name, error)  # noqa: TRY400 - its message says it all
        except Exception:
            log.exception("collecting %s failed", name)
        self._ended(name, left)

    def _ended(self, name: str, left: set[str]) -> None:
        with self._lock:
            self._busy.discard(name)
            left.discard(name)
            last = not left
        if self._stopping.is_set():
            if last:
                log.info("collection stopped")
            return
        self._after()
        if last:
            log.info("collection done")
            self._tidy()


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
