"""The settings of a ClickHouse store: what they may be, and what they need."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from outlay.core.errors import StoreError
from outlay.core.query import CostQuery
from outlay.core.span import Period
from outlay.warehouses.clickhouse import Clickhouse
from tests.charges import charge, put
from tests.contracts.model import answer
from tests.servers_clickhouse import in_process


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"url": "postgresql://u:secret@h/x"}, "should look like http://user:password@host:8123/database"),
        ({"url": "http://u:secret@h:port/x"}, "should look like"),
        ({"url": "http://u:secret@h/a-b`"}, "should look like"),
        ({"url": "http://h/x", "shards": ["ftp://u:secret@h"]}, "should look like"),
        ({"url": "http://u:secret@h/x", "replicated": True}, "need the name of a cluster"),
        ({"url": "http://u:secret@h/x", "cluster": "c", "shards": ["http://h/y"]}, "the same database"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        Clickhouse.model_validate(settings)
    assert "secret" not in str(caught.value)


def test_a_source_is_always_on_the_same_shard() -> None:
    shards = ["http://one:8123/x", "http://two:8123/x"]
    settings = {"url": "http://any/x", "cluster": "c", "shards": shards}
    found = [
        [store._server(f"source-{i}").address.host for i in range(30)]
        for store in (Clickhouse.model_validate(settings) for _ in range(2))
    ]
    assert found[0] == found[1]
    assert set(found[0]) == {"one", "two"}
    assert Clickhouse.model_validate(settings)._server().address.host == "any"


@pytest.mark.parametrize(
    ("package", "says"),
    [("clickhouse_connect", "pip install 'outlay[clickhouse]'"), ("chdb", "pip install chdb-core")],
)
def test_a_package_that_is_missing(package: str, says: str) -> None:
    program = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from outlay.warehouses.clickhouse import Clickhouse\n"
        "Clickhouse.model_validate({'url': 'chdb:///nowhere'}).prepare()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith("outlay.core.errors.StoreError: ")
    assert says in done.stderr


def test_a_folder_is_open_in_one_process() -> None:
    store = Clickhouse.model_validate({"url": f"{in_process()}?database=outlay_{uuid4().hex}"})
    put(store, [charge(date(2026, 10, 30), "1")])
    program = (
        "from outlay.warehouses.clickhouse import Clickhouse\n"
        f"Clickhouse.model_validate({{'url': {in_process()!r}}}).version()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert f"the ClickHouse database at {in_process()}?database=outlay: a folder is open in one process" in done.stderr
    with pytest.raises(StoreError, match="a process opens one folder"):
        Clickhouse.model_validate({"url": "chdb:///elsewhere"}).version()
    assert answer(store, CostQuery(Period(date(2026, 1, 1), date(2027, 1, 1)))) == {(): 1}
