"""Jobs: one at a time of a source over all processes, and failed when their process is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from outlay.core.errors import UsageError
from outlay.state import Job, Jobs, State, Wish
from outlay.state.database import now
from outlay.state.jobs import KEPT, LOST_AFTER, this_process

ELSEWHERE = "another-host/1/x"
NOW = "outlay.state.jobs.now"


@pytest.fixture
def known(url: str) -> Iterator[Jobs]:
    """The jobs of a state."""
    state = State(url)
    yield state.jobs
    state.close()


def begin(known: Jobs, source: str = "aws", process: str = ELSEWHERE, by: str = "schedule") -> Job:
    """A new job."""
    job, new = known.begin(source, process, by, Wish())
    assert new
    return job


def test_a_job_begins_runs_and_ends(known: Jobs) -> None:
    job, new = known.begin("aws", ELSEWHERE, "key\0 ci", Wish(7, fresh=True))
    assert (new, job.status, job.requested_by, job.wish) == (True, "queued", "key\ufffd ci", Wish(7, fresh=True))
    assert known.get(job.id) == job
    known.started(job.id)
    running = known.get(job.id)
    assert running is not None
    assert (running.status, running.active) == ("running", True)
    assert known.active() == {"aws": running}
    known.ended(job.id, 12, "refused", "auth")
    done = known.get(job.id)
    assert done is not None
    assert (done.status, done.rows, done.error, done.code, done.active) == ("failed", 12, "refused", "auth", False)
    assert done.started_at is not None
    assert done.ended_at is not None
    assert job.requested_at <= done.started_at <= done.ended_at
    assert (known.active(), known.get("no such job"), known.get("\0")) == ({}, None, None)


def test_of_a_source_there_is_one_at_a_time(known: Jobs) -> None:
    job = begin(known)
    assert known.begin("aws", "third-host/1/y", "ci", Wish(3)) == (job, False)
    assert begin(known, "gcp").id != job.id
    known.ended(job.id)
    assert begin(known).id != job.id


def test_of_many_that_ask_at_once_one_begins(known: Jobs) -> None:
    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(lambda n: known.begin("aws", f"host-{n}/1/x", "ci", Wish()), range(8)))
    assert sum(new for _, new in begun) == 1
    assert len({job.id for job, _ in begun}) == 1


def test_what_comes_first_may_refuse(known: Jobs) -> None:
    def first() -> None:
        raise UsageError("too soon")

    with pytest.raises(UsageError):
        known.begin("aws", ELSEWHERE, "ci", Wish(), first)
    assert known.list() == []
    job = begin(known)
    assert known.begin("aws", "third-host/1/y", "ci", Wish(), first) == (job, False)


def test_jobs_of_a_process_that_is_gone_have_failed(known: Jobs) -> None:
    host, _, _ = this_process().rsplit("/", 2)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        alive = begin(known, "alive", f"{host}/{other.pid}/x")
        before = begin(known, "before", f"{host}/{os.getpid()}/x")  # in a container each server has the same number
        far = begin(known, "far")
        me = this_process()
        mine = begin(known, "mine", me)
        known.recover(me)
        assert known.active().keys() == {"alive", "far", "mine"}
        other.communicate(b"\n")
    known.recover(me)
    assert known.active().keys() == {"far", "mine"}
    for job in (alive, before):
        lost = known.get(job.id)
        assert lost is not None
        assert (lost.status, lost.code, lost.ended_at is not None) == ("failed", "restart", True)
        assert lost.error == "the server ended before it was done; what it had stored by then is kept"
    # One that could not be ended is over when its own process begins another one.
    again = begin(known, "mine", me)
    assert known.active() == {"far": far, "mine": again}
    assert [each.code for each in known.list(sources=frozenset({"mine"}))] == [None, "restart"]
    assert mine.id != again.id


def test_a_process_that_shows_no_life_is_gone(known: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = begin(known, "silent", "silent-host/1/x")
    begin(known, "lively", "lively-host/1/y")
    began = now()

    def later(seconds: timedelta) -> None:
        monkeypatch.setattr(NOW, lambda: began + seconds)

    later(LOST_AFTER - timedelta(seconds=2))
    known.alive("lively-host/1/y")
    assert known.begin("silent", ELSEWHERE, "ci", Wish()) == (silent, False)
    later(LOST_AFTER + timedelta(seconds=5))
    assert begin(known, "silent").id != silent.id
    assert known.active().keys() == {"silent", "lively"}
    assert now() < began + LOST_AFTER


def test_lists_go_on_where_they_were(known: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = now()
    monkeypatch.setattr(NOW, lambda: moment)  # all at once: the ids tell them apart
    made = [begin(known, f"source-{n}") for n in range(5)]
    known.ended(made[0].id)
    every = known.list()
    assert every == sorted(every, key=lambda job: job.id, reverse=True)
    pages: list[Job] = []
    before: tuple[datetime, str] | None = None
    while page := known.list(before=before, limit=2):
        pages += page
        before = (page[-1].requested_at, page[-1].id)
    assert pages == every
    assert [job.source for job in known.list(status="succeeded")] == ["source-0"]
    assert known.list(sources=frozenset()) == []


def test_old_jobs_are_forgotten(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(url)
    job = begin(state.jobs)
    state.jobs.ended(job.id)
    running = begin(state.jobs)
    state.forget()
    assert len(state.jobs.list()) == 2
    began = now()
    monkeypatch.setattr(NOW, lambda: began + KEPT + timedelta(seconds=1))
    state.forget()
    assert [each.id for each in state.jobs.list()] == [running.id]
    state.close()
