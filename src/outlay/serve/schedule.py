"""When to collect: at the start, then by cron, one collection after the other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from cronsim import CronSim

from outlay.core.errors import OutlayError

log = logging.getLogger(__name__)

NAP_SECONDS = 60.0  # look at the clock again this often: it may be set, and a laptop sleeps


class Collector:
    """Runs `collect` at once and then by `schedule`, one after the other, until `stopping` is set.

    `collect` gets that event, to give up when it is set; `after` runs when it ended, well or not. What it
    raises is logged, and the next collection comes at its time.
    """

    def __init__(
        self,
        collect: Callable[[threading.Event], object],
        schedule: str,
        stopping: threading.Event,
        after: Callable[[], object],
    ) -> None:
        self.collecting = False
        self._collect = collect
        self._schedule = schedule
        self._stopping = stopping
        self._after = after

    def run(self) -> None:
        """Collect until told to stop."""
        while not self._stopping.is_set():
            self._once()
            due = next(CronSim(self._schedule, datetime.now(UTC)))
            while (left := (due - datetime.now(UTC)).total_seconds()) > 0:
                if self._stopping.wait(min(left, NAP_SECONDS)):
                    return

    def _once(self) -> None:
        self.collecting = True
        try:
            log.info("collection started")
            self._collect(self._stopping)
            log.info("collection stopped" if self._stopping.is_set() else "collection done")
        except OutlayError as error:
            log.error("collection failed: %s", error)  # noqa: TRY400 - its message says it all
        except Exception:
            log.exception("collection failed")
        finally:
            self.collecting = False
        if not self._stopping.is_set():
            self._after()


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
