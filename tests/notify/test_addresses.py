"""No webhook reaches what is inside: by number, by name, by a name that changes its mind, or in disguise."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from outlay.core.errors import NotifyError
from outlay.notify import _post
from outlay.notify._post import is_inside
from outlay.notify.webhook import Webhook
from tests.clouds.tls import Tls
from tests.notify.messages import USUAL
from tests.notify.sink import Sink

INSIDE = [
    "127.0.0.1",
    "127.8.9.1",
    "0.0.0.0",
    "10.0.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",  # Alibaba's metadata
    "169.254.169.254",
    "168.63.129.16",  # Azure's
    "192.0.0.192",  # Oracle's
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1%eth0",
    "fd00:ec2::254",  # AWS's
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
]
OUTSIDE = ["1.1.1.1", "52.1.2.3", "168.63.129.17", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", INSIDE)
def test_inside(address: str) -> None:
    assert is_inside(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_outside(address: str) -> None:
    assert not is_inside(address)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "[::ffff:169.254.169.254]", "2130706433", "0x7f.1", "127.1"],
)
def test_a_webhook_refuses_what_is_inside(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_post, "Socket", None)  # nothing is connected to
    with pytest.raises(NotifyError, match="is an inside address"):
        Webhook.model_validate({"url": f"https://{host}/hook"}).send(USUAL)


def test_a_name_is_asked_once_and_what_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch, tls: Tls) -> None:
    """The second answer of a name that rebinds would be another address: nobody asks for it."""
    sink = Sink(cert=tls.cert)
    port = int(sink.url.rpartition(":")[2])
    asked: list[str] = []

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))]

    monkeypatch.setattr(_post, "getaddrinfo", resolve)
    monkeypatch.setattr(_post, "is_inside", lambda address: address != "127.0.0.1")
    webhook = Webhook.model_validate({"url": f"https://localhost:{port}/", "ca_file": str(tls.ca)})
    try:
        webhook.send(USUAL)
        with pytest.raises(NotifyError, match="localhost is an inside address"):
            webhook.send(USUAL)
    finally:
        sink.close()
    assert asked == ["localhost", "localhost"]
    assert [post.headers["host"] for post in sink.posts] == [f"localhost:{port}"]


def test_one_inside_among_several_is_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in ("1.1.1.1", "10.0.0.1")]
    monkeypatch.setattr(_post, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(_post, "Socket", None)
    with pytest.raises(NotifyError, match="is an inside address"):
        Webhook.model_validate({"url": "https://hooks.example.com/"}).send(USUAL)


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(NotifyError, match=r"webhook: no address is known of nothing\.invalid"):
        Webhook.model_validate({"url": "https://nothing.invalid/secret"}).send(USUAL)
