"""What only a file can be: in the way, no database, locked, read-only."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outlay.core.errors import StoreError
from outlay.state import Run, State, engines

RUN = Run("aws", "aws 2026-10", datetime(2026, 11, 1, tzinfo=UTC), 1.0)
NOBODY = 65534


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A state with one run."""
    found = tmp_path / "state.db"
    with closing(State(f"sqlite:///{found}")) as state:
        state.record_run(RUN)
    return found


@contextmanager
def locked(file: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else is in the middle of a write."""
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


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


def test_a_write_waits_for_another_one_and_readers_for_none(file: Path) -> None:
    with closing(State(f"sqlite:///{file}")) as state, locked(file) as other:
        assert state.runs() == [RUN]
        ends = threading.Timer(0.5, other.execute, ["COMMIT"])
        ends.start()
        before = time.monotonic()
        state.record_run(RUN)
        ends.join()
        assert time.monotonic() - before > 0.3
        assert state.runs() == [RUN, RUN]


def test_a_state_that_stays_locked_is_an_error_in_the_end(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "BUSY_SECONDS_MAX", 0.2)
    with closing(State(f"sqlite:///{file}")) as state, locked(file) as other:
        with pytest.raises(StoreError, match=f"^cannot use the state at sqlite:///{file}: database is locked$"):
            state.record_run(RUN)
        other.execute("ROLLBACK")
        state.record_run(RUN)


@pytest.fixture
def read_only(file: Path) -> Iterator[Path]:
    """The file in a folder that this user may read, and no more; root could."""
    folder = Path(tempfile.mkdtemp(prefix="outlay-state-"))
    shutil.copy(file, folder)
    (folder / file.name).chmod(0o444)
    folder.chmod(0o555)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(NOBODY)
        yield folder / file.name
    finally:
        os.seteuid(user)
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_file_that_can_only_be_read_is_an_error_at_once(read_only: Path) -> None:
    before = time.monotonic()
    with pytest.raises(
        StoreError, match=rf"^cannot use the state at sqlite:///{read_only}: .*(readonly|unable to open)"
    ):
        State(f"sqlite:///{read_only}")
    assert time.monotonic() - before < 5


def test_a_state_can_be_opened_to_read_it_only(file: Path) -> None:
    with closing(State(f"sqlite:///file:{file}?mode=ro&uri=true")) as state:
        assert state.runs() == [RUN]
        with pytest.raises(StoreError, match="attempt to write a readonly database"):
            state.record_run(RUN)
    assert [each.name for each in file.parent.iterdir() if not each.name.startswith(file.name)] == []
