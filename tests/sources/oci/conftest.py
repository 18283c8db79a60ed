from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from outlay.sources.oci import Oci
from tests.clouds import oci as clouds

Make = Callable[..., Oci]


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outlay.sources.oci.storage.random.uniform", lambda low, high: 0.0)


@pytest.fixture
def cloud() -> Iterator[clouds.Oci]:
    """Oracle's own bucket of a tenancy, empty."""
    made = clouds.start(clouds.ORACLE)
    yield made
    made.close()


@pytest.fixture
def copies() -> Iterator[clouds.Oci]:
    """A bucket to which reports are copied: when they were written is not known."""
    made = clouds.start()
    yield made
    made.close()


@pytest.fixture
def source(cloud: clouds.Oci) -> Make:
    """The source of `cloud`, with these settings beside."""

    def make(**settings: Any) -> Oci:
        return Oci.model_validate({**cloud.settings(), **settings})

    return make
