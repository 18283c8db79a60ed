"""What is PostgreSQL's own: how it is set up, its tables made by several at once, and what it says when it cannot."""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from pydantic import ValidationError

from outlay.core import focus
from outlay.core.config import load
from outlay.core.errors import StoreError
from outlay.core.query import CostQuery, Filter
from outlay.core.span import Period, Span
from outlay.warehouses.postgres import Postgres
from tests.charges import charge, put
from tests.contracts.model import answer
from tests.servers_postgres import Server

DAY = date(2026, 10, 3)
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
MONTH = Span("prod", OCTOBER)
TOTAL = CostQuery(OCTOBER)
SECRET = "hush/hush@9%"
ENCODED = "hush%2Fhush%409%25"


def store(url: str, **settings: Any) -> Postgres:
    return Postgres.model_validate({"url": url, **settings})


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.new_database()


def do(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for each in statements:
            connection.execute(each.encode())


def said(verb: Callable[[], object]) -> str:
    """What the error of a verb says, which is no secret."""
    with pytest.raises(StoreError) as caught:
        verb()
    message = str(caught.value)
    assert caught.value.__cause__ is None
    assert not any(each in message for each in (SECRET, ENCODED, "hush"))
    assert "\n" not in message
    return message


# -- settings --------------------------------------------------------------------------------------


def test_five_variables_alone_make_it_the_store(postgres: Server, tmp_path: Path) -> None:
    name = postgres.new_database().rpartition("/")[2]
    place = {"DB_HOST": "127.0.0.1", "DB_PORT": str(postgres.port), "DB_NAME": name}
    found = load(None, place | {"DB_USER": "postgres", "DB_PASSWORD": SECRET}, tmp_path).store
    assert isinstance(found, Postgres)
    put(found, [charge(DAY, "1")])
    assert answer(found, TOTAL) == {(): 1}
    assert "hush" not in repr(found) + str(found) + found.model_dump_json()


@pytest.mark.parametrize(
    "bad",
    [
        f"postgresql://outlay:{SECRET}@host/name",
        "postgresql://outlay:hu@sh@host/name",
        "postgresql://outlay:12/hush@host/name",
        "postgresql://outlay:12#hush@host/name",
        "postgresql://outlay:12?hush@host/name",
        "postgresql://outlay:hush%zz@host/name",
        "postgresql://outlay:hush@host:99999/name",
        "postgresql://outlay:hush@host:port/name",
        "postgresql://outlay:hush@host/name with spaces",
        "mysql://outlay:hush@host/name",
        "hush",
    ],
)
def test_a_url_that_could_be_read_in_two_ways_is_refused_and_not_shown(bad: str) -> None:
    with pytest.raises(ValidationError, match="should look like postgresql://") as caught:
        store(bad)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("good", "place"),
    [
        ("postgresql+psycopg://outlay:hush@db:5433/costs", "costs at db:5433"),
        ("postgres://[::1]:5433/costs", "costs at [::1]:5433"),
        ("postgresql://outlay@one:1,two:2/costs?target_session_attrs=read-write", "costs at one:1,two:2"),
        ("postgresql:///costs?host=/run/postgresql&password=hush", "costs at /run/postgresql"),
        ("postgresql://%2Frun%2Fpostgresql/my%20costs", "my costs at /run/postgresql"),
    ],
)
def test_a_url_names_a_place(good: str, place: str) -> None:
    found = store(good)
    assert found._place == place
    assert "hush" not in repr(found) + found._place


@pytest.mark.parametrize(
    "settings",
    [{"pool_size": 0}, {"schema_name": 'a"b'}, {"port": 70000}, {"usd_rates": {"EUR": 0}}, {"usd_rates": {"USD": 2}}],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(settings))):
        Postgres.model_validate(settings)


def test_what_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "psycopg":
            raise ModuleNotFoundError("no", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    for verb in (Postgres().prepare, Postgres().version, lambda: list(Postgres().rows("prod", DAY))):
        assert "pip install 'outlay[postgres]'" in said(verb)


def test_every_key_is_on_its_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "stores" / "postgres.md").read_text(encoding="utf-8")
    variables = {name: f"`{variable}`" for variable, name in Postgres.ENVIRONMENT.items()}
    for name, field in Postgres.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "" if default is None else f"`{default}`"
        row = " | ".join([f"| `{name}`", shown, variables.get(name, ""), ""])
        assert row.replace("  ", " ") in page, name


# -- preparing -------------------------------------------------------------------------------------


def test_many_prepare_at_once(url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(store(url, schema_name="costs").prepare) for _ in range(8)]:
            done.result()
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT version_num FROM costs.outlay_schema").fetchall()
    assert found == [("0001",)]


def test_two_schemas_of_a_database_know_nothing_of_each_other(url: str) -> None:
    one, two = store(url), store(url, schema_name="user")  # which SQL takes for a word of its own, if not quoted
    for each, cost in ((one, "1"), (two, "2")):
        put(each, [charge(DAY, cost)])
        each.maintain()
    assert answer(one, TOTAL) == {(): 1}
    assert answer(two, TOTAL) == {(): 2}


def test_tables_of_others_stay_as_they_are(url: str) -> None:
    do(url, "CREATE TABLE orders (id int)", "INSERT INTO orders VALUES (7)", "CREATE TABLE alembic_version (x int)")
    put(store(url), [charge(DAY, "1")])
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT * FROM orders").fetchall() == [(7,)]


@pytest.mark.parametrize(
    "table", ["charges (id int)", "usd_rates (x int)", "cloud_costs (id int)", "daily_cost_summary (x int)"]
)
def test_a_table_of_others_in_the_way_is_named_and_nothing_is_done(url: str, table: str) -> None:
    do(url, f"CREATE TABLE {table}")
    name = table.partition(" ")[0]
    assert f"the schema public holds {name} already, not made by Outlay: rename that, or" in said(store(url).prepare)
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == [(name,)]
    put(store(url, schema_name="outlay"), [charge(DAY, "1")])


def test_tables_of_a_newer_version_are_left_alone(url: str) -> None:
    put(store(url), [charge(DAY, "1")])
    do(url, "UPDATE outlay_schema SET version_num = '0999'")
    assert "its tables are of version 0999: a newer Outlay made them" in said(store(url).prepare)


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.fixture
def guarded(postgres: Server) -> Iterator[str]:
    """The address of a database on a server that asks `guest` for its password."""
    name = postgres.new_database().rpartition("/")[2]
    do(postgres.url(), f"CREATE ROLE guest LOGIN PASSWORD '{SECRET}'")
    rules = postgres.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text("host all guest all scram-sha-256\n" + before)
    postgres.control("restart", "-m", "fast")
    yield f"127.0.0.1:{postgres.port}/{name}"
    rules.write_text(before)
    postgres.control("restart", "-m", "fast")
    do(postgres.url(name), "DROP OWNED BY guest", "DROP ROLE guest")


def test_passwords_and_rights(guarded: str, postgres: Server) -> None:
    place = f"PostgreSQL database {guarded.partition('/')[2]} at 127.0.0.1:{postgres.port}: "
    wrong = said(store(f"postgresql://guest:{ENCODED}x@{guarded}").prepare)
    assert place in wrong
    assert 'password authentication failed for user "guest"; check the user and the password' in wrong
    none = store(f"postgresql://guest@{guarded}", pool_size=1)
    assert "no password supplied; give the password (DB_PASSWORD" in said(none.version)
    guest = store(f"postgresql://guest:{ENCODED}@{guarded}")
    assert guest.version() == ""
    assert "permission denied for schema public; as its owner, grant Outlay's user" in said(guest.prepare)
    owner = store(f"postgresql://postgres@{guarded}")
    put(owner, [charge(DAY, "1")])
    assert "permission denied" in said(lambda: guest.query(TOTAL))
    do(f"postgresql://postgres@{guarded}", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest")
    assert answer(guest, TOTAL) == {(): 1}
    assert "permission denied for table" in said(lambda: put(guest, [charge(DAY, "2")]))
    assert answer(owner, TOTAL) == {(): 1}


def test_what_is_not_there(postgres: Server) -> None:
    assert 'database "nope" does not exist; create it first' in said(store(postgres.url("nope")).prepare)
    nobody = f"postgresql://nobody:{ENCODED}@127.0.0.1:{postgres.port}/postgres"
    assert 'role "nobody" does not exist; create the user first' in said(store(nobody).prepare)
    nowhere = store(f"postgresql://outlay:{ENCODED}@127.0.0.1:1/costs")
    for verb in (nowhere.prepare, nowhere.version, nowhere.months, nowhere.maintain, lambda: nowhere.query(TOTAL)):
        assert "Connection refused; is the server running there" in said(verb)
    odd = store(f"postgresql://outlay:{ENCODED}@127.0.0.1:{postgres.port}/postgres?nope=hush")
    assert 'invalid URI query parameter: "nope"' in said(odd.prepare)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_that_stops_in_mid_replace_leaves_what_was_there(postgres: Server, url: str, mode: str) -> None:
    writer = store(url)
    put(writer, [charge(DAY, "1")])
    many = focus.batch([charge(DAY, "2")] * 20_000)

    def rows() -> Iterator[pa.RecordBatch]:
        yield from (many, many)
        postgres.control("stop", "-m", mode)
        yield from (many, many)

    try:
        assert "the server was stopped, or cut us off" in said(lambda: writer.replace(MONTH, rows()))
        assert "Connection refused" in said(lambda: writer.query(TOTAL))
    finally:
        postgres.control("start")
    assert answer(writer, TOTAL) == {(): 1}
    assert writer.replace(MONTH, [many]).rows == 20_000


def test_more_questions_than_connections_wait_for_each_other(url: str) -> None:
    one = store(url, pool_size=1)
    put(one, [charge(DAY, "1")])
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda _: answer(one, TOTAL)[()], range(30))) == [1] * 30


def test_a_reader_does_not_wait_for_a_writer(url: str) -> None:
    one = store(url)
    put(one, [charge(DAY, "1")])

    def rows() -> Iterator[pa.RecordBatch]:
        yield focus.batch([charge(DAY, "2")])
        began = time.monotonic()
        assert answer(one, TOTAL) == answer(store(url), TOTAL) == {(): 1}
        assert time.monotonic() - began < 5
        yield focus.batch([charge(DAY, "3")])

    one.replace(MONTH, rows())
    assert answer(one, TOTAL) == {(): 5}


# -- texts that PostgreSQL cannot hold -------------------------------------------------------------


def test_a_nul_becomes_a_replacement_character_wherever_it_stands(url: str) -> None:
    one = store(url)
    tags = {"team\0": "co\0re", "json": "\\u0000"}
    put(one, [charge(DAY, "1", service_name="a\0b", tags=tags), charge(DAY, "2", tags=None)])
    assert answer(one, CostQuery(OCTOBER, ("service", "tag:team\0", "tag:json"))) == {
        ("a\ufffdb", "co\ufffdre", "\\u0000"): 1, (None, None, None): 2,
    }  # fmt: skip
    for name in ("a\0b", "a\ufffdb"):
        assert answer(one, CostQuery(OCTOBER, (), (Filter("service", (name,)),))) == {(): 1}


def test_a_sum_that_no_amount_can_hold_is_an_error(url: str) -> None:
    one = store(url)
    put(one, [charge(DAY, "9" * 20, service_name=name) for name in "ab"])
    assert "a sum does not fit in DECIMAL(38,18)" in said(lambda: one.query(TOTAL))
    same = [charge(DAY, "9" * 20)] * 2
    assert "numeric field overflow" in said(lambda: put(one, same))


def test_asking_for_what_is_no_text_finds_nothing(url: str) -> None:
    one = store(url)
    put(one, [charge(DAY, "1", service_name="a")])
    assert answer(one, CostQuery(OCTOBER, (), (Filter("service", ("a\ud800",)),))) == {}
