"""Servers on 127.0.0.1 for channels, and no waiting between two tries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clouds import tls as certificates
from tests.clouds.tls import Tls


@pytest.fixture(scope="session")
def tls() -> Iterator[Tls]:
    made = certificates.make()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited."""
    waited: list[float] = []
    monkeypatch.setattr("outlay.notify._tries.sleep", waited.append)
    return waited
