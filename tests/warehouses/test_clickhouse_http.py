"""ClickHouse over HTTP: what is said when it does not answer, refuses, or is too old, and that passwords are kept."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import clickhouse_connect
import pytest

from outlay.core.errors import StoreError
from outlay.core.query import CostQuery
from outlay.core.span import Period
from outlay.warehouses.clickhouse import Clickhouse
from tests.charges import charge, put
from tests.contracts.model import answer
from tests.servers import Request, Response, answering
from tests.servers_clickhouse import PASSWORD, READER, USER, Server, clickhouse_server

DAY = date(2026, 10, 30)
YEAR = CostQuery(Period(date(2026, 1, 1), date(2027, 1, 1)))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with clickhouse_server() as found:
        yield found


def at(url: str, timeout: int = 10) -> Clickhouse:
    return Clickhouse.model_validate({"url": url, "timeout": timeout})


def refused(store: Clickhouse, says: str) -> None:
    """Whatever is asked of it, the store says this, and where it is, and not the password."""
    for ask in (store.prepare, lambda: store.query(YEAR), store.version, lambda: put(store, [charge(DAY, "1")])):
        with pytest.raises(StoreError, match=says) as caught:
            ask()
        assert str(store._place) in str(caught.value)
        assert PASSWORD not in f"{caught.value!r} {store!r}"
        assert "\n" not in str(caught.value)


def test_anybody_may_ask_with_a_client_of_his_own(server: Server) -> None:
    url = server.new_database()
    put(at(url), [charge(DAY, "1.5", service_name="EC2")])
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=server.port, username=USER, password=PASSWORD, database=url.rpartition("/")[2]
    )
    assert (
        client.query("SELECT service, SUM(cost) AS cost FROM cost_metrics GROUP BY service").result_rows[0][0] == "EC2"
    )
    client.close()


def test_a_wrong_password(server: Server) -> None:
    refused(at(server.url("x", password="wrong-one")), "outlay: Authentication failed: password is incorrect")


def test_a_user_who_may_only_read(server: Server) -> None:
    url = server.new_database()
    writer, reader = at(url), at(server.url(url.rpartition("/")[2], user=READER))
    put(writer, [charge(DAY, "1.5")])
    assert answer(reader, YEAR) == answer(writer, YEAR) == {(): Decimal("1.5")}
    assert reader.version() == writer.version() != ""
    with pytest.raises(StoreError, match="Cannot execute query in readonly mode"):
        put(reader, [charge(DAY, "2")])
    with pytest.raises(StoreError, match=r"cannot prepare the ClickHouse database at .*readonly mode"):
        at(server.url("elsewhere", user=READER)).prepare()


def test_a_database_that_is_not_there_is_empty_until_it_is_made(server: Server) -> None:
    store = at(server.new_database())
    assert (store.query(YEAR).num_rows, store.version(), store.months()) == (0, "", [])
    assert list(store.rows("prod", date(2026, 10, 1))) == []
    put(store, [charge(DAY, "1")])
    assert answer(store, YEAR) == {(): 1}


def test_nobody_is_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        refused(at(f"http://u:{PASSWORD[:6]}@127.0.0.1:{taken.getsockname()[1]}/x"), "no answer: .*refused")


def test_a_server_that_hangs() -> None:
    def late(_: Request) -> Response:
        time.sleep(1.5)
        return Response(b"")

    with answering(late) as url, pytest.raises(StoreError, match="no answer: Read timed out"):
        at(f"{url}/x", timeout=1).version()


@pytest.mark.parametrize("status", [200, 404, 502])
def test_something_else_is_there(status: int) -> None:
    with answering(lambda _: Response(b"<html>\nhello", status)) as url:
        refused(at(f"{url}/x"), "<html>|received HTTP status")


def test_a_server_that_speaks_no_tls(server: Server) -> None:
    refused(at(server.url("x").replace("http:", "https:")), "no answer: .*SSL")


def test_a_server_that_is_too_old(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outlay.warehouses.clickhouse.server.OLDEST", (99, 3))
    refused(at(server.url("x")), r"ClickHouse 2\d\.[\d.]+ is too old: it takes 99\.3 or newer")
