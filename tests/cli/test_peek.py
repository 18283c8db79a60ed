"""The state as it stands, read by who may not write it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outlay.cli.peek import peek
from outlay.cli.wiring import state_of
from outlay.core.config import load
from outlay.core.settings import Settings
from outlay.state import Run

SOURCES = "SELECT DISTINCT source FROM runs ORDER BY source"


@pytest.fixture
def settings(folder: Path) -> Settings:
    """Settings with a state of one run."""
    loaded = load(None, {}, folder)
    with closing(state_of(loaded)) as state:
        state.record_run(Run("prod", "2026-11", datetime(2026, 11, 19, tzinfo=UTC), 1.0))
    return loaded


def test_the_rows_of_a_question(settings: Settings) -> None:
    assert peek(settings, SOURCES) == [("prod",)]


def test_what_somebody_is_writing_is_seen_too(settings: Settings) -> None:
    with closing(state_of(settings)) as state:
        state.record_run(Run("more", "2026-11", datetime(2026, 11, 19, tzinfo=UTC), 1.0))
        assert peek(settings, SOURCES) == [("more",), ("prod",)]


def test_a_file_that_cannot_be_locked(settings: Settings, folder: Path) -> None:
    (folder / "data" / "state.db-shm").mkdir()  # as in a folder of somebody else's: the lock cannot be made
    assert peek(settings, SOURCES) == [("prod",)]


def test_nothing_is_made_of_no_file(folder: Path) -> None:
    assert peek(load(None, {}, folder), SOURCES) == []
    assert list(folder.iterdir()) == []


def test_a_state_that_is_no_file(folder: Path) -> None:
    (folder / "outlay.yaml").write_text("state: {url: postgresql://127.0.0.1/none}")
    assert peek(load(None, {}, folder), SOURCES) is None


def test_a_question_that_it_does_not_know(settings: Settings) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        peek(settings, "SELECT * FROM nowhere")
