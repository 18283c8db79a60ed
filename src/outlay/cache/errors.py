"""What goes wrong with a cache. Whoever asks through `Guarded` never sees it."""

from __future__ import annotations

from typing import ClassVar

from outlay.core.errors import OutlayError


class CacheError(OutlayError):
    """A cache that cannot be reached, read or written."""

    code: ClassVar[str] = "cache"
    status: ClassVar[int] = 503


class DamagedError(CacheError):
    """An entry whose bytes are not those that were written."""
