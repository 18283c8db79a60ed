"""Pace: each key once in a while, however many there are."""

from __future__ import annotations

import pytest
from starlette.exceptions import HTTPException

from outlay.serve.api import pace
from outlay.serve.api.pace import Pace


def refused(paced: Pace, key: str) -> str | None:
    """After how many seconds a key may ask again; None when it may now."""
    try:
        paced.enter(key, "it")
    except HTTPException as error:
        return dict(error.headers or {})["Retry-After"]
    return None


def test_each_key_enters_once_in_a_while() -> None:
    now = 0.0
    paced = Pace(60, lambda: now)
    assert [refused(paced, key) for key in "aab"] == [None, "60", None]
    now = 59.5
    assert [refused(paced, key) for key in "abc"] == ["1", "1", None]
    now = 60.0
    assert [refused(paced, key) for key in "abc"] == [None, None, "60"]  # a refusal does not count
    assert refused(paced, "a") == "60"


def test_no_pace_refuses_nothing() -> None:
    paced = Pace(0)
    assert [refused(paced, "a") for _ in range(3)] == [None] * 3


def test_many_keys_take_no_more_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "KEYS_MAX", 3)
    paced = Pace(60, lambda: 0.0)
    assert [refused(paced, key) for key in "abcd"] == [None] * 4
    assert [refused(paced, key) for key in "dcb"] == ["60"] * 3
    assert refused(paced, "a") is None
