"""Cron, and sources that are collected one turn after the other, each at its own pace."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from cronsim import CronSim

from outlay.core.errors import SourceError
from outlay.serve.schedule import Background, Collector


class Soon(CronSim):
    """A schedule that comes every few milliseconds."""

    def __next__(self) -> datetime:
        return datetime.now(UTC) + timedelta(milliseconds=5)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outlay.serve.schedule.CronSim", Soon)


def test_collections_of_a_source_follow_each_other_whatever_they_raise(caplog: pytest.LogCaptureFixture) -> None:
    stopping = threading.Event()
    errors = [SourceError("no such bucket: bills"), ZeroDivisionError("a fault of ours")]
    running, most = 0, 0
    told: list[bool] = []

    def collect(_source: str, stop: threading.Event) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        stop.wait(0.02)
        running -= 1
        if errors:
            raise errors.pop()
        if len(told) >= 4:
            stop.set()

    collector = Collector(["aws"], collect, "* * * * *", stopping, after=lambda: told.append(collector.collecting))
    background = Background(stopping, collector.run)
    background.start()
    assert stopping.wait(5)
    assert background.stop(5)
    assert (most, told) == (1, [False] * 4)
    assert "collecting aws failed: no such bucket: bills" in caplog.text
    assert "a fault of ours" in caplog.text


def test_a_slow_source_delays_no_other_and_is_not_started_twice(caplog: pytest.LogCaptureFixture) -> None:
    stopping, release = threading.Event(), threading.Event()
    names = ["slow", *(f"fast-{i}" for i in range(11))]
    started: Counter[str] = Counter()
    tidied: list[int] = []
    lock = threading.Lock()

    def collect(source: str, _stop: threading.Event) -> None:
        with lock:
            started[source] += 1
            if min(started[name] for name in names[1:]) == 5:
                release.set()
        if source == "slow":
            release.wait(10)

    collector = Collector(
        names, collect, "* * * * *", stopping, tidy=lambda: tidied.append(started["fast-0"]), workers=4
    )
    background = Background(stopping, collector.run)
    background.start()
    assert release.wait(5)  # all others were collected five times
    assert started["slow"] == 1
    assert len(tidied) >= 3  # after each turn but the first, whose last source is the slow one
    assert "still collecting from the turn before: slow" in caplog.text
    assert background.stop(5)


def test_background_does_not_wait_for_what_does_not_stop() -> None:
    release = threading.Event()
    background = Background(threading.Event(), lambda: release.wait(10))
    assert background.stop(0)  # nothing was started
    background.start()
    assert not background.stop(0.05)
    release.set()
    assert background.stop(5)
