"""What one piece of work was answered, kept for a while as a whole: done again, it gets all of those answers, or none.

Answers kept one by one would grow old one by one, and an old one beside a new one makes a bill that never was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import httpx2

    from outlay.core.ports import Ledger

FORMAT = 1  # one more whenever what is kept is written in another way
BYTES_MAX = 16 * 2**20  # no cache keeps more
# What headers tell of an answer itself; others tell of the moment, as limits do, or are secrets, as cookies are.
HEADERS = ("content-type", "etag", "next-range")


class Answer(NamedTuple):
    """What is kept of one answer."""

    status: int
    headers: Mapping[str, str]
    body: str


class Recording:
    """The answers of one piece of work, for one thread; by itself it keeps none, see `recorded`."""

    def __init__(self, before: Mapping[str, Answer] | None = None) -> None:
        """`before`: the answers that the same work got a while ago."""
        self._before = before or {}
        self._new: dict[str, Answer] = {}
        self._bytes = 0

    def answer(self, ask: Callable[[], httpx2.Response], method: str, url: str, *more: Any) -> httpx2.Response:
        """The answer of before to a request; else the one that `ask` gets, which is remembered.

        `more` is all else that tells the request from others, as JSON: a body, a range; never a credential.
        Raises what `ask` does.
        """
        key = sha256(json.dumps([method, url, *more], sort_keys=True).encode()).hexdigest()
        if key in self._before:
            return _response(self._before[key], method, url)
        answer = ask()
        self._remember(key, answer)
        return answer

    @property
    def is_replay(self) -> bool:
        """Whether there are answers of before."""
        return bool(self._before)

    def body(self) -> bytes | None:
        """What to keep of the work that is done: None for nothing new; nothing at all of old and new together."""
        if not self._new or self._bytes > BYTES_MAX:
            return None
        if self._before:
            return b""
        return json.dumps(self._new, ensure_ascii=False).encode()

    def _remember(self, key: str, answer: httpx2.Response) -> None:
        self._bytes += len(answer.content)
        try:
            text = answer.content.decode()
        except UnicodeDecodeError:  # no JSON: whoever reads it is told
            self._bytes = BYTES_MAX + 1
        if self._bytes > BYTES_MAX:
            self._new = {}
        else:
            headers = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
            self._new[key] = Answer(answer.status_code, headers, text)


@contextmanager
def recorded(ledger: Ledger, *about: str) -> Iterator[Recording]:
    """The recording of the work that is done inside, which `about` tells from all other work of the same source.

    It is kept with `ledger` once the work is done; of work that fails, as when an answer is broken, nothing is kept.
    """
    key = json.dumps(["recording", FORMAT, *about])
    recording = Recording(_read(ledger.kept(key)))
    try:
        yield recording
    except BaseException:
        if recording.is_replay:
            ledger.keep(key, b"", briefly=True)
        raise
    body = recording.body()
    if body is not None:
        ledger.keep(key, body, briefly=True)


def _read(kept: bytes | None) -> dict[str, Answer]:
    """The answers; none where what is kept is something else."""
    try:
        found = json.loads(kept or b"{}")
        return {
            str(key): Answer(int(status), dict(headers), str(body)) for key, (status, headers, body) in found.items()
        }
    except (AttributeError, TypeError, ValueError):
        return {}


def _response(answer: Answer, method: str, url: str) -> httpx2.Response:
    import httpx2

    return httpx2.Response(
        answer.status, headers=answer.headers, content=answer.body.encode(), request=httpx2.Request(method, url)
    )
