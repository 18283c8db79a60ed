"""The tables as revisions make them: what `tables.py` says, made once, adopted from before, never of a newer Outlay."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from outlay.core.errors import StoreError
from outlay.core.ports import DayChange
from outlay.state import Limits, Run, State, database, engines, migrations
from outlay.state.tables import METADATA, REVISION, VERSION_TABLE, stored_revision

RUN = Run("aws", "aws 2026-10", datetime(2026, 11, 1, tzinfo=UTC), 1.0, code="auth", error="no")
MANUAL = Path(__file__).parents[2] / "docs" / "state.md"
LATER = ("jobs", "keys", "alerts", "silences", "deliveries", "judged")  # of the second revision
CHANGE = DayChange(date(2026, 10, 1), "USD", Decimal(1), Decimal("99999999999999999999.000000000000000001"))


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    """A transaction that sees the tables as the state does."""
    engine = engines.engine(engines.parsed(url))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def differences(url: str) -> list[object]:
    """What Alembic would still change for the tables to be what tables.py says."""
    with connected(url) as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


def test_revisions_make_exactly_what_the_tables_are(url: str) -> None:
    State(url).close()
    assert differences(url) == []
    with connected(url) as connection:
        assert stored_revision(connection) == REVISION
        made = {index["name"] for table in METADATA.tables for index in sa.inspect(connection).get_indexes(table)}
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN added VARCHAR")
    assert made == {index.name for table in METADATA.tables.values() for index in table.indexes}
    assert differences(url) != []  # it would have been seen


def test_revisions_are_one_line_with_the_newest_at_its_end() -> None:
    found = migrations.scripts(migrations.config())
    assert found.get_heads() == [REVISION]
    assert [each.revision for each in found.walk_revisions()][-1] == "0001"


def test_a_state_made_before_there_were_revisions_is_adopted_whole(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    with closing(State(url)) as state:
        state.record_run(RUN, [CHANGE])
        state.books("aws", Limits()).pay("Ask", Decimal("0.01"))
    with closing(sqlite3.connect(tmp_path / "state.db")) as file, file:
        # It had no columns for code and note once, and not all of the tables and indexes.
        for table in (VERSION_TABLE, "settling", *LATER):
            file.execute(f"DROP TABLE {table}")
        file.execute("DROP INDEX calls_of_source_at")
        file.execute("ALTER TABLE runs DROP COLUMN note")
    with closing(State(url)) as state:
        assert state.runs() == [RUN]
        assert state.restatements()[0].after == CHANGE.after
        assert [each.usd for each in state.spent()] == [Decimal("0.01")]
        state.record_run(Run("aws", "", RUN.started_at, 1.0, note="more"))
    assert differences(url) == []


def test_a_state_of_a_newer_outlay_is_refused_and_left_alone(url: str) -> None:
    with closing(State(url)) as state:
        state.record_run(RUN)
    with connected(url) as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(StoreError, match=rf"version 9999, .*; this one knows them up to {REVISION}$"):
        State(url)
    with connected(url) as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '{REVISION}'")
    with closing(State(url)) as state:
        assert state.runs() == [RUN]


def test_a_revision_that_fails_changes_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sa.Index, "create", fails)  # after tables were made
        with pytest.raises(StoreError, match=r"cannot use the state at .*: disk full$"):
            State(url)
    with connected(url) as connection:
        assert sa.inspect(connection).get_table_names() == []
    State(url).close()
    assert differences(url) == []


def test_the_new_table_of_the_manual_is_made(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(State(url)) as state:
        state.record_run(RUN)
    (tmp_path / "v0003_notes.py").write_text(re.findall(r"```python\n(.*?)```", MANUAL.read_text(), re.DOTALL)[0])
    with monkeypatch.context() as patch:
        newer = migrations.config()
        own = Path(migrations.__file__).parent / "versions"
        newer.set_main_option("version_locations", f"{own}{os.pathsep}{tmp_path}")
        patch.setattr(migrations, "config", lambda: newer)
        for module in (migrations, database):
            patch.setattr(module, "REVISION", "0003")
        with closing(State(url)) as state:
            assert state.runs() == [RUN]
        with connected(url) as connection:
            assert [column["name"] for column in sa.inspect(connection).get_columns("notes")] == ["day", "note"]
        State(url).close()
    with pytest.raises(StoreError, match=r"version 0003, which a newer Outlay made; this one knows them up to 0002$"):
        State(url)


def fails(*_: object, **__: object) -> None:
    raise sa.exc.SQLAlchemyError("disk full")


def test_threads_make_several_states_at_once(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{number % 4}.db" for number in range(8)]
    with ThreadPoolExecutor(len(urls)) as pool:
        for state in pool.map(State, urls):
            state.close()
    assert [differences(url) for url in urls] == [[]] * len(urls)


def test_a_state_that_is_up_to_date_is_opened_without_alembic(url: str) -> None:
    State(url).close()
    program = (
        "import sys; from outlay.state import State; State(sys.argv[1]).close();"
        "print(*sorted(name for name in sys.modules if name.partition('.')[0] in {'alembic', 'mako'}))"
    )
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
