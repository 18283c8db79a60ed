"""Answers kept as a whole: all of one age or none, no secret among them, none of work that failed."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.core.ledger import Tally
from outlay.sources import _recording
from outlay.sources._recording import Recording, recorded
from tests.sources.keeping import Keeping


class Provider:
    """Answers with the number of the question, and cannot be asked when it is down."""

    def __init__(self, body: bytes = b"") -> None:
        self.asked: list[str] = []
        self.body = body

    def ask(self, url: str) -> httpx2.Response:
        self.asked.append(url)
        headers = {"ETag": "e", "Next-Range": "n", "Set-Cookie": "hush=1", "RateLimit-Remaining": "7"}
        request = httpx2.Request("GET", f"https://provider{url}", headers={"Authorization": "Bearer hush"})
        body = self.body or f"{url} {len(self.asked)}".encode()
        return httpx2.Response(200, headers=headers, content=body, request=request)


def work(ledger: Tally, provider: Provider, *urls: str) -> list[bytes]:
    with recorded(ledger, "work") as recording:
        return [recording.answer(lambda url=url: provider.ask(url), "GET", url).content for url in urls]  # type: ignore[misc]


@pytest.fixture
def ledger() -> Keeping:
    return Keeping()


def test_the_same_work_gets_all_of_its_answers_again(ledger: Keeping) -> None:
    provider = Provider()
    first = work(ledger, provider, "/a", "/b")
    assert work(ledger, provider, "/b", "/a") == first[::-1]
    assert provider.asked == ["/a", "/b"]
    assert len(ledger.answers) == 1, "they are kept, and grow old, together"


def test_old_and_new_answers_are_not_kept_together(ledger: Keeping) -> None:
    provider = Provider()
    work(ledger, provider, "/a")
    work(ledger, provider, "/a", "/b")
    assert ledger.answers == {}
    work(ledger, provider, "/a", "/b")
    assert provider.asked == ["/a", "/b", "/a", "/b"]


def test_of_work_that_fails_nothing_is_kept_and_what_was_is_taken_back(ledger: Keeping) -> None:
    provider = Provider()

    def broken() -> Iterator[None]:
        with recorded(ledger, "work") as recording:
            recording.answer(lambda: provider.ask("/a"), "GET", "/a")
            raise ValueError("broken")
        yield

    with pytest.raises(ValueError, match="broken"):
        next(broken())
    assert ledger.answers == {}
    work(ledger, provider, "/a")
    with pytest.raises(ValueError, match="broken"):
        next(broken())
    assert ledger.answers == {}
    assert provider.asked == ["/a", "/a"]


def test_requests_are_told_apart_by_all_that_is_said_of_them() -> None:
    ledger, provider = Keeping(), Provider()
    requests = [("GET", "/a"), ("POST", "/a"), ("POST", "/a", {"q": 1}), ("POST", "/a", {"q": 2}), ("GET", "/a", None)]
    for _ in range(2):
        with recorded(ledger, "work") as recording:
            for method, url, *more in requests:
                recording.answer(lambda: provider.ask("/a"), str(method), str(url), *more)
    assert len(provider.asked) == len(requests)
    with recorded(ledger, "other work") as recording:
        assert not recording.is_replay


def test_an_answer_is_as_it_was_but_for_what_tells_of_the_moment_or_is_secret(ledger: Keeping) -> None:
    provider = Provider()
    work(ledger, provider, "/a")
    with recorded(ledger, "work") as recording:
        found = recording.answer(lambda: provider.ask("/a"), "GET", "/a")
    assert (found.status_code, found.content, found.request.url.path) == (200, b"/a 1", "/a")
    assert {name: found.headers.get(name) for name in ("etag", "next-range")} == {"etag": "e", "next-range": "n"}
    assert not {"set-cookie", "ratelimit-remaining"} & {*found.headers}
    assert b"hush" not in b"".join(ledger.answers.values()) + "".join(ledger.answers).encode()


@given(body=st.text(min_size=1))
def test_a_body_is_byte_for_byte_what_was_got(body: str) -> None:
    ledger, provider = Keeping(), Provider(body.encode(errors="surrogatepass"))
    first = work(ledger, provider, "/a")
    assert work(ledger, provider, "/a") == first
    is_text = body.encode(errors="replace") == provider.body
    assert len(provider.asked) == 1 if is_text else 2


def test_what_is_too_large_is_answered_and_not_kept(ledger: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_recording, "BYTES_MAX", 10)
    assert work(ledger, Provider(b"12345"), "/a", "/b") == [b"12345", b"12345"]
    assert len(ledger.answers) == 1
    ledger.answers.clear()
    assert work(ledger, Provider(b"12345"), "/a", "/b", "/c") == [b"12345"] * 3
    assert ledger.answers == {}


@pytest.mark.parametrize("kept", [b"{", b"[]", b'{"a": 1}', b'{"a": ["x", {}, ""]}', b"\xff", b"null"])
def test_what_is_no_recording_is_asked_for_anew(ledger: Keeping, kept: bytes) -> None:
    work(ledger, Provider(), "/a")
    [key] = ledger.answers
    ledger.answers[key] = kept
    provider = Provider()
    assert work(ledger, provider, "/a") == [b"/a 1"]
    assert provider.asked == ["/a"]


def test_a_ledger_without_a_cache_keeps_none() -> None:
    ledger, provider = Tally(), Provider()
    work(ledger, provider, "/a")
    work(ledger, provider, "/a")
    assert provider.asked == ["/a", "/a"]
    assert Recording().answer(lambda: provider.ask("/b"), "GET", "/b").content == b"/b 3"
