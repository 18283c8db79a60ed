"""One bucket of OCI's Object Storage: listed, and its objects downloaded.

Whole, not read by ranges: a packed CSV is read from its start to its end anyway, and a download can be tried again,
held to its length and checksum, and to the version that was listed, before a single line of it is believed.
"""

from __future__ import annotations

import base64
import hashlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from outlay.core.errors import AuthError, NotFoundError, SourceError, ThrottledError, UnreachableError
from outlay.sources._http import WAIT_SECONDS_MAX, retry_after

PAGE_OBJECTS = 1000
PAGES_MAX = 1000  # a year of reports is some ten
CHUNK_BYTES = 1 << 20
SAID = 300  # characters of what OCI says in an error
RETRIED = frozenset({408, 429, 500, 502, 503, 504})
FIELDS = "name,size,etag,md5,timeCreated"

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Item:
    """An object of the bucket: its name, size in bytes, entity tag, and when it was put there."""

    name: str
    size: int
    etag: str
    created: datetime | None


@dataclass(kw_only=True)
class Storage:
    """A bucket.

    `place`     what errors call it
    `needs`     what to do about a refusal, as the end of a sentence
    `attempts`  per request, the first one included
    `before`    called with the operation's name before every attempt: the place to book it
    """

    place: str
    client: Any
    namespace: str
    bucket: str
    needs: str
    attempts: int
    before: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep

    def objects(self, prefix: str) -> list[Item]:
        """Every object whose name starts so, by name. Raises the errors of `_fault`."""
        items = [item for page in self._pages(prefix) for item in page]
        if len({item.name for item in items}) < len(items):
            raise SourceError(f"{self.place}: the list of objects at {prefix!r} names one twice")
        return sorted(items, key=lambda item: item.name)

    def download(self, item: Item, target: Path) -> None:
        """The whole object as a file: this very version, its length and checksum compared."""
        self._tried("GetObject", item.name, lambda: self._downloaded(item, target))

    def touch(self, item: Item) -> None:
        """Read one byte of an object: proof that objects can be read."""
        self._tried("GetObject", item.name, lambda: self._got(item, range="bytes=0-0").content)

    def _pages(self, prefix: str) -> Iterator[list[Item]]:
        start, asked = None, 0
        while True:
            items, following = self._tried("ListObjects", prefix, partial(self._page, prefix, start))
            asked += 1
            yield items
            if not following:
                return
            if (start and following <= start) or asked == PAGES_MAX:
                raise SourceError(f"{self.place}: stopped after {asked} pages of {prefix!r}, which do not end")
            start = following

    def _page(self, prefix: str, start: str | None) -> tuple[list[Item], str | None]:
        named = {"prefix": prefix, "fields": FIELDS, "limit": PAGE_OBJECTS, **({"start": start} if start else {})}
        answer = self.client.list_objects(self.namespace, self.bucket, **named).data
        if answer.objects is None:
            raise ValueError("no list of objects")
        items = [Item(each.name, int(each.size), each.etag, each.time_created) for each in answer.objects]
        if not all(item.name and item.etag for item in items):
            raise ValueError("objects without a name or an etag")
        return items, answer.next_start_with

    def _got(self, item: Item, **more: str) -> Any:
        return self.client.get_object(self.namespace, self.bucket, item.name, if_match=item.etag, **more).data

    def _downloaded(self, item: Item, target: Path) -> None:
        answer, digest, size = self._got(item), hashlib.md5(usedforsecurity=False), 0
        with target.open("wb") as file:
            for chunk in answer.raw.stream(CHUNK_BYTES, decode_content=False):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        if size != item.size:
            raise ConnectionError(f"cut after {size} of {item.size} bytes")
        told = answer.headers.get("content-md5")  # left out for what was uploaded in parts
        if told and told != base64.b64encode(digest.digest()).decode():
            raise ConnectionError("the checksum differs")

    def _tried(self, operation: str, what: str, call: Callable[[], Answer]) -> Answer:
        for attempt in range(1, self.attempts + 1):
            self.before(operation)
            try:
                return call()
            except Exception as error:  # the SDK lets through what its libraries raise
                status = getattr(error, "status", None)
                asked = retry_after(getattr(error, "headers", None) or {}) or 0.0
                final = status is not None and status not in RETRIED
                if final or attempt == self.attempts or asked > WAIT_SECONDS_MAX:
                    raise self._fault(operation, what, error, asked) from None
            backoff = random.uniform(0.5, 1.0) * min(2.0 ** (attempt - 1), 30.0)  # noqa: S311 - jitter
            self.sleep(asked + backoff / 10 if asked else backoff)
        raise AssertionError("unreachable")

    def _fault(self, operation: str, what: str, error: Any, asked: float) -> SourceError:
        status, place = getattr(error, "status", None), f"{self.place}: {operation} {what}"
        if status is None:
            return UnreachableError(f"{place} failed {self.attempts} times, at last by {_reason(error)}")
        words = f"OCI says: {error.code}: {' '.join(str(error.message).split())[:SAID]}"
        if status == 429:
            later = f"; it asks to wait {asked:.0f} s" if asked else ""
            return ThrottledError(f"{place} was refused as too many requests, tried {self.attempts} times{later}")
        if status in RETRIED:
            return UnreachableError(f"{place} answered {status}, tried {self.attempts} times. {words}")
        return self._refusal(status, operation, f"{place}: ", words)

    def _refusal(self, status: int, operation: str, place: str, words: str) -> SourceError:
        told: dict[int, tuple[type[SourceError], str]] = {
            401: (
                AuthError,
                "OCI does not accept the credentials; check that the public key of this fingerprint is one of this"
                " user's API keys, that the user is of this tenancy, and the clock of this machine",
            ),
            403: (AuthError, f"denied; {self.needs}"),
            404: (NotFoundError, f"the object is gone, or we may not read it; {self.needs}"),
            412: (SourceError, "the object changed while it was read; collect again"),
        }
        if operation == "ListObjects":
            # OCI answers so, too, where the bucket is there and we may not know it.
            gone = f"no bucket {self.bucket} in the namespace {self.namespace}, or none we may see"
            home = "the region has to be the tenancy's home region"
            told[404] = (NotFoundError, f"{gone}; {home}, and {self.needs}")
        kind, words_of_ours = told.get(status, (SourceError, f"failed with {status}"))
        return kind(f"{place}{words_of_ours}. {words}")


def _reason(error: Exception) -> str:
    """The innermost of an error's causes, by its kind and, where they are ours, its words."""
    ours = isinstance(error, ConnectionError | ValueError) and len(str(error)) <= 80
    return f"{type(error).__name__}: {error}" if ours else type(error).__name__
