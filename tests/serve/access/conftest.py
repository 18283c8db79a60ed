"""The server over a lake and a state, guarded; and clients of it, from here or from afar."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from outlay.core.access import ApiKey
from outlay.core.settings import Api, Dashboard
from outlay.serve.access import Guard
from outlay.serve.app import create_app
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.serve.conftest import NEVER, nothing

AFAR, HERE = ("192.0.2.7", 4321), ("127.0.0.1", 4321)
OWN = "a key of the settings, long enough"

Serve = Callable[..., FastAPI]


@pytest.fixture
def serve(lake: Lake, state: State) -> Serve:
    """Makes the app under these settings of the section `api`."""

    def make(*, insecure: bool = False, **settings: Any) -> FastAPI:
        guard = Guard(Api(**settings), lambda: state.keys, insecure=insecure)
        return create_app(
            lake,
            state,
            sources=["prod", "azure"],
            collect=nothing,
            schedule=NEVER,
            dashboard=Dashboard(),
            guard=guard,
            http=guard.settings,
        )

    return make


def client(app: FastAPI, key: str | None = None, *, afar: bool = True, **headers: str) -> TestClient:
    """A client, which may show a key; its requests come from another machine, or from this one."""
    host, url = (AFAR, "http://costs.example") if afar else (HERE, "http://localhost:8000")
    shown = {"Authorization": f"Bearer {key}"} if key is not None else {}
    return TestClient(app, url, client=host, headers={**shown, **{k.replace("_", "-"): v for k, v in headers.items()}})


def basic(password: str, user: str = "me") -> str:
    """A Basic header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def own(key: str = OWN, **more: Any) -> tuple[ApiKey, ...]:
    """One key in the settings."""
    return (ApiKey(name="own", key=SecretStr(key), **more),)
