"""Runs, restatements and freshness on SQLite: kept exactly, by any number of processes at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from outlay.core.errors import StoreError
from outlay.core.ports import DayChange
from outlay.state import Freshness, Restatement, Run, State

DAY = date(2026, 10, 31)
NOW = datetime(2026, 11, 1, 12, 30, 15, 123456, UTC)
EXACT = Decimal("-99999999999999999999.000000000000000001")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    found = State(f"sqlite:///{tmp_path}/new/folder/state.db")
    yield found
    found.close()


def run(source: str = "aws", minutes: int = 0, error: str | None = None) -> Run:
    return Run(source, f"{source} 2026-10", NOW + timedelta(minutes=minutes), 1.5, error=error)


def test_a_run_comes_back_as_it_was(state: State) -> None:
    full = Run("aws", "aws 2026-10", NOW, 0.25, 10**9, {"EUR": Decimal(0), "USD": EXACT}, True, 7, "no: 'x'\n\u2603")
    state.record_run(full)
    assert state.runs() == [full]


def test_a_moment_in_another_zone_is_kept_in_utc(state: State) -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    state.record_run(Run("aws", "", NOW.astimezone(zone), 1.0))
    (found,) = state.runs()
    assert (found.started_at, found.started_at.tzinfo) == (NOW, UTC)


def test_runs_come_newest_first_of_one_source_or_all_and_no_more_than_asked_for(state: State) -> None:
    for minutes in range(4):
        state.record_run(run("aws" if minutes % 2 else "gcp", minutes))
    minutes_of = [int((each.started_at - NOW).total_seconds() / 60) for each in state.runs()]
    assert minutes_of == [3, 2, 1, 0]
    assert [each.source for each in state.runs(limit=2)] == ["aws", "gcp"]
    assert [each.source for each in state.runs("gcp")] == ["gcp", "gcp"]
    assert state.runs("nope") == []


def test_restatements_are_what_was_believed_and_came_out_different(state: State) -> None:
    changes = [
        DayChange(DAY, "USD", None, Decimal(1)),
        DayChange(DAY + timedelta(days=1), "EUR", Decimal(0), EXACT),
        DayChange(DAY, "EUR", Decimal("1e-18"), Decimal(0)),
    ]
    before = datetime.now(UTC)
    state.record_run(run(), changes)
    state.record_run(run("gcp"), changes[:1])
    every = state.restatements(first=True)
    assert all(before <= each.observed_at <= datetime.now(UTC) for each in every)
    assert [(each.source, each.day, each.currency, each.before, each.after) for each in every] == [
        ("gcp", *_values(changes[0])),
        *(("aws", *_values(each)) for each in reversed(changes)),
    ]
    known = state.restatements()
    assert [each.before for each in known] == [Decimal("1e-18"), 0]
    assert state.restatements("aws", limit=1) == known[:1]
    assert state.restatements("gcp") == []
    assert isinstance(known[0], Restatement)


def _values(change: DayChange) -> tuple[date, str, Decimal | None, Decimal]:
    return change.day, change.currency, change.before, change.after


def test_a_source_is_as_fresh_as_its_last_success_and_stale_after_a_failure(state: State) -> None:
    assert state.freshness() == []
    history = [run("gcp", 0), run("aws", 1), run("aws", 2, "no"), run("new", 3, "never"), run("gcp", 4)]
    for each in history:
        state.record_run(each)
    minutes = [NOW + timedelta(minutes=minutes) for minutes in range(5)]
    found = state.freshness()
    assert found == [
        Freshness("aws", minutes[1], minutes[2], 1.5, "no"),
        Freshness("gcp", minutes[4], minutes[4], 1.5, None),
        Freshness("new", None, minutes[3], 1.5, "never"),
    ]
    assert [each.stale for each in found] == [True, False, True]
    assert all(each.last_attempt.tzinfo is UTC for each in found)


def test_what_was_kept_is_there_for_the_next_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    for count in range(3):
        state = State(url)
        assert len(state.runs()) == count
        state.record_run(run())
        state.close()


def test_a_folder_that_cannot_be_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=f"cannot make the folder {tmp_path}/file/sub for the state"):
        State(f"sqlite:///{tmp_path}/file/sub/state.db")
    with pytest.raises(StoreError, match=r"cannot use the state at .*unable to open database file"):
        State(f"sqlite:///{tmp_path}")


def test_a_file_that_is_no_database_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    file.write_text("not a database" * 100)
    with pytest.raises(StoreError, match=f"cannot use the state at sqlite:///{file}: file is not a database"):
        State(f"sqlite:///{file}")
    assert file.read_text() == "not a database" * 100


WRITER = """
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from outlay.core.ports import DayChange
from outlay.state import Run, State

name, times = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
for url in sys.stdin:
    state = State(url.strip())
    for i in range(times):
        run = Run(name, str(i), datetime.now(UTC), 0.1)
        state.record_run(run, [DayChange(date(2026, 10, 1), "USD", Decimal(i), Decimal(i + 1))] * 3)
        assert state.runs(name, 1)[0].span == str(i)
    state.close()
    print("done", flush=True)
"""


def test_processes_that_start_and_write_at_once_lose_nothing(tmp_path: Path) -> None:
    pipe, rounds, times = subprocess.PIPE, 8, 15
    command = [sys.executable, "-c", WRITER]
    with (
        subprocess.Popen([*command, "first", str(times)], stdin=pipe, stdout=pipe, text=True) as first,
        subprocess.Popen([*command, "second", str(times)], stdin=pipe, stdout=pipe, text=True) as second,
    ):
        both = (first, second)
        assert [_said(each) for each in both] == ["ready", "ready"]
        for number in range(rounds):
            url = f"sqlite:///{tmp_path}/{number}.db"  # each is made by whoever comes first
            for each in both:
                assert each.stdin is not None
                each.stdin.write(f"{url}\n")
                each.stdin.flush()
            assert [_said(each) for each in both] == ["done", "done"]
            state = State(url)
            assert [len(state.runs(name, 1000)) for name in ("first", "second")] == [times, times]
            assert len(state.restatements(limit=1000)) == 2 * 3 * times
            assert not any(each.stale for each in state.freshness())
            state.close()


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
