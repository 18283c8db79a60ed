"""apprise URLs over a real HTTP server: delivery, refusals in words, and nothing of the URL in an error or a log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from outlay.core.errors import NotifyError
from outlay.notify.urls import Urls
from tests.notify.messages import ODD, USUAL
from tests.notify.sink import Reply, Sink

# apprise imports it where Python still has it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@contextmanager
def served(*replies: Reply) -> Iterator[tuple[Sink, Urls]]:
    sink = Sink(*replies)
    host = sink.url.partition("://")[2]
    try:
        yield sink, Urls.model_validate({"name": "json", "url": f"json://user:s3cr3t@{host}/t0k3n?+X-Key=hush-hush"})
    finally:
        sink.close()


def test_a_message_is_handed_over() -> None:
    with served() as (sink, channel):
        channel.send(USUAL)
    post = sink.posts[0]
    assert post.headers["x-key"] == "hush-hush"
    assert post.json["title"] == "🔴 2,310.45 USD on aws on 20 October, limit 2,000"
    assert post.json["type"] == "failure"
    assert post.json["message"].startswith("aws cost 2,310.45 USD on 20 October")
    assert "https://costs.example.com/?provider=aws&days=30" in post.json["message"]


@pytest.mark.parametrize(
    ("replies", "tries", "said"),
    [
        ([Reply(401, b"s3cr3t is wrong")], 1, r"json: the service behind json:// refused the message \(401\)"),
        ([Reply(500), Reply(500)], 2, "json: the service behind json:// answered 500"),
        ([Reply(cut=True), Reply(cut=True)], 2, "json: the service behind json:// cannot be reached, or did not take"),
        ([Reply(302, headers={"Location": "/other"})] * 2, 2, "json: the service behind json:// answered 302"),
    ],
    ids=["401", "500", "cut", "redirect"],
)
def test_faults_are_told_without_secrets(
    replies: list[Reply], tries: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        served(*replies) as (sink, channel),
        pytest.raises(NotifyError, match=said) as e,
    ):
        channel.send(ODD)
    told = f"{e.value} {channel!r} {caplog.text}"
    assert not any(secret in told for secret in ("s3cr3t", "t0k3n", "hush-hush"))
    assert len(sink.posts) == tries


def test_a_fault_that_passes_is_tried_once_more() -> None:
    with served(Reply(503)) as (sink, channel):
        channel.send(USUAL)
    assert len(sink.posts) == 2


@pytest.mark.parametrize("url", ["nonsense://s3cr3t", "tgram://s3cr3t"])
def test_a_url_that_apprise_cannot_read(url: str, caplog: pytest.LogCaptureFixture) -> None:
    channel = Urls.model_validate({"name": "x", "url": url})
    with caplog.at_level(logging.DEBUG), pytest.raises(NotifyError, match="apprise does not know") as caught:
        channel.send(USUAL)
    assert "s3cr3t" not in f"{caught.value} {caplog.text}"


def test_logs_of_others_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    with served() as (_, channel):
        channel.send(USUAL)
    logging.getLogger("apprise").warning("somebody else's")
    assert "somebody else's" in caplog.text


def test_without_apprise_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(NotifyError, match=r"pip install 'outlay\[notify\]'"):
        Urls.model_validate({"name": "x", "url": "json://localhost"}).send(USUAL)
