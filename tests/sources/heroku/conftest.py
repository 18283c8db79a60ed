"""A Heroku for each test, on the 21st of November 2026."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from tests.clouds import heroku
from tests.sources.heroku.asking import today


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[heroku.Heroku]:
    today(monkeypatch, date(2026, 11, 21))
    found = heroku.start()
    yield found
    found.close()
