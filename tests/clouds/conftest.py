"""Stand-ins that are started once, and a store that sources are collected into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from outlay.core.ports import Warehouse
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.clouds import every
from tests.clouds.cloud import Cloud


@pytest.fixture(scope="module", params=every.NAMES)
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    with closing(every.start(request.param)) as found:
        yield found


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Lake(path=str(tmp_path / "lake"))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with closing(State(f"sqlite:///{tmp_path}/state.db")) as found:
        yield found
