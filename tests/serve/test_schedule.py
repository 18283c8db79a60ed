"""Cron, and collections one after the other."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from outlay.core.errors import SourceError
from outlay.serve.schedule import Background, Collector, Cron
from tests.serve.conftest import NEVER

NOW = datetime(2026, 10, 6, 10, 20, 30, tzinfo=UTC)  # a Tuesday


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("* * * * *", "2026-10-06 10:21"),
        ("0 */6 * * *", "2026-10-06 12:00"),
        ("20 10 * * *", "2026-10-07 10:20"),
        ("5,50 10-11 * * *", "2026-10-06 10:50"),
        ("10/15 * * * *", "2026-10-06 10:25"),
        ("0 0 1 * *", "2026-11-01 00:00"),
        ("30 4 * * 0", "2026-10-11 04:30"),
        ("30 4 * * 7", "2026-10-11 04:30"),
        ("30 4 * * Mon-Wed", "2026-10-07 04:30"),
        ("30 4 * * 1-5/2", "2026-10-07 04:30"),
        ("0 0 * FEB,apr *", "2027-02-01 00:00"),
        ("0 0 13 * 5", "2026-10-09 00:00"),  # the 13th or a Friday
        ("0 0 */13 * 5", "2026-11-27 00:00"),  # 1, 14, 27 and a Friday
        ("0 0 29 2 *", "2028-02-29 00:00"),
    ],
)
def test_cron(expression: str, due: str) -> None:
    assert Cron(expression).after(NOW) == datetime.fromisoformat(f"{due}+00:00")


def test_cron_that_never_comes() -> None:
    assert Cron(NEVER).after(NOW) is None


def test_cron_takes_any_zone_and_gives_utc() -> None:
    elsewhere = NOW.astimezone(datetime.strptime("+0530", "%z").tzinfo)
    assert Cron("0 0 * * *").after(elsewhere) == datetime(2026, 10, 7, tzinfo=UTC)


def test_what_is_no_cron_is_refused() -> None:
    with pytest.raises(ValueError, match="five fields"):
        Cron("hourly")


class Soon(Cron):
    """A schedule that comes every few milliseconds."""

    def after(self, moment: datetime) -> datetime:
        return moment + timedelta(milliseconds=5)


def test_collections_follow_each_other_whatever_they_raise(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("outlay.serve.schedule.Cron", Soon)
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
