"""A cache in a Redis server, shared by all who reach it. What is too much there the server drops, by its settings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from outlay.cache.entry import FORMAT
from outlay.cache.errors import CacheError
from outlay.cache.port import Size

PREFIX = "outlay-cache:"  # what `clear` drops; the rest of the server is others'
PAGE = 1000  # names looked at in one call


class Redis:
    """Entries as keys that expire. Each wait for the server, to connect or to answer, ends after `timeout` seconds."""

    def __init__(self, url: str, timeout: float) -> None:
        """Asks nobody yet. `url`: redis://, rediss:// (TLS) or unix://, which may hold user and password."""
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise CacheError("cache.type redis needs an extra: pip install 'outlay[redis]'") from None
        self._timeout, self._error = timeout, redis.RedisError
        try:
            # One retry, for a connection that a server which was started anew no longer knows. A timeout is not tried
            # again. RESP 2, as a server before version 6 knows nothing else.
            retry = Retry(NoBackoff(), 1, (redis.ConnectionError,))
            waits = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": retry}
            self._client: Any = redis.Redis.from_url(url, protocol=2, **waits)
            pool = self._client.connection_pool
            pool.connection_class(**pool.connection_kwargs)  # connects to nothing, and tells of options that are none
            self.place = _plain(url)
        except (ValueError, TypeError):
            raise CacheError("cache.redis_url is no URL such as redis://:password@host:6379/0") from None

    def get(self, name: str) -> bytes | None:
        """The entry of this name."""
        with self._reported():
            found: bytes | None = self._client.get(_key(name))
            return found

    def put(self, name: str, entry: bytes, seconds: float) -> None:
        """Keep an entry; the server drops it when its time is over."""
        with self._reported():
            self._client.set(_key(name), entry, px=max(1, int(seconds * 1000)))

    def drop(self, name: str) -> None:
        """Keep nothing under this name."""
        with self._reported():
            self._client.delete(_key(name))

    def clear(self, kind: str | None = None) -> int:
        """Drop all entries, those of other formats too, or those of one kind; how many. Nothing else of the server."""
        with self._reported():
            pages = self._pages(f"{PREFIX}*:{kind or '*'}/*")
            return sum(self._client.unlink(*page) for page in pages if page)

    def sizes(self) -> dict[str, Size]:
        """How much is kept, by kind: the entries' own bytes."""
        found: dict[str, list[int]] = defaultdict(list)
        with self._reported():
            for page in self._pages(_key("*/*")):
                asked = self._client.pipeline(transaction=False)
                for key in page:
                    asked.strlen(key)
                for key, size in zip(page, asked.execute(), strict=True):
                    found[_kind(key)].append(size)
        return {kind: Size(len(each), sum(each)) for kind, each in sorted(found.items())}

    def _pages(self, pattern: str) -> Iterator[list[bytes]]:
        cursor = 0
        while True:
            cursor, page = self._client.scan(cursor, match=pattern, count=PAGE)
            yield page
            if not cursor:
                return

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (self._error, OSError) as error:
            raise CacheError(f"the cache at {self.place} does not work: {error}") from None


def _key(name: str) -> str:
    return f"{PREFIX}{FORMAT}:{name}"


def _kind(key: bytes) -> str:
    return key.decode().rpartition(":")[2].partition("/")[0]


def _plain(url: str) -> str:
    """The URL without user, password and options."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"
