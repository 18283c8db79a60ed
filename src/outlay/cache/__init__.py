"""Caches: what was asked a moment ago is not asked again. In memory, on disk or in Redis; right answers need none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from outlay.cache.errors import CacheError, DamagedError
from outlay.cache.guard import Counts, Guarded
from outlay.cache.port import Cache, Size

if TYPE_CHECKING:
    from outlay.core.settings import Cache as Section
    from outlay.core.settings import Settings

__all__ = ["KINDS", "Cache", "CacheError", "Counts", "DamagedError", "Guarded", "Size", "open_cache"]

FOLDER = "cache"
KINDS = ("answers", "queries")  # of entries: what providers answered, and what stores did


def open_cache(settings: Settings) -> Guarded | None:
    """The cache that the settings name; None when they switch it off. Reaches for nothing yet.

    Raises CacheError when the package that a kind of cache needs is missing.
    """
    section = settings.cache
    return Guarded(_engine(section, settings), section.type) if section.enabled else None


def _engine(section: Section, settings: Settings) -> Cache:
    if section.type == "redis":
        from outlay.cache.redis import Redis

        assert section.redis_url is not None  # noqa: S101 - the section sees to it
        return Redis(section.redis_url.get_secret_value(), section.redis_timeout)
    if section.type == "disk":
        from outlay.cache.disk import Disk

        return Disk(_folder(section, settings), section.max_mb * 2**20, section.seconds_max)
    from outlay.cache.memory import Memory

    return Memory(section.max_mb * 2**20)


def _folder(section: Section, settings: Settings) -> Path:
    """The folder of the settings, else one in the store's, else, when the store is none, in ./data."""
    if section.path is not None:
        return Path(section.path)
    store = str(getattr(settings.store, "path", "://"))
    return Path("data" if "://" in store else store) / FOLDER
