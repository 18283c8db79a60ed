"""Many processes at one state: nothing is lost, no cap is passed, and one that is killed leaves it usable."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.core.ports import Coverage
from outlay.state import State

PROCESSES, RUNS, BOOKS = 8, 4, 8
Process = subprocess.Popen[str]


def started(stack: ExitStack) -> Process:
    pipe = subprocess.PIPE
    command = [sys.executable, str(Path(__file__).with_name("worker.py"))]
    process = stack.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))
    stack.callback(process.kill)
    return process


def tell(process: Process, **told: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(told) + "\n")
    process.stdin.flush()


def said(process: Process) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture(scope="module")
def processes() -> Iterator[list[Process]]:
    """Eight that have imported all they need, so that they begin at once."""
    with ExitStack() as stack:
        found = [started(stack) for _ in range(PROCESSES)]
        assert [said(each) for each in found] == ["ready"] * PROCESSES
        yield found


@pytest.fixture
def process() -> Iterator[Process]:
    with ExitStack() as stack:
        found = started(stack)
        assert said(found) == "ready"
        yield found


def urls(url: str, rounds: int) -> list[str]:
    """The URLs of states that are not there yet."""
    if url.startswith("sqlite"):
        return [f"{url}{number}" for number in range(rounds)]
    return [url]


def test_processes_that_start_and_write_at_once_lose_nothing(url: str, processes: list[Process]) -> None:
    cap = Decimal("0.4")
    for each in urls(url, 2):
        for number, process in enumerate(processes):
            tell(process, url=each, name=f"source-{number}", runs=RUNS, books=BOOKS, cap=str(cap))
        booked = [int(said(process)) for process in processes]
        with closing(State(each)) as state:
            assert sum(booked) == 40
            assert sum(one.usd for one in state.spent()) == cap
            assert sum(one.calls for one in state.spent()) == 40
            assert [len(state.runs(f"source-{i}", 1000)) for i in range(PROCESSES)] == [RUNS] * PROCESSES
            assert len(state.restatements(limit=1000)) == PROCESSES * RUNS * 3
            assert state.coverage() == {"shared": Coverage(str(RUNS - 1), frozenset({"1", "2"}))}
            assert [one.reading.value for one in state.readings("shared")] == [RUNS - 1] * 2


def test_a_process_killed_in_the_middle_of_a_write_leaves_nothing_of_it(url: str, process: Process) -> None:
    with closing(State(url)) as state:
        tell(process, url=url, hang=True)
        assert said(process) == "in the middle"
        process.kill()
        process.wait()
        before = time.monotonic()
        state.record_coverage("whole", Coverage("1", frozenset()))
        assert time.monotonic() - before < 10
        assert list(state.coverage()) == ["whole"]


def test_a_process_killed_at_any_moment_leaves_whole_runs(url: str, processes: list[Process]) -> None:
    with closing(State(url)) as state, ExitStack() as stack:
        for seconds in (0.01, 0.05, 0.2):
            process = started(stack)
            assert said(process) == "ready"
            tell(process, url=url, name=f"killed-{seconds}", runs=10**6, books=0, cap="0")
            time.sleep(seconds)
            process.kill()
            process.wait()
            runs = len(state.runs(limit=10**6))
            assert len(state.restatements(limit=10**7)) == 3 * runs
            assert len(state.readings("shared")) in {0, 2}
        tell(processes[0], url=url, name="after", runs=1, books=1, cap="1")
        assert said(processes[0]) == "1"
