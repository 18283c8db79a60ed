"""The first lines of a bucket's files, for little more than their bytes."""

from __future__ import annotations

import io
from typing import Any

from outlay.ranges import Ranges

HEADER_BYTES = 256 << 10  # asked for at once when only a file's first lines are wanted


def opened(files: Any, path: str, size: int) -> io.BufferedReader:
    """A file of a bucket, to be read from its start."""
    return io.BufferedReader(Ranges(files, path, size), HEADER_BYTES)
