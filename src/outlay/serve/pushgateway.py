"""Metrics put on a Prometheus Pushgateway, for an Outlay that nobody can scrape."""

from __future__ import annotations

import re
import ssl
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote, unquote, urlsplit

from outlay.core.errors import OutlayError, UsageError

if TYPE_CHECKING:
    import httpx2

SAID = 300  # characters of what the gateway says in an error
TIMEOUT_SECONDS = 30.0
USERNAME, PASSWORD = "PUSHGATEWAY_USERNAME", "PUSHGATEWAY_PASSWORD"

_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_EXAMPLE = "such as https://push.example.com:9091"


class PushError(OutlayError):
    """A Pushgateway that cannot be reached, or did not take what we brought."""

    code: ClassVar[str] = "push"
    status: ClassVar[int] = 502


@dataclass(frozen=True, slots=True)
class Group:
    """All metrics that a Pushgateway keeps under one job and its grouping labels.

    `url` is the gateway's, without user and password, which are `login`.
    """

    url: str
    job: str = "outlay"
    grouping: Mapping[str, str] = field(default_factory=dict)
    login: tuple[str, str] | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        if not self.job:
            raise UsageError("--job is empty: a Pushgateway knows metrics by their job")
        if self.ca_file and not self.url.startswith("https:"):
            raise UsageError(f"--ca-file is about TLS, and {self.url} has none: is it https?")
        for name in self.grouping:
            if not _LABEL.fullmatch(name) or name == "job":
                raise UsageError(f"--grouping {name!r} is no label of a group; write it as team=core")

    def put(self, text: bytes) -> None:
        """Make `text` all there is in the group. Raises UsageError for a grouping label that `text` has, PushError."""
        for name in self.grouping:
            # The gateway would write its value over ours, and one series over another.
            if re.search(rb'[{,]%s="' % name.encode(), text):
                raise UsageError(f"--grouping {name}: the metrics have a label of that name themselves")
        self._ask("PUT", text)

    def delete(self) -> None:
        """Take the group away; harmless when it is not there. Raises PushError."""
        self._ask("DELETE")

    @property
    def path(self) -> str:
        """Where the group is below the gateway's address."""
        return "/".join(["metrics", *_segments({"job": self.job, **self.grouping})])

    def _ask(self, method: str, text: bytes | None = None) -> None:
        import httpx2

        try:
            with httpx2.Client(auth=self.login, verify=self._trust(), timeout=TIMEOUT_SECONDS) as client:
                headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"} if text is not None else {}
                answer = client.request(method, f"{self.url}/{self.path}", content=text, headers=headers)
        except httpx2.TimeoutException:
            raise PushError(f"{self.url}: no answer within {TIMEOUT_SECONDS:.0f} s") from None
        except httpx2.HTTPError as error:
            raise PushError(f"{self.url}: no answer: {error}") from None
        if answer.status_code not in {200, 202}:
            raise PushError(f"{self.url}: {self._refusal(method, answer)}")

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError):
            raise UsageError(f"--ca-file {self.ca_file} is no readable file of certificates (PEM)") from None

    def _refusal(self, method: str, answer: httpx2.Response) -> str:
        status = answer.status_code
        if status in {401, 403}:
            given = "refused this user and password" if self.login else "wants a user and a password"
            return f"it {given} ({status}); they are in the URL, or in {USERNAME} and {PASSWORD}"
        if status < 400:
            return f"it sends us elsewhere ({status}): name that address"
        if status in {404, 405, 501}:
            return f"no Pushgateway there: {method} /{self.path} answered {status}"
        words = " ".join(answer.text.split())
        for secret in filter(None, self.login or ()):
            words = words.replace(secret, "***")
        return f"it did not take the metrics ({status}). It says: {words[:SAID]}"


def address(url: str, environment: Mapping[str, str]) -> tuple[str, tuple[str, str] | None]:
    """A gateway's address without user and password, and these: from the URL, else from the environment.

    Raises UsageError, which does not repeat the URL, for what is none.
    """
    try:
        parts = urlsplit(url.strip())
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1)
    except ValueError:
        whole = False
    if not whole:
        raise UsageError(f"--pushgateway is no address of http or https, {_EXAMPLE}")
    if parts.query or parts.fragment or "/metrics/" in f"{parts.path}/":
        raise UsageError(f"--pushgateway is the gateway's address alone, {_EXAMPLE}; --job and --grouping say the rest")
    login = (unquote(parts.username or ""), unquote(parts.password or ""))
    if not any(login):
        login = (environment.get(USERNAME, ""), environment.get(PASSWORD, ""))
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}", login if any(login) else None


def _segments(labels: Mapping[str, str]) -> Iterator[str]:
    for name, value in labels.items():
        if "/" in value or not value.strip("."):  # what a path cannot hold as it is
            yield f"{name}@base64/{urlsafe_b64encode(value.encode()).decode().rstrip('=') or '='}"
        else:
            yield f"{name}/{quote(value, safe='')}"
