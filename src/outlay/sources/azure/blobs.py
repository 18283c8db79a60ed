"""The blobs of one container: listed, and read by ranges, each request tried as often as the settings say."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from outlay.core.errors import NotFoundError, SourceError, UnreachableError
from outlay.sources._bills.bills import Bill
from outlay.sources._http import RETRIED, WAIT_SECONDS_MAX, retry_after
from outlay.sources.azure._login import token_of
from outlay.sources.azure.access import Access, code_of

SCHEME = "az"
RESOURCE = "https://storage.azure.com"  # what a token is for; the same in every cloud
PAGES_MAX = 2000  # of a listing, 5000 blobs each

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Blob:
    """One blob as it was listed. Whatever is read of it later is of that very version."""

    name: str
    size: int
    etag: str
    modified: datetime


class Blobs:
    """A container, as the fsspec file system that reading bills takes: `cat_file`, `info` and `modified`.

    `failure` is what the last request that failed met: readers in between tell their own story of it.
    """

    protocol = SCHEME

    def __init__(self, access: Access, endpoint_url: str, container: str) -> None:
        """`endpoint_url` is the storage account's; unused where the connection string says it."""
        self._access, self._endpoint_url, self._container = access, endpoint_url, container
        self._known: dict[str, Blob] = {}
        self.place = f"{access.name}: container {container}"
        self.failure: SourceError | None = None

    def listed(self, prefix: str) -> list[Blob]:
        """Every blob whose name starts with `prefix`. Raises SourceError, also when the pages do not end."""
        found = [blob for page in self._pages(prefix) for blob in page]
        self._known |= {blob.name: blob for blob in found}
        return found

    def bill(self, blob: Blob, version: str = "") -> Bill:
        """The blob as a bill; `version` is what else tells it from the next."""
        return Bill(self.url(blob.name), blob.size, f"{blob.etag} {version}".strip(), self)

    def url(self, name: str) -> str:
        return f"{SCHEME}://{self._container}/{name}"

    def read(self, blob: Blob, start: int = 0, end: int | None = None) -> bytes:
        """The bytes from `start` until `end` (exclusive) of a blob. Raises SourceError when it has changed since."""
        from azure.core import MatchConditions

        length = (blob.size if end is None else min(end, blob.size)) - start
        if length <= 0:
            return b""

        def asked(client: Any) -> bytes:
            stream = client.download_blob(
                blob.name, start, length, etag=blob.etag, match_condition=MatchConditions.IfNotModified
            )
            data: bytes = stream.readall()
            if len(data) != length:
                raise UnreachableError(f"{self.url(blob.name)}: {len(data)} bytes where {length} were asked for")
            return data

        return self._tried(asked, self.url(blob.name))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes of a range of a file, as fsspec wants it."""
        return self.read(self._blob(path), start or 0, end)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """What was listed of a file, as fsspec wants it."""
        blob = self._blob(path)
        return {"name": path, "type": "file", "size": blob.size, "last_modified": blob.modified, "e_tag": blob.etag}

    def modified(self, path: str) -> datetime:
        """When a file was last written."""
        return self._blob(path).modified

    def _blob(self, path: str) -> Blob:
        name = path.removeprefix(f"{SCHEME}://").removeprefix(f"{self._container}/")
        if name not in self._known:
            raise FileNotFoundError(path)
        return self._known[name]

    @cached_property
    def _client(self) -> Any:
        """The ContainerClient. It does not retry: we do, for what it would not (429), and as long as is asked."""
        access = self._access
        try:
            from azure.storage.blob import ContainerClient
        except ImportError:
            raise access.no_extra("azure-storage-blob") from None
        options = access.transport() | {"retry_total": 0}
        if access.connection_string is not None:
            text = access.connection_string.get_secret_value()
            try:
                return ContainerClient.from_connection_string(text, self._container, **options)
            except ValueError:  # whose words may quote the key
                raise SourceError(f"{access.name}: connection_string is none of a storage account") from None
        sas = access.sas_token and access.sas_token.get_secret_value().lstrip("?")
        if not sas:
            token_of(access.identity, RESOURCE, access)  # which tells what is wrong better than the first request
        try:
            return ContainerClient(self._endpoint_url, self._container, credential=sas or access.identity, **options)
        except ValueError as error:  # no https, mostly
            raise SourceError(f"{access.name}: {self._endpoint_url}: {error}") from None

    def _pages(self, prefix: str) -> Iterator[list[Blob]]:
        place = f"{self.place}, listing {prefix or 'all of it'}"
        pages = self._tried(lambda client: client.list_blobs(name_starts_with=prefix or None).by_page(), place)
        tokens: set[str] = set()
        while True:
            page = self._tried(lambda _: [_blob(each) for each in next(pages, ())], place)
            yield page
            token = pages.continuation_token
            if not token:
                return
            if token in tokens or len(tokens) == PAGES_MAX:
                raise SourceError(f"{place}: stopped after {len(tokens) + 1} pages, as they do not end")
            tokens.add(token)

    def _tried(self, call: Callable[[Any], T], place: str) -> T:
        """What `call` makes of the client, tried until it does or there is no use. Raises SourceError."""
        client = self._client
        from azure.core.exceptions import AzureError

        for attempt in range(1, self._access.attempts + 1):
            try:
                return call(client)
            except (AzureError, SourceError) as error:
                wait = _seconds(error, attempt)
                if attempt == self._access.attempts or wait is None:
                    self.failure = self._told(error, place)
                    raise self.failure from None
                time.sleep(wait)
        raise AssertionError("unreachable")

    def _told(self, error: Any, place: str) -> SourceError:
        if isinstance(error, SourceError):
            return error
        if code_of(error) == "ContainerNotFound":
            return NotFoundError(f"{self.place}: there is none of this name; check export.container")
        if getattr(error, "status_code", None) == 412:
            return UnreachableError(
                f"{place}: written anew or removed while it was read; the next collection reads it whole"
            )
        return self._access.plain(error, place)


def _seconds(error: Any, attempt: int) -> float | None:
    """How long to wait before the next attempt; None where there is no use in one, or the wait is too long."""
    from azure.core.exceptions import ClientAuthenticationError, DecodeError

    if isinstance(error, ClientAuthenticationError | SourceError) and not isinstance(error, UnreachableError):
        return None
    status = getattr(error, "status_code", None)
    if status not in {None, *RETRIED} and not isinstance(error, DecodeError):
        return None
    response = getattr(error, "response", None)
    asked = None if response is None else retry_after(response.headers)
    if asked is not None:
        return asked if asked <= WAIT_SECONDS_MAX else None
    return random.uniform(0.5, 1.0) * min(2.0 ** (attempt - 1), 30.0)  # noqa: S311 - jitter


def _blob(listed: Any) -> Blob:
    return Blob(listed.name, listed.size, str(listed.etag).strip('"'), listed.last_modified)
