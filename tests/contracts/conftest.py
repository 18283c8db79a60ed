"""A test that asks for `new_store`, `store` or `warehouse` runs for each kind of each warehouse.

One that asks for `engine` runs for the first kind of each: what it tests does not depend on where the files are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import cache

import boto3
import pytest

from outlay.core import plugins
from outlay.core.ports import Warehouse
from tests.clouds import every
from tests.clouds.cloud import Cloud
from tests.contracts.stores import Kind, Store, every_kind, kind_of
from tests.servers import moto_server
from tests.servers_clickhouse import Server as ClickHouseServer
from tests.servers_clickhouse import clickhouse_server
from tests.servers_postgres import Server, postgres_server

NewStore = Callable[[], Store]


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def stand_in() -> Iterator[Callable[[str], Cloud]]:
    """Starts the stand-in of a provider, once."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(closing(every.start(name))))


@pytest.fixture(scope="session")
def s3(moto: str) -> dict[str, str]:
    """The storage options of an S3 that has the bucket `lakes`."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    boto3.client("s3", endpoint_url=moto, region_name="us-east-1", **keys).create_bucket(Bucket="lakes")
    place = {"AWS_ENDPOINT_URL": moto, "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"}
    return place | {name.upper(): value for name, value in keys.items()}


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def clickhouse() -> Iterator[ClickHouseServer]:
    with clickhouse_server() as server:
        yield server


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What several processes do at once is tested on the kinds that several processes can open."""
    if "plugin_and_kind" in metafunc.fixturenames:
        races = metafunc.module.__name__.endswith("_races")
        kinds = [each for each in every_kind() if not races or each[1] == "" or kind_of(*each).several]
        names = ["-".join(each) for each in kinds]
        metafunc.parametrize("plugin_and_kind", kinds, ids=names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def plugin_and_kind(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.param
    return found


@pytest.fixture(scope="session")
def kind(plugin_and_kind: tuple[str, str]) -> Kind:
    return kind_of(*plugin_and_kind)


@pytest.fixture(scope="session")
def new_store(request: pytest.FixtureRequest, plugin_and_kind: tuple[str, str], kind: Kind) -> NewStore:
    return lambda: Store(plugin_and_kind[0], kind.empty(request.getfixturevalue))


@pytest.fixture(scope="module", params=plugins.names("warehouses"))
def new_engine(request: pytest.FixtureRequest) -> NewStore:
    first = next(kind for name, kind in every_kind() if name == request.param)
    empty = kind_of(request.param, first).empty
    return lambda: Store(request.param, empty(request.getfixturevalue))


@pytest.fixture
def engine(new_engine: NewStore) -> Warehouse:
    """An empty store, prepared."""
    return prepared(new_engine())


@pytest.fixture
def store(new_store: NewStore) -> Store:
    return new_store()


@pytest.fixture
def warehouse(store: Store) -> Warehouse:
    """An empty store, prepared."""
    return prepared(store)


def prepared(store: Store) -> Warehouse:
    warehouse = store.open()
    warehouse.prepare()
    return warehouse
