"""BigQuery's emulator, and a fake for what it cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.sources.gcp.fake import FakeBigQuery

if TYPE_CHECKING:
    from tests.clouds.gcp import Gcp as Emulator


@pytest.fixture(scope="session")
def running() -> Iterator[Emulator]:
    from tests.clouds import gcp

    emulator = gcp.start()
    yield emulator
    emulator.close()


@pytest.fixture
def bigquery(running: Emulator) -> Emulator:
    """The emulator, its dataset empty."""
    running.empty()
    return running


@pytest.fixture
def fake() -> Iterator[FakeBigQuery]:
    made = FakeBigQuery()
    yield made
    made.close()
