"""A provider's HTTP API: retries that obey what it says, and errors a person can act on."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from outlay.core.errors import AuthError, NotFoundError, SourceError, ThrottledError, UnreachableError

if TYPE_CHECKING:
    import httpx2

SAID = 300  # characters of what a provider says in an error
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
WAIT_SECONDS_MAX = 300.0  # longer than that is for the next collection

Params = Mapping[str, str]


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds to wait that an answer asks for: `Retry-After` as seconds or as a date, None if it does not."""
    return seconds(headers.get("retry-after"))


def seconds(said: str | None) -> float | None:
    """The seconds that a header tells, as a number or as a date; None for neither."""
    if said is None:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        due = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (due.replace(tzinfo=due.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


@dataclass(kw_only=True)
class Http:
    """One API. Safe for many threads.

    `place`     what errors call it, such as `heroku: the Platform API`
    `attempts`  per request, the first one included
    `timeout`   seconds without a byte after which an attempt has failed
    `needs`     what to do about a refusal (401, 403), as the end of a sentence
    `wait`      the seconds that an answer's headers ask for
    `before`    called before every attempt: the place to book it
    `secrets`   what no error may hold, should a provider say it back to us
    """

    place: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    attempts: int = 3
    timeout: float = 60.0
    needs: str = "check the credentials"
    wait: Callable[[Mapping[str, str]], float | None] = retry_after
    before: Callable[[], None] = lambda: None
    sleep: Callable[[float], None] = time.sleep
    verify: Any = True
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def ask(
        self,
        method: str,
        url: str,
        *,
        params: Params | None = None,
        headers: Params | None = None,
        json: Any = None,
    ) -> httpx2.Response:
        """A whole answer with a status below 400. Redirects are answers too: they are not followed.

        `url` is below `base_url`, or whole (a next page). Raises AuthError (401, 403), NotFoundError (404),
        ThrottledError (429 as often as we try), UnreachableError (no whole answer as often), SourceError.
        """
        for attempt in range(1, self.attempts + 1):
            self.before()
            answer = self._once(method, url, {"params": params, "headers": headers, "json": json})
            if not isinstance(answer, Exception) and answer.status_code not in RETRIED:
                return self._judged(method, answer)
            asked = None if isinstance(answer, Exception) else self.wait(answer.headers)
            if attempt == self.attempts or (asked or 0.0) > WAIT_SECONDS_MAX:
                raise self._given_up(method, url, answer, asked)
            backoff = random.uniform(0.5, 1.0) * min(2.0 ** (attempt - 1), 30.0)  # noqa: S311 - jitter
            self.sleep(backoff if asked is None else asked + backoff / 10)
        raise AssertionError("unreachable")

    def json(self, method: str, url: str, **named: Any) -> Any:
        """The JSON of an answer. Raises what `ask` does, and SourceError for a body that is none."""
        return self.parsed(self.ask(method, url, **named))

    def parsed(self, answer: httpx2.Response) -> Any:
        """The JSON of an answer, its numbers as Decimal. Raises SourceError for a body that is none."""
        import json as text
        from decimal import Decimal

        try:
            return text.loads(answer.content, parse_float=Decimal)
        except (ValueError, RecursionError):
            kind = answer.headers.get("content-type", "no content type")
            raise SourceError(f"{self.place}: the answer to {_path(answer)} is cut short or no JSON ({kind})") from None

    def close(self) -> None:
        """Let go of the connections; the next question makes new ones."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    def _once(self, method: str, url: str, named: Mapping[str, Any]) -> httpx2.Response | Exception:
        import httpx2

        host = httpx2.URL(url).host
        if host and host != httpx2.URL(self.base_url).host:
            raise SourceError(f"{self.place}: sends us to another host, {host}; the credentials are not for that one")
        try:
            return self._client.request(
                method, url, **{key: value for key, value in named.items() if value is not None}
            )
        except httpx2.HTTPError as error:
            return error

    @cached_property
    def _client(self) -> httpx2.Client:
        """Made at the first call, as making one reads all certificates; kept, as a connection is dear."""
        import httpx2

        return httpx2.Client(
            base_url=self.base_url, headers=dict(self.headers), timeout=self.timeout, verify=self.verify
        )

    def _judged(self, method: str, answer: httpx2.Response) -> httpx2.Response:
        status = answer.status_code
        if status < 400:
            return answer
        told = f"{self.place}: {method} {_path(answer)} answered {status}"
        if status in {401, 403}:
            raise AuthError(f"{told}; {self.needs}.{self._said(answer)}")
        if status == 404:
            raise NotFoundError(f"{told}, not found.{self._said(answer)}")
        raise SourceError(f"{told}.{self._said(answer)}")

    def _given_up(self, method: str, url: str, last: httpx2.Response | Exception, asked: float | None) -> SourceError:
        if isinstance(last, Exception):
            reason = f"{type(last).__name__}: {last}".rstrip(": ")
            path = url.partition("?")[0]
            return UnreachableError(f"{self.place}: {method} {path} failed {self.attempts} times, at last by {reason}")
        told = f"{self.place}: {method} {_path(last)}"
        if last.status_code == 429:
            later = f"; it asks to wait {asked:.0f} s" if asked is not None else ""
            return ThrottledError(
                f"{told} was refused as too many requests, tried {self.attempts} times at most{later}"
            )
        return UnreachableError(f"{told} answered {last.status_code}, tried {self.attempts} times.{self._said(last)}")

    def _said(self, answer: httpx2.Response) -> str:
        """What the provider says, in one line: the message of a JSON error, else the start of the text."""
        found: Any = None
        try:
            found = answer.json()
        except (ValueError, RecursionError):
            found = "" if "html" in answer.headers.get("content-type", "") else answer.text
        if isinstance(found, dict):
            inner = found.get("error", found)
            found = inner.get("message", inner) if isinstance(inner, dict) else found.get("error_description", inner)
        words = " ".join(str(found or "").split())
        for secret in filter(None, self.secrets):
            words = words.replace(secret, "***")
        return f" It says: {words[:SAID]}" if words else ""


def _path(answer: httpx2.Response) -> str:
    return str(answer.request.url.path)
