"""When to collect: at the start, then by cron, one collection after the other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from time import monotonic

from outlay.core.errors import OutlayError
from outlay.core.settings import cron

log = logging.getLogger(__name__)

SEARCHED_DAYS = 366 * 9  # the longest wait there is: 29 February, over a year such as 2100 that has none
NAP_SECONDS = 60.0  # look at the clock again this often: it may be set, and a laptop sleeps

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WORDS = dict(zip(_WEEKDAYS, range(7), strict=True)) | dict(zip(_MONTHS, range(1, 13), strict=True))


@dataclass(frozen=True, slots=True)
class Cron:
    """The moments of a cron expression of five fields, UTC; 0 and 7 are both Sunday.

    As in every cron, a day fits when its day of the month or its day of the week does, if both are
    restricted. Raises ValueError for what is no cron expression.
    """

    expression: str

    def __post_init__(self) -> None:
        cron(self.expression)

    def after(self, moment: datetime) -> datetime | None:
        """The first moment of the schedule after `moment`, or None when it has none (31 February)."""
        minutes, hours, days, months, weekdays = self._fields()
        either = not any(text.startswith("*") for text in self.expression.split()[2::2])
        times = [time(hour, minute, tzinfo=UTC) for hour in sorted(hours) for minute in sorted(minutes)]
        first = moment.astimezone(UTC).date()
        for offset in range(SEARCHED_DAYS):
            day = first + timedelta(days=offset)
            fits = (day.day in days, day.isoweekday() % 7 in weekdays)
            if day.month in months and (any(fits) if either else all(fits)):
                found = next((at for each in times if (at := datetime.combine(day, each)) > moment), None)
                if found:
                    return found
        return None

    def _fields(self) -> Iterator[set[int]]:
        minute, hour, day, month, weekday = self.expression.split()
        yield _numbers(minute, 0, 59)
        yield _numbers(hour, 0, 23)
        yield _numbers(day, 1, 31)
        yield _numbers(month, 1, 12)
        yield {number % 7 for number in _numbers(weekday, 0, 6)}


def _numbers(text: str, least: int, most: int) -> set[int]:
    """What one field names: `*`, `5`, `1-5`, `*/15`, `10/15`, and lists of these."""
    found: set[int] = set()
    for part in text.lower().split(","):
        bounds, _, step = part.partition("/")
        first, _, last = bounds.partition("-")
        start = least if first == "*" else _number(first)
        end = _number(last) if last else most if step or first == "*" else start
        found.update(range(start, end + 1, int(step or 1)))
    return found


def _number(word: str) -> int:
    return _WORDS[word] if word in _WORDS else int(word)


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
        self._schedule = Cron(schedule)
        self._stopping = stopping
        self._after = after

    def run(self) -> None:
        """Collect until told to stop."""
        while not self._stopping.is_set():
            self._once()
            due = self._schedule.after(datetime.now(UTC))
            if due is None:
                log.warning("the schedule %r never comes", self._schedule.expression)
                return
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
