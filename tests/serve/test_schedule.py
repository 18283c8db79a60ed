"""Cron, and sources that are collected one turn after the other, each at its own pace."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest
from cronsim import CronSim

from outlay.core.errors import SourceError, StoreError, UsageError
from outlay.serve.schedule import Background, Collector, StoppingError
from outlay.state import Job, Jobs, Run, State, Wish


class Soon(CronSim):
    """A schedule that comes every few milliseconds."""

    def __next__(self) -> datetime:
        return datetime.now(UTC) + timedelta(milliseconds=5)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outlay.serve.schedule.CronSim", Soon)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    """The jobs of a state."""
    state = State(f"sqlite:///{tmp_path}/state.db")
    yield state.jobs
    state.close()


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds, for some seconds at most."""
    deadline = monotonic() + 10
    while not holds():
        assert monotonic() < deadline
        sleep(0.01)


def ended(jobs: Jobs, job: Job) -> Job:
    """A job once it is over."""
    eventually(lambda: not found(jobs, job).active)
    return found(jobs, job)


def found(jobs: Jobs, job: Job) -> Job:
    """What is known of a job."""
    told = jobs.get(job.id)
    assert told is not None
    return told


def test_collections_of_a_source_follow_each_other_whatever_they_raise(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
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

    collector: Collector = Collector(
        ["aws"], collect, "* * * * *", stopping, jobs, after=lambda: told.append(collector.collecting)
    )
    background = Background(stopping, collector.run)
    background.start()
    assert stopping.wait(5)
    assert background.stop(5)
    assert (most, told) == (1, [False] * 4)
    assert "collecting aws failed: no such bucket: bills" in caplog.text
    assert "a fault of ours" in caplog.text
    known = jobs.list()
    assert [(each.status, each.code) for each in known[-2:]] == [("failed", "source"), ("failed", "unexpected")]
    assert "a fault of ours" not in str(known)
    assert {each.requested_by for each in known} == {"schedule"}
    assert known[0].code == "restart"  # it was told to stop


def test_a_slow_source_delays_no_other_and_is_not_started_twice(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
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
            release.wait(60)

    collector = Collector(
        names, collect, "* * * * *", stopping, jobs, tidy=lambda: tidied.append(started["fast-0"]), workers=4
    )
    background = Background(stopping, collector.run)
    background.start()
    assert release.wait(60)  # all others were collected five times
    assert started["slow"] == 1
    assert len(tidied) >= 3  # after each turn but the first, whose last source is the slow one
    assert "still collecting from the turn before: slow" in caplog.text
    assert background.stop(5)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of their own")
def test_collections_have_the_processor_after_all_others(jobs: Jobs) -> None:
    seen: list[int] = []

    def collect(_source: str, stopping: threading.Event) -> None:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        stopping.set()  # the collector's own: `run` ends

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    Collector(["one"], collect, "* * * * *", threading.Event(), jobs).run()

    assert seen[0] > before == os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_background_does_not_wait_for_what_does_not_stop() -> None:
    release = threading.Event()
    background = Background(threading.Event(), lambda: release.wait(10))
    assert background.stop(0)  # nothing was started
    background.start()
    assert not background.stop(0.05)
    release.set()
    assert background.stop(5)


def test_who_asks_while_a_source_is_collected_is_told_the_job_that_runs(jobs: Jobs) -> None:
    started, release = threading.Event(), threading.Event()
    wishes: list[Wish] = []

    def wished(wish: Wish) -> Callable[[str, threading.Event], list[Run]]:
        def collect(source: str, _stop: threading.Event) -> list[Run]:
            wishes.append(wish)
            started.set()
            assert release.wait(10)
            return [Run(source, f"{source} 2026-10", datetime.now(UTC), 0.1, rows) for rows in (3, 4)]

        return collect

    collector = Collector(["aws"], wished(Wish()), "* * * * *", threading.Event(), jobs, wished=wished)
    wish = Wish(7, fresh=True)
    job, new = collector.ask("aws", wish, "ci")
    assert (new, job.source, job.status, job.requested_by, job.wish) == (True, "aws", "queued", "ci", wish)
    assert started.wait(10)
    eventually(lambda: found(jobs, job).status == "running")
    assert collector.ask("aws", Wish(), "other", raises(UsageError("not before a job that is none"))) == (job, False)
    release.set()
    assert (ended(jobs, job).status, found(jobs, job).rows) == ("succeeded", 7)
    eventually(lambda: not collector.collecting)
    with pytest.raises(UsageError):
        collector.ask("aws", Wish(), "other", raises(UsageError("too soon")))
    assert collector.ask("aws", Wish(), "other")[1]
    eventually(lambda: not collector.collecting)
    assert wishes == [wish, Wish()]


def test_runs_that_failed_make_a_job_that_failed(jobs: Jobs) -> None:
    def collect(source: str, _stop: threading.Event) -> list[Run]:
        good = Run(source, f"{source} 2026-10", datetime.now(UTC), 0.1, 3)
        return [good, Run(source, f"{source} 2026-09", good.started_at, 0.1, error="no more", code="spend-cap")]

    collector = Collector(["aws"], collect, "* * * * *", threading.Event(), jobs)
    job = ended(jobs, collector.ask("aws", Wish(), "ci")[0])
    assert (job.status, job.rows, job.code, job.error) == ("failed", 3, "spend-cap", "no more")


def test_what_another_server_collects_is_left_to_it(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    theirs, _ = jobs.begin("aws", "elsewhere/1/x", "schedule", Wish())
    stopping, done = threading.Event(), threading.Event()
    collected: list[str] = []

    def collect(source: str, _stop: threading.Event) -> None:
        collected.append(source)

    collector = Collector(["aws", "gcp"], collect, "* * * * *", stopping, jobs, tidy=done.set)
    assert collector.ask("aws", Wish(), "ci") == (theirs, False)
    background = Background(stopping, collector.run)
    background.start()
    assert done.wait(10)
    assert background.stop(5)
    assert set(collected) == {"gcp"}
    assert "another process is collecting aws" in caplog.text


def test_a_server_that_ends_starts_nothing_and_says_what_it_gave_up(jobs: Jobs) -> None:
    stopping, started = threading.Event(), threading.Event()

    def collect(_source: str, stop: threading.Event) -> None:
        started.set()
        assert stop.wait(10)

    collector = Collector(["aws", "gcp"], collect, "* * * * *", stopping, jobs)
    job, _ = collector.ask("aws", Wish(), "ci")
    assert started.wait(10)
    stopping.set()
    with pytest.raises(StoppingError, match="about to end"):
        collector.ask("gcp", Wish(), "ci")
    assert (ended(jobs, job).status, found(jobs, job).code) == ("failed", "restart")


def test_a_list_of_jobs_that_cannot_be_kept_stops_no_collection(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    collected = threading.Event()
    collector = Collector(["aws"], lambda _source, _stop: collected.set(), "* * * * *", threading.Event(), jobs)
    with monkeypatch.context() as patch:
        for verb in ("started", "ended"):
            patch.setattr(Jobs, verb, raises(StoreError("the state is away")))
        job, _ = collector.ask("aws", Wish(), "ci")
        assert collected.wait(10)
        eventually(lambda: not collector.collecting)
    assert "the list of jobs could not be kept: the state is away" in caplog.text
    assert found(jobs, job).active  # as far as is known
    again, new = collector.ask("aws", Wish(), "ci")
    assert (new, found(jobs, job).code, ended(jobs, again).status) == (True, "restart", "succeeded")


def raises(error: Exception) -> Callable[..., None]:
    """What raises an error."""

    def work(*_: object, **__: object) -> None:
        raise error

    return work
