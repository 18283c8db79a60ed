"""A lake with a few charges, a state, and a client of the server over both. Today is 6 October 2026."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from outlay import reports
from outlay.serve.app import create_app
from outlay.state import Limits, Run, Settling, State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put

TODAY = date(2026, 10, 6)
NEVER = "0 0 29 2 *"  # not while a test runs, but in leap years


def day(number: int, month: int = 10) -> date:
    """A day of 2026."""
    return date(2026, month, number)


def nothing(_source: str, _stop: threading.Event) -> None:
    """A collection that finds nothing."""


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "today", lambda: TODAY)


@pytest.fixture
def empty(tmp_path: Path) -> Lake:
    """A lake that holds nothing."""
    lake = Lake(path=str(tmp_path / "lake"))
    lake.prepare()
    return lake


@pytest.fixture
def lake(empty: Lake) -> Lake:
    """A lake with charges of two providers, two currencies and two months."""
    core, web = [("team", "core")], [("team", "web"), ("aws:by", "ann:1")]
    put(
        empty,
        [
            charge(day(3, 9), "7.25", service_name="Amazon EC2", region_id="eu-west-1", sub_account_id="1111"),
            charge(
                day(1),
                "10.5",
                service_name="Amazon EC2",
                region_id="eu-west-1",
                sub_account_id="1111",
                tags=core,
            ),
            charge(day(5), "2.000000000000000001", service_name="Amazon S3", region_id="us-east-1", tags=web),
            charge(day(5), "-1.5", charge_category="Credit", service_name="Amazon EC2", provisional=True),
            charge(
                day(4),
                "3.5",
                source="azure",
                provider="Microsoft",
                billing_currency="EUR",
                effective_cost=Decimal("3.25"),
                service_name='Virtual "Machines"\\',
            ),
        ],
    )
    return empty


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """A state that remembers one good refresh and one that failed."""
    found = State(f"sqlite:///{tmp_path}/state.db")
    started = datetime(2026, 10, 6, 0, 30, tzinfo=UTC)
    found.record_run(Run("prod", "prod 2026-10", started, 1.5, 4))
    found.record_run(Run("azure", "azure 2026-10", started, 0.25, error="no such export", code="not-found"))
    found.past.record_settling("prod", Settling(2, day(4)))
    found.books("prod", Limits()).pay("GetCostAndUsage", Decimal("0.01"), "1111")
    yield found
    found.close()


@pytest.fixture
def client(lake: Lake, state: State) -> TestClient:
    """A client of the server, whose background jobs do not run."""
    return TestClient(create_app(lake, state, sources=[], collect=nothing, schedule=NEVER))
