"""Lengths of time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from outlay.core.duration import duration


@pytest.mark.parametrize(("text", "hours"), [("90m", 1.5), ("36h", 36), ("3d", 72), ("2w", 336), (" 1h ", 1)])
def test_lengths(text: str, hours: float) -> None:
    assert duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "3", "d", "0d", "-1d", "1.5d", "3 days", "1y", "999999w"])
def test_no_lengths(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no length of time; write it as 90m, 36h, 3d or 2w"):
        duration(text)
