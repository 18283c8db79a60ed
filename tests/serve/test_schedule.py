"""Cron, and collections one after the other."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from cronsim import CronSim

from outlay.core.errors import SourceError
from outlay.serve.schedule import Background, Collector


class Soon(CronSim):
    """A schedule that comes every few milliseconds."""

    def __next__(self) -> datetime:
        return datetime.now(UTC) + timedelta(milliseconds=5)


def test_collections_follow_each_other_whatever_they_raise(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("outlay.serve.schedule.CronSim", Soon)
    stopping = threading.Event()
    errors = [SourceError("no such bucket: bills"), ZeroDivisionError("a fault of ours")]
    running, most = 0, 0
    told: list[bool] = []

    def collect(stop: threading.Event) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        stop.wait(0.02)
        running -= 1
        if errors:
            raise errors.pop()
        if len(told) >= 4:
            stop.set()

    collector = Collector(collect, "* * * * *", stopping, lambda: told.append(collector.collecting))
    background = Background(stopping, collector.run)
    background.start()
    assert stopping.wait(5)
    assert background.stop(5)
    assert (most, told) == (1, [False] * 4)
    assert "collection failed: no such bucket: bills" in caplog.text
    assert "a fault of ours" in caplog.text


def test_background_does_not_wait_for_what_does_not_stop() -> None:
    release = threading.Event()
    background = Background(threading.Event(), lambda: release.wait(10))
    assert background.stop(0)  # nothing was started
    background.start()
    assert not background.stop(0.05)
    release.set()
    assert background.stop(5)
