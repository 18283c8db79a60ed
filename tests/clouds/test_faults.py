from __future__ import annotations

import gzip
import http.client
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
import trustme
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.clouds.botocore_server import ACCOUNT, KEY, AwsServer
from tests.clouds.botocore_wire import xml_error
from tests.clouds.faults import Fault, FaultProxy
from tests.clouds.serving import QuietHandler, Serving

LARGE = bytes(range(256)) * 80_000  # 20 MB
TEXT = b"date,cost\n2026-01-01,1.50\n"
Answer = tuple[int, http.client.HTTPMessage, bytes]


class Upstream(QuietHandler):
    """Says back what it was asked, in the ways that servers answer."""

    connections: set[int]

    def setup(self) -> None:
        super().setup()
        self.connections.add(self.client_address[1])

    def do_GET(self) -> None:
        kind = self.path.strip("/")
        if kind == "chunked":
            self._head(200, {"Transfer-Encoding": "chunked"})
            if self.command != "HEAD":
                self.wfile.write(b"7\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (TEXT[:7], len(TEXT) - 7, TEXT[7:]))
        elif kind == "endless":
            self._head(200, {"Connection": "close"})
            self.wfile.write(TEXT)
        elif kind == "cut":
            self._head(200, {"Content-Length": "100"})
            self.wfile.write(TEXT)
            self.close_connection = True
        elif kind == "gzip" and "gzip" in self.headers.get("Accept-Encoding", ""):
            self._whole(gzip.compress(TEXT), {"Content-Encoding": "gzip"})
        elif span := self.headers.get("Range"):
            first, last = (int(number) for number in span.removeprefix("bytes=").split("-"))
            self._whole(LARGE[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(LARGE)}"}, 206)
        else:
            self._whole(LARGE if kind == "large" else TEXT, {"Content-MD5": "of the text", "X-Kind": kind})

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        said = {"line": self.requestline, "headers": self.headers.items(), "body": body.hex()[:80], "size": len(body)}
        self._whole(json.dumps(said).encode())

    do_POST = do_PUT

    def do_DELETE(self) -> None:
        self._head(204, {})

    def _whole(self, body: bytes, headers: dict[str, str] | None = None, status: int = 200) -> None:
        self._head(status, {"Content-Length": str(len(body)), **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status, "As You Like It")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


@pytest.fixture
def upstream() -> Iterator[Serving]:
    Upstream.connections = set()
    serving = Serving(Upstream)
    yield serving
    serving.close()


@pytest.fixture
def proxy(upstream: Serving) -> Iterator[FaultProxy]:
    proxy = FaultProxy(upstream.url)
    yield proxy
    proxy.close()


@contextmanager
def connected(url: str, timeout: float = 10) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)
    try:
        yield connection
    finally:
        connection.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, **named: Any) -> Answer:
    connection.request(method, path, **named)
    answer = connection.getresponse()
    assert answer.reason
    return answer.status, answer.headers, answer.read()


def once(url: str, method: str, path: str, **named: Any) -> Answer:
    with connected(url) as connection:
        return ask(connection, method, path, **named)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/text", {}),
        ("GET", "/large", {}),
        ("GET", "/large", {"Range": "bytes=1000-70999"}),
        ("GET", "/chunked", {}),
        ("GET", "/endless", {}),
        ("GET", "/gzip", {"Accept-Encoding": "gzip"}),
        ("HEAD", "/large", {}),
        ("DELETE", "/text", {}),
    ],
)
def test_answers_pass_through_untouched(
    upstream: Serving, proxy: FaultProxy, method: str, path: str, headers: dict[str, str]
) -> None:
    direct, through = (once(url, method, path, headers=headers) for url in (upstream.url, proxy.url))
    assert (through[0], dict(through[1]), through[2]) == (direct[0], dict(direct[1]), direct[2])


def test_requests_pass_through_untouched(proxy: FaultProxy) -> None:
    headers = {"Host": "bucket.s3.amazonaws.com", "X-Odd": "  a,  b", "Accept-Encoding": "br"}
    answer = once(proxy.url, "PUT", "/a%2Fb/%7Ec?x=1&x=%20", body=LARGE, headers=headers)
    said = json.loads(answer[2])
    assert said["line"] == "PUT /a%2Fb/%7Ec?x=1&x=%20 HTTP/1.1"
    assert said["size"] == len(LARGE)
    assert {name: value.strip() for name, value in said["headers"]} == {
        "Host": "bucket.s3.amazonaws.com",
        "X-Odd": "a,  b",
        "Accept-Encoding": "br",
        "Content-Length": str(len(LARGE)),
    }


def test_chunked_requests_pass_through(proxy: FaultProxy) -> None:
    for pieces in ([b"ab", b"cd"], []):
        answer = once(proxy.url, "POST", "/", body=iter(pieces), encode_chunked=True, headers={})
        assert json.loads(answer[2])["body"] == b"".join(pieces).hex()


def test_connections_are_kept_on_both_sides(proxy: FaultProxy) -> None:
    with connected(proxy.url) as connection:
        for path in ("/text", "/chunked", "/large"):
            for method in ("GET", "HEAD", "DELETE"):
                ask(connection, method, path)
                assert connection.sock is not None
    assert len(Upstream.connections) == 1


def test_an_answer_cut_by_the_upstream_is_cut(proxy: FaultProxy) -> None:
    with pytest.raises(http.client.IncompleteRead):
        once(proxy.url, "GET", "/cut")


def test_an_upstream_that_is_gone_ends_the_connection(upstream: Serving, proxy: FaultProxy) -> None:
    upstream.close()
    with pytest.raises(http.client.RemoteDisconnected):
        once(proxy.url, "GET", "/text")


def test_a_status_comes_with_its_headers_and_body(proxy: FaultProxy) -> None:
    proxy.inject(Fault("status", status=429, headers={"Retry-After": "7"}, body=b"later"))
    with connected(proxy.url) as connection:
        for _ in range(2):
            status, headers, body = ask(connection, "GET", "/text")
            assert (status, headers["Retry-After"], body) == (429, "7", b"later")
        proxy.clear()
        assert ask(connection, "GET", "/text")[0] == 200
    assert len(Upstream.connections) == 1


def test_faults_choose_their_requests(proxy: FaultProxy) -> None:
    proxy.inject(Fault("status", status=500, match=r"^GET /text$", after=1, times=2))
    proxy.inject(Fault("status", status=403, match="text"))
    asked = [("GET", "/large"), *[("GET", "/text")] * 4, ("HEAD", "/text")]
    with connected(proxy.url) as connection:
        assert [ask(connection, *one)[0] for one in asked] == [200, 403, 500, 500, 403, 403]
    assert proxy.requests == [" ".join(one) for one in asked]


def test_a_reset_comes_before_any_byte(proxy: FaultProxy) -> None:
    proxy.inject(Fault("reset", times=1))
    with pytest.raises(ConnectionResetError):
        once(proxy.url, "GET", "/text")
    assert once(proxy.url, "GET", "/text")[2] == TEXT


@pytest.mark.parametrize("path", ["/text", "/chunked", "/endless"])
def test_a_cut_body_keeps_its_length(proxy: FaultProxy, path: str) -> None:
    proxy.inject(Fault("cut"))
    with pytest.raises(http.client.IncompleteRead) as cut:
        once(proxy.url, "GET", path)
    assert cut.value.partial == TEXT[: len(TEXT) // 2]
    assert cut.value.expected == len(TEXT) - len(TEXT) // 2


@pytest.mark.parametrize("path", ["/text", "/chunked", "/endless"])
def test_a_truncated_body_has_a_length_that_fits(proxy: FaultProxy, path: str) -> None:
    proxy.inject(Fault("truncate"))
    _, headers, body = once(proxy.url, "GET", path)
    assert body == TEXT[: len(TEXT) // 2]
    assert headers["Content-Length"] == str(len(body))
    assert headers["Content-MD5"] is None


def test_a_body_is_replaced_whatever_the_client_can_unpack(proxy: FaultProxy) -> None:
    proxy.inject(Fault("replace", change=lambda body: body.replace(b"cost", b"amount")))
    assert once(proxy.url, "GET", "/gzip", headers={"Accept-Encoding": "gzip"})[2] == TEXT.replace(b"cost", b"amount")
    assert once(proxy.url, "HEAD", "/text")[1]["Content-Length"] == str(len(TEXT))


def test_a_hang_outlasts_the_timeout_of_the_client(proxy: FaultProxy) -> None:
    proxy.inject(Fault("hang"))
    with connected(proxy.url, timeout=0.1) as connection, pytest.raises(TimeoutError):
        ask(connection, "GET", "/text")
    assert not Upstream.connections


def test_a_short_hang_is_a_slow_answer(proxy: FaultProxy) -> None:
    proxy.inject(Fault("hang", seconds=0.1))
    start = time.monotonic()
    assert once(proxy.url, "GET", "/text")[2] == TEXT
    assert time.monotonic() - start >= 0.1


def test_a_hang_ends_at_close(upstream: Serving) -> None:
    proxy = FaultProxy(upstream.url)
    proxy.inject(Fault("hang"))
    seen: list[Exception] = []

    def hang() -> None:
        try:
            once(proxy.url, "GET", "/text")
        except (OSError, http.client.HTTPException) as error:
            seen.append(error)

    client = Thread(target=hang)
    client.start()
    while not proxy.requests:
        time.sleep(0.01)
    proxy.close()
    client.join(5)
    assert len(seen) == 1


def test_tls_on_both_sides(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca, pem = tmp_path / "ca.pem", tmp_path / "127.0.0.1.pem"
    authority.cert_pem.write_to_path(str(ca))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    Upstream.connections = set()
    upstream = Serving(Upstream, pem)
    proxy = FaultProxy(upstream.url, cert=pem, ca=ca)
    try:
        assert proxy.url.startswith("https://")
        context = ssl.create_default_context(cafile=ca)
        connection = http.client.HTTPSConnection(urlsplit(proxy.url).netloc, context=context, timeout=10)
        assert ask(connection, "GET", "/large")[2] == LARGE
        connection.close()
        proxy.inject(Fault("reset"))
        connection = http.client.HTTPSConnection(urlsplit(proxy.url).netloc, context=context, timeout=10)
        with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
            ask(connection, "GET", "/text")
        connection.close()
        stranger = http.client.HTTPSConnection(urlsplit(proxy.url).netloc, timeout=10)
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(stranger, "GET", "/text")
        stranger.close()
    finally:
        proxy.close()
        upstream.close()


def test_a_client_that_signs_is_served_through_the_proxy() -> None:
    aws = AwsServer()
    proxy = FaultProxy(aws.url)
    config = Config(retries={"total_max_attempts": 1}, read_timeout=0.2)
    sts = boto3.client("sts", endpoint_url=proxy.url, config=config, **KEY.as_settings())
    try:
        assert sts.get_caller_identity()["Account"] == ACCOUNT
        said = xml_error("AccessDenied", "by the proxy")
        proxy.inject(Fault("status", status=403, body=said, match="^POST / GetCallerIdentity$", times=1))
        with pytest.raises(ClientError, match="by the proxy"):
            sts.get_caller_identity()
        proxy.inject(Fault("hang", match="GetCallerIdentity"))
        with pytest.raises(ReadTimeoutError):
            sts.get_caller_identity()
    finally:
        proxy.close()
        aws.close()
