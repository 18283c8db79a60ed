"""Webhooks over a real HTTP server: what is sent and signed, faults in words, and no secret in any of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from outlay.core.errors import NotifyError
from outlay.notify.webhook import Webhook
from tests.clouds.tls import Tls
from tests.notify.messages import AT, BARE, ODD, USUAL
from tests.notify.sink import Reply, Sink

PATH = "/services/T0000000/B0000000/s3cr3ts3cr3t?token=t0k3nt0k3n"
KEY = "whsec_" + base64.b64encode(b"a key of thirty-two bytes, about").decode()


@contextmanager
def served(*replies: Reply, **how: Any) -> Iterator[tuple[Sink, Webhook]]:
    sink = Sink(*replies)
    settings: dict[str, Any] = {"url": sink.url + PATH, "allow_private": True, "timeout": 5}
    try:
        yield sink, Webhook.model_validate(settings | how)
    finally:
        sink.close()


def failing(*replies: Reply, **how: Any) -> tuple[str, int]:
    """What is told, and how often it was tried."""
    with served(*replies, **how) as (sink, webhook), pytest.raises(NotifyError) as caught:
        webhook.send(USUAL)
    told = str(caught.value)
    trace = "".join(traceback.format_exception(caught.value))
    assert not any(secret in f"{told} {webhook!r} {trace}" for secret in ("s3cr3t", "t0k3n", "T0000000", "hush-hush"))
    return told, len(sink.posts)


def test_the_whole_message_is_posted_as_json() -> None:
    with served(headers={"Authorization": "Bearer hush-hush"}) as (sink, webhook):
        webhook.send(USUAL)
    post = sink.posts[0]
    assert post.path == PATH
    assert post.headers["authorization"] == "Bearer hush-hush"
    assert post.headers["content-type"] == "application/json; charset=utf-8"
    assert post.json["title"] == USUAL.title
    assert post.json["at"] == "2026-10-21T06:04:00+00:00"
    assert post.json["series"][-1] == {"date": "2026-10-20", "cost": "2310.45"}
    assert post.json["facts"][0] == {"name": "Provider", "value": "aws"}
    assert post.json["id"] == post.headers["webhook-id"] == post.headers["idempotency-key"]


@pytest.mark.parametrize(
    ("secret", "key"), [(KEY, b"a key of thirty-two bytes, about"), ("plain words", b"plain words")]
)
def test_the_signature_is_the_standard_one(secret: str, key: bytes) -> None:
    with served(secret=secret) as (sink, webhook):
        webhook.send(ODD)
    post = sink.posts[0]
    signed = b".".join([post.headers["webhook-id"].encode(), post.headers["webhook-timestamp"].encode(), post.body])
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert post.headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(post.headers["webhook-timestamp"]) - time.time()) < 60


def test_attempts_at_one_message_have_one_id_and_other_messages_others() -> None:
    with served(Reply(500)) as (sink, webhook):
        webhook.send(USUAL)
        for other in (replace(USUAL, severity="resolved"), replace(USUAL, at=AT + timedelta(hours=1)), BARE):
            webhook.send(other)
    ids = [post.headers["webhook-id"] for post in sink.posts]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    "reply", [Reply(500), Reply(503), Reply(429), Reply(cut=True)], ids=["500", "503", "429", "cut"]
)
def test_what_passes_is_tried_once_more(reply: Reply, waits: list[float]) -> None:
    with served(reply) as (sink, webhook):
        webhook.send(USUAL)
    assert len(sink.posts) == 2
    assert waits == [1.0]
    told, tries = failing(reply, reply)
    assert tries == 2
    assert told.startswith("webhook: ")


def test_retry_after_is_waited_for_unless_it_is_long(waits: list[float]) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=8), usegmt=True)
    for asked in ("3", soon, "no time at all"):
        with served(Reply(429, headers={"Retry-After": asked})) as (_, webhook):
            webhook.send(USUAL)
    assert waits[0] == 3.0
    assert 5 < waits[1] <= 8
    assert waits[2] == 1.0
    told, tries = failing(Reply(429, b"slow down", {"Retry-After": "60"}))
    assert (tries, told) == (1, "webhook: 127.0.0.1 answered 429: slow down")


def test_a_refusal_is_told_in_the_servers_words_but_for_secrets() -> None:
    told, tries = failing(
        Reply(404, f"no_service at {PATH} for Bearer hush-hush".encode()), headers={"X-Key": "hush-hush"}
    )
    assert (tries, told) == (1, "webhook: 127.0.0.1 answered 404: no_service at *** for Bearer ***")
    told, _ = failing(Reply(400, b"<html>hello</html>", {"Content-Type": "text/html"}))
    assert told == "webhook: 127.0.0.1 answered 400"
    told, _ = failing(Reply(400, b"x" * 100_000))
    assert len(told) < 300


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(drip=True)], ids=["hang", "drip"])
def test_an_answer_that_does_not_come_is_told(reply: Reply) -> None:
    told, tries = failing(reply, reply, timeout=0.2)
    assert (tries, told) == (2, "webhook: 127.0.0.1 did not answer within 0.2 s")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with served() as (elsewhere, _):
        for target in ("http://169.254.169.254/latest/meta-data/", elsewhere.url):
            told, tries = failing(Reply(status, headers={"Location": target}))
            assert tries == 1
            assert told == (
                f"webhook: 127.0.0.1 answered {status}, a redirect; none is followed: name the last address as url"
            )
        assert elsewhere.posts == []


def test_certificates_and_names_are_checked(tls: Tls) -> None:
    sink = Sink(cert=tls.cert)
    try:
        trusting = Webhook.model_validate({"url": sink.url, "allow_private": True, "ca_file": str(tls.ca)})
        trusting.send(USUAL)
        with pytest.raises(NotifyError, match=r"webhook: the certificate of 127\.0\.0\.1 is not valid"):
            trusting.model_copy(update={"ca_file": None}).send(USUAL)
        with pytest.raises(NotifyError, match=r"webhook: ca_file /none\.pem cannot be used: No such file"):
            trusting.model_copy(update={"ca_file": "/none.pem"}).send(USUAL)
    finally:
        sink.close()
    assert len(sink.posts) == 1


def test_nobody_there() -> None:
    with served() as (_, webhook):
        pass
    with pytest.raises(NotifyError, match=r"webhook: the connection to 127\.0\.0\.1 failed: Connection refused"):
        webhook.send(USUAL)
