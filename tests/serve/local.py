"""The server and a client on this machine, without starting what the server does in the background."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from outlay.core.ports import Warehouse
from outlay.serve.app import create_app
from outlay.state import State
from tests.serve.conftest import NEVER, nothing


def app_of(warehouse: Warehouse, state: State, **more: Any) -> FastAPI:
    """The server over a store and a state; `more`: what create_app is told."""
    told: dict[str, Any] = {"sources": [], "collect": nothing, "schedule": NEVER}
    return create_app(warehouse, state, **(told | more))


def client_of(app: FastAPI) -> TestClient:
    """A client of a server."""
    return TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000))
