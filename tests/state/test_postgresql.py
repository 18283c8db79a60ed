"""What only a server can do: refuse, be away, come back, share its database with others."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import psycopg
import pytest
import sqlalchemy as sa

from outlay.core.errors import StoreError
from outlay.state import Run, State, engines
from outlay.state.database import Database
from outlay.state.tables import COVERAGE
from outlay.warehouses.postgres import Postgres
from tests.servers_postgres import Server

RUN = Run("aws", "aws 2026-10", datetime(2026, 11, 1, tzinfo=UTC), 1.0)
SECRET = "hunter2-secret"


@pytest.fixture
def database(server: Server) -> str:
    return server.new_database()


@pytest.fixture
def locked_out(server: Server) -> Iterator[str]:
    """The user `locked`, whom the server does not believe without a password."""
    file = server.folder / "data" / "pg_hba.conf"
    before = file.read_text()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE locked LOGIN PASSWORD 'another'")
    file.write_text(f"host all locked 127.0.0.1/32 scram-sha-256\n{before}")
    server.control("reload")
    yield "locked"
    file.write_text(before)
    server.control("reload")
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP ROLE locked")


def fault(url: str) -> str:
    with pytest.raises(StoreError) as found:
        State(url)
    assert SECRET not in repr(found.value)
    assert found.value.__cause__ is None
    return str(found.value)


def test_after_a_restart_of_the_server_the_next_call_works(server: Server, database: str) -> None:
    with closing(State(database)) as state:
        state.record_run(RUN)
        for how in ("fast", "immediate"):
            server.control("restart", "-m", how)
            assert state.runs() == [RUN]
            server.control("restart", "-m", how)
            state.record_run(RUN, ())
            with psycopg.connect(database) as connection:
                connection.execute("DELETE FROM outlay_state.runs WHERE id > 1")


def test_a_connection_lost_in_the_middle_of_a_write_is_an_error_and_nothing_is_written(database: str) -> None:
    def write(connection: sa.Connection) -> None:
        connection.execute(COVERAGE.insert().values(source="half", account="", members=[]))
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    with closing(State(database)) as state, closing(Database(database)) as direct:
        with pytest.raises(StoreError, match="terminating connection"):
            direct.write(write)
        assert state.coverage() == {}
        assert len(direct.read(COVERAGE.select())) == 0


def test_a_server_that_is_away_is_an_error_until_it_is_back(server: Server, database: str) -> None:
    with closing(State(database)) as state:
        server.control("stop", "-m", "fast")
        try:
            with pytest.raises(
                StoreError, match=r"^cannot use the state at postgresql://postgres@127\.0\.0\.1:\d+/out"
            ):
                state.runs()
            assert "refused" in fault(database)
        finally:
            server.control("start")
        assert state.runs() == []


def test_a_wrong_password_is_told_in_words_without_it(server: Server, locked_out: str) -> None:
    where = f"127.0.0.1:{server.port}/postgres"
    said = fault(f"postgresql://{locked_out}:{SECRET}@{where}")
    assert said.startswith(f"cannot use the state at postgresql://locked@{where}: ")
    assert 'password authentication failed for user "locked"' in said
    assert "password authentication failed" in fault(f"postgresql://{locked_out}@{where}?password={SECRET}")
    assert "no password" in fault(f"postgresql://{locked_out}@{where}")


def test_no_server_no_database_and_no_user_are_told(server: Server) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert "refused" in fault(f"postgresql://me:{SECRET}@127.0.0.1:{free.getsockname()[1]}/outlay")
    assert 'database "nope" does not exist' in fault(f"postgresql://postgres:{SECRET}@127.0.0.1:{server.port}/nope")
    assert 'role "nobody" does not exist' in fault(f"postgresql://nobody@127.0.0.1:{server.port}/postgres")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"mysql://me:{SECRET}@host/name", "the state cannot be kept in 'mysql'; its URL looks like sqlite:///"),
        (f"postgresql+psycopg2://me:{SECRET}@host/name", "cannot be kept in 'postgresql+psycopg2'"),
        (f"{SECRET}", "the URL of the state is none; it looks like sqlite:///data/state.db or postgresql://"),
        ("", "the URL of the state is none"),
        (f"postgresql://me:{SECRET}:x@host:{SECRET}/name", "the URL of the state is none"),
        (f"postgresql://me:some@{SECRET}@host/name", "the URL of the state has more than one @; in a password it is"),
    ],
)
def test_a_url_that_cannot_be_is_told_without_what_may_be_secret(url: str, said: str) -> None:
    assert said in fault(url)


def test_without_psycopg_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert fault(f"postgresql://me:{SECRET}@host/name").endswith("pip install 'outlay[postgres]'")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_one_driver_serves_each_scheme(scheme: str) -> None:
    url = engines.parsed(f"{scheme}://me:{SECRET}@host:1234/name?sslmode=require")
    assert url.drivername == "postgresql+psycopg"
    assert engines.place(url) == "postgresql://me@host:1234/name"


def test_it_shares_a_database_with_charges_and_tables_of_others(server: Server, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE runs (ours text); CREATE TABLE alembic_version (version_num text)")
        connection.execute("INSERT INTO alembic_version VALUES ('theirs')")
    for schema in ("public", "outlay"):
        Postgres(url=database, schema_name=schema).prepare()
    with closing(State(database)) as state:
        state.record_run(RUN)
        assert state.runs() == [RUN]
    Postgres(url=database).prepare()
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("theirs",)]
        found = connection.execute("SELECT version_num FROM outlay_state.outlay_state_version").fetchone()
        assert found is not None


def test_who_may_not_make_a_schema_is_told_what_its_owner_does(server: Server, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE ROLE poor LOGIN")
        try:
            mine = database.replace("postgres@", "poor@")
            assert "let its owner run: CREATE SCHEMA outlay_state AUTHORIZATION poor" in fault(mine)
            connection.execute("CREATE SCHEMA outlay_state AUTHORIZATION poor")
            with closing(State(mine)) as state:
                state.record_run(RUN)
                assert state.runs() == [RUN]
        finally:
            connection.execute("DROP OWNED BY poor; DROP ROLE poor")


def test_a_writer_that_hangs_holds_up_others_not_for_ever(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "BUSY_SECONDS_MAX", 1)
    with closing(State(database)) as state, psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('outlay_state', 0))")
        assert state.runs() == []
        with pytest.raises(StoreError, match="lock timeout"):
            state.record_run(RUN)
        other.rollback()
        state.record_run(RUN)
        assert state.runs() == [RUN]


def test_what_a_server_is_set_to_changes_nothing(server: Server, database: str) -> None:
    name = database.rpartition("/")[2]
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for setting in ("default_transaction_isolation = serializable", "TimeZone = 'Asia/Kolkata'"):
            connection.execute(f"ALTER DATABASE {name} SET {setting}")
    with closing(State(database)) as state:
        state.record_run(RUN)
        assert state.runs() == [RUN]
