"""Asking BigQuery: attempts that are counted and bounded, and Google's errors as ours."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from outlay.core.errors import (
    AuthError,
    BillError,
    NotFoundError,
    OutlayError,
    SourceError,
    SpendError,
    ThrottledError,
    UnreachableError,
)
from outlay.core.ports import Ledger
from outlay.sources._http import SAID, WAIT_SECONDS_MAX, retry_after

Answer = TypeVar("Answer")

# What BigQuery calls too many requests, though the status may be 403.
THROTTLED = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "jobRateLimitExceeded", "quotaExceeded"})
TRANSIENT = frozenset({408, 500, 502, 503, 504})
FREE = Decimal(0)
PAGES_MAX = 100_000

VIEWER = "roles/bigquery.dataViewer on the dataset"
NEEDS = {
    "datasets.get": VIEWER,
    "tables.list": VIEWER,
    "tables.get": VIEWER,
    "jobs.insert": f"roles/bigquery.jobUser on the project that asks, and {VIEWER}",
}
LOST = {
    "datasets.get": "check dataset and project_id: there is no such dataset",
    "tables.get": "check table: the dataset has no such table",
    "jobs.insert": "leave `location` out, as the dataset tells it, and check that the table is still there",
}
ALIEN = "is not what BigQuery answers: cut short, or something else answers in its place"


@dataclass(frozen=True)
class Asking:
    """How one source asks.

    `place`     what errors call it
    `account`   the project that asks, which is billed
    `attempts`  per request, the first one included
    """

    place: str
    account: str
    ledger: Ledger
    attempts: int

    def tries(self, operation: str, usd: Decimal = FREE) -> Any:
        """What Google's client takes as `retry`; `usd` is booked once, as BigQuery bills a job once."""
        return Tries(self, operation, usd)

    @contextmanager
    def plainly(self, operation: str) -> Iterator[None]:
        """Turns what Google's client raises into our errors."""
        try:
            yield
        except (OutlayError, GeneratorExit):
            raise
        except Exception as error:
            raise self.told(operation, error) from None

    def pages(self, iterator: Any, operation: str) -> Iterator[Any]:
        """The pages of an iterator of Google's. Raises UnreachableError when they go round, or never end."""
        seen: set[str] = set()
        for page in self._each(iterator, operation):
            yield page
            token = iterator.next_page_token
            if token in seen or len(seen) == PAGES_MAX:
                circle = "go round in a circle" if token in seen else "do not end"
                raise UnreachableError(f"{self.place}: {operation}: stopped after {len(seen)} pages, as they {circle}")
            seen.add(token)

    def _each(self, iterator: Any, operation: str) -> Iterator[Any]:
        with self.plainly(operation):
            pages = iter(iterator.pages)
        while True:
            with self.plainly(operation):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def told(self, operation: str, error: Exception) -> SourceError:
        """Our error for one of Google's, or of what it is made of."""
        from google.api_core.exceptions import GoogleAPICallError
        from google.auth.exceptions import GoogleAuthError, TransportError
        from requests.exceptions import JSONDecodeError

        place = f"{self.place}: {operation}"
        if isinstance(error, GoogleAPICallError):
            return self._refused(place, operation, error)
        if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
            return AuthError(f"{place}: Google does not accept the credentials; renew them. {_said(error)}")
        if isinstance(error, JSONDecodeError):
            return UnreachableError(f"{place}: the answer {ALIEN}, tried {self.attempts} times")
        if isinstance(error, TransportError | OSError):
            return UnreachableError(f"{place}: no whole answer ({type(error).__name__}), tried {self.attempts} times")
        return BillError(f"{place}: the answer {ALIEN} ({type(error).__name__})")

    def _refused(self, place: str, operation: str, error: Any) -> SourceError:
        status, reasons, said = int(error.code or 0), _reasons(error), _said(error)
        if status == 429 or reasons & THROTTLED:
            wait = retry_after(_headers(error))
            later = f"; it asks to wait {wait:.0f} s" if wait is not None else ""
            return ThrottledError(f"{place}: too many requests, tried {self.attempts} times at most{later}. {said}")
        if "bytesBilledLimitExceeded" in reasons:
            return SpendError(f"{place}: the table grew beyond what its dry run told; nothing was read or billed")
        if status in {401, 403}:
            return AuthError(f"{place} is denied; {self._missing(status, operation, reasons, said)}. {said}")
        if status == 404:
            return NotFoundError(f"{place}: not found; {LOST.get(operation, LOST['jobs.insert'])}. {said}")
        if status in TRANSIENT:
            return UnreachableError(f"{place} answered {status}, tried {self.attempts} times at most. {said}")
        return SourceError(f"{place} failed with {status}. {said}")

    def _missing(self, status: int, operation: str, reasons: set[str], said: str) -> str:
        """What to do about a refusal."""
        if status == 401:
            return "Google does not accept the credentials: renew them"
        if "accessNotConfigured" in reasons or "SERVICE_DISABLED" in said:
            return f"enable the BigQuery API in project {self.account}"
        if "billingNotEnabled" in reasons:
            return f"project {self.account} needs a billing account to query"
        return f"it takes {NEEDS.get(operation, NEEDS['jobs.insert'])}"


class Tries:
    """Wraps one call of Google's client: some attempts with pauses, each of them booked before it is made."""

    def __init__(self, asking: Asking, operation: str, usd: Decimal) -> None:
        self._asking = asking
        self._operation = operation
        self._usd = usd

    def __call__(self, call: Callable[[], Answer]) -> Callable[[], Answer]:
        """The same call, tried several times. Raises SourceError; what asking again cannot help stays as it is."""
        return lambda: self._tried(call)

    def _tried(self, call: Callable[[], Answer]) -> Answer:
        attempts = self._asking.attempts
        for attempt in range(1, attempts + 1):
            usd, self._usd = self._usd, FREE
            self._asking.ledger.pay(self._operation, usd, self._asking.account)
            try:
                return call()
            except Exception as error:
                if not _is_passing(error):
                    raise
                wait = retry_after(_headers(error))
                if attempt == attempts or (wait or 0.0) > WAIT_SECONDS_MAX:
                    raise self._asking.told(self._operation, error) from None
            backoff = random.uniform(0.5, 1.0) * min(2.0 ** (attempt - 1), 30.0)  # noqa: S311 - jitter
            time.sleep(backoff if wait is None else wait + backoff / 10)
        raise AssertionError("unreachable")


def _is_passing(error: Exception) -> bool:
    """Whether asking again may help."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import TransportError
    from requests.exceptions import RequestException

    if isinstance(error, GoogleAPICallError):
        return error.code in TRANSIENT or error.code == 429 or bool(_reasons(error) & THROTTLED)
    return isinstance(error, RequestException | TransportError)


def _reasons(error: Any) -> set[str]:
    return {str(each.get("reason")) for each in error.errors or () if isinstance(each, dict)}


def _headers(error: Any) -> Any:
    return getattr(getattr(error, "response", None), "headers", {})


def _said(error: Any) -> str:
    """What Google says, in one line, without the address that was asked and what belongs to its support."""
    words = str(getattr(error, "message", "") or error).split("\n\nLocation:")[0].partition("; reason:")[0]
    if words.startswith(("GET http", "POST http")):
        words = words.partition(": ")[2]
    return f"It says: {' '.join(words.split())[:SAID]}" if words else ""
