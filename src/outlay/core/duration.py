"""Lengths of time as people write them: 90m, 36h, 3d, 2w."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MOST = timedelta(days=36500)


def duration(text: str) -> timedelta:
    """The length of time. Raises ValueError with how to write one."""
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    length = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < length <= _MOST:
        raise ValueError(f"{text!r} is no length of time; write it as 90m, 36h, 3d or 2w")
    return length
