"""Alive and ready."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from outlay.core.errors import StoreError
from outlay.serve.app import create_app
from outlay.serve.health import LIVE, READY
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.serve.conftest import NEVER, day, nothing


@pytest.fixture
def fresh(tmp_path: Path) -> State:
    """A state that remembers nothing."""
    return State(f"sqlite:///{tmp_path}/fresh.db")


@pytest.mark.parametrize("path", LIVE)
def test_alive(client: TestClient, path: str) -> None:
    assert client.get(path).json() == {"status": "alive"}
    assert client.head(path).status_code == 200


@pytest.mark.parametrize("path", READY)
def test_ready_once_there_is_data(empty: Lake, fresh: State, path: str) -> None:
    client = TestClient(create_app(empty, fresh, sources=[], collect=nothing, schedule=NEVER))
    before = client.get(path)
    assert (before.status_code, before.json()["code"]) == (503, "no-data")
    assert before.json()["detail"] == "no collection has succeeded yet and the store holds no charges"
    put(empty, [charge(day(1), "1")])
    assert (client.get(path).status_code, client.get(path).json()) == (200, {"status": "ready"})
    fresh.close()


def test_ready_once_a_collection_succeeded(empty: Lake, state: State) -> None:
    client = TestClient(create_app(empty, state, sources=[], collect=nothing, schedule=NEVER))
    assert client.get("/readyz").status_code == 200


def test_not_ready_while_the_store_is_out_of_reach(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/readyz").status_code == 200
    with monkeypatch.context() as broken:
        broken.setattr(Lake, "version", lambda _lake: _raise(StoreError("cannot read the lake at /gone")))
        response = client.get("/readyz")
        assert (response.status_code, response.json()["detail"]) == (503, "cannot read the lake at /gone")
        assert client.get("/healthz").status_code == 200
        broken.setattr(Lake, "version", lambda _lake: _raise(RuntimeError("password=hunter2")))
        response = client.get("/readyz")
        assert response.json()["detail"] == "the store is out of reach; the log has the details"
    assert client.get("/readyz").status_code == 200


def _raise(error: Exception) -> str:
    raise error
