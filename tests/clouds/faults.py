"""A reverse proxy on 127.0.0.1 that passes everything through untouched, but for the faults injected into it.

    proxy = FaultProxy(cloud.url)                   # with cert (and ca) it speaks TLS to the client (to the upstream)
    proxy.inject(Fault("status", status=429, headers={"Retry-After": "1"}, times=2))
    proxy.inject(Fault("cut", match=r"GET /billing/.*csv", after=1))
    ... settings(url=proxy.url) ...
    proxy.clear()                                   # all is well again
    proxy.close()

Of several faults the one injected first that applies to a request is what it gets. The Host header stays the one that
the client signed.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from threading import Event, Lock
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from tests.clouds.serving import QuietHandler, Serving

PIECE = 1 << 16
BODILY = frozenset({"cut", "truncate", "replace"})
# Would tell that a body is another than the upstream's: a provider that is wrong itself says what fits its bytes.
_OF_THE_BODY = re.compile(r"content-length|transfer-encoding|content-md5|x-amz-checksum-.*|x-goog-hash", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, for which requests.

    `status`    an answer with `status`, `headers` and `body`; the upstream is not asked
    `hang`      nothing for so many `seconds`, or until the proxy is closed; then the answer, if the client still waits
    `reset`     the connection is reset before any byte of an answer
    `cut`       the whole Content-Length, half of the body, and the connection is closed
    `truncate`  half of the body, and a Content-Length that fits it
    `replace`   the body that `change` makes of the upstream's, which is asked for no compression

    The last three leave alone requests that have no body in their answers (HEAD).

    `match`     a regex searched in "METHOD path"; for AWS followed by its operation: "POST / GetCostAndUsage"
    `after`     so many requests that match are let through first
    `times`     so many requests get the fault; None for all
    """

    kind: Literal["status", "hang", "reset", "cut", "truncate", "replace"]
    times: int | None = None
    match: str = ""
    after: int = 0
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 3600.0
    change: Callable[[bytes], bytes] = lambda body: body


class _Injected:
    """A fault and how often it met its requests."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._met = 0

    def meets(self, method: str, line: str) -> bool:
        """Whether this request gets the fault, which is counted."""
        fault = self.fault
        if (fault.kind in BODILY and method == "HEAD") or not re.search(fault.match, line):
            return False
        if fault.times is not None and self._met >= fault.after + fault.times:
            return False
        self._met += 1
        return self._met > fault.after


class FaultProxy:
    """See the module. Safe for many threads at once. `requests` is what came in: "METHOD path", oldest first."""

    def __init__(self, upstream_url: str, cert: Path | None = None, ca: Path | None = None) -> None:
        """`cert`: PEM of our key and certificate chain; `ca`: PEM of who signed an https upstream's certificate."""
        self.requests: list[str] = []
        self._upstream = urlsplit(upstream_url)
        self._ca = ca
        self._faults: list[_Injected] = []
        self._lock = Lock()
        self.closing = Event()
        self._serving = Serving(type("Proxying", (_Proxying,), {"proxy": self}), cert)
        self.url = self._serving.url

    def inject(self, fault: Fault) -> None:
        """From now on, until `clear`."""
        with self._lock:
            self._faults.append(_Injected(fault))

    def clear(self) -> None:
        """Forget all faults. Requests that hang go on doing so."""
        with self._lock:
            self._faults.clear()

    def close(self) -> None:
        """Stop, and end what hangs."""
        self.closing.set()
        self._serving.close()

    def fault_for(self, method: str, line: str) -> Fault | None:
        """What goes wrong with this request."""
        with self._lock:
            self.requests.append(line)
            return next((one.fault for one in self._faults if one.meets(method, line)), None)

    def connect(self) -> HTTPConnection:
        """A new connection to the upstream."""
        host, port = self._upstream.hostname or "", self._upstream.port
        if self._upstream.scheme == "https":
            return HTTPSConnection(host, port, context=ssl.create_default_context(cafile=self._ca))
        return HTTPConnection(host, port)


class _Proxying(QuietHandler):
    """One connection of a client, with a connection of its own to the upstream."""

    proxy: FaultProxy
    _upstream: HTTPConnection | None = None

    def handle_any(self) -> None:
        body = self._request_body()
        fault = self.proxy.fault_for(self.command, self._line(body))
        if fault is None:
            return self._pass(body)
        if fault.kind == "status":
            return self._say(fault.status, list(fault.headers.items()), fault.body)
        if fault.kind == "hang":
            return self._hang(fault.seconds, body)
        if fault.kind == "reset":
            return self._reset()
        return self._spoil(fault, body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any

    def finish(self) -> None:
        """The upstream's connection ends with the client's."""
        if self._upstream is not None:
            self._upstream.close()
        super().finish()

    def _line(self, body: bytes) -> str:
        """ "METHOD path", and AWS's operation."""
        line = f"{self.command} {self.path}"
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if "x-www-form-urlencoded" in self.headers.get("Content-Type", ""):
            operation = parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
        return f"{line} {operation}".rstrip()

    def _hang(self, seconds: float, body: bytes) -> None:
        self.proxy.closing.wait(seconds)
        has_left = bool(select.select([self.connection], [], [], 0)[0])
        if self.proxy.closing.is_set() or has_left:
            self.close_connection = True
        else:
            self._pass(body)

    def _reset(self) -> None:
        # Closed without lingering, a connection is reset rather than ended in good order.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def _spoil(self, fault: Fault, body: bytes) -> None:
        answer = self._ask(body, plain=fault.kind == "replace")
        if answer is None:
            return
        whole = answer.read()
        kept = [(name, value) for name, value in answer.getheaders() if not _OF_THE_BODY.fullmatch(name)]
        half = whole[: len(whole) // 2]
        if fault.kind == "cut":
            self._say(answer.status, kept, half, length=len(whole))
            self.close_connection = True
        else:
            self._say(answer.status, kept, half if fault.kind == "truncate" else fault.change(whole))

    def _say(self, status: int, headers: list[tuple[str, str]], body: bytes, length: int | None = None) -> None:
        size = len(body) if length is None else length
        self._head(status, [*headers, ("Content-Length", str(size))])
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, headers: list[tuple[str, str]], reason: str | None = None) -> None:
        """A status line and headers, `Connection: close` obeyed and nothing of ours added."""
        self.send_response_only(status, reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def _pass(self, body: bytes) -> None:
        """The upstream's answer as it comes."""
        answer = self._ask(body)
        if answer is None:
            return
        has_body = self.command != "HEAD" and answer.status not in {204, 304}
        is_endless = has_body and answer.length is None and not answer.chunked
        closing = [("Connection", "close")] if is_endless else []
        self._head(answer.status, answer.getheaders() + closing, answer.reason)
        try:
            for piece in _pieces(answer) if has_body else ():
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if answer.chunked else piece)
        except HTTPException:
            self.close_connection = True  # as the upstream's was
            return
        if has_body and answer.chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = self.close_connection or answer.will_close
        answer.close()  # which makes the connection free for the next request

    def _ask(self, body: bytes, plain: bool = False) -> HTTPResponse | None:
        """The start of the upstream's answer; None when it gave none, and the client's connection ends too."""
        is_kept = self._upstream is not None  # one that was kept may have been closed meanwhile
        for _ in range(1 + is_kept):
            self._upstream = self._upstream or self.proxy.connect()
            try:
                return self._forwarded(self._upstream, body, plain)
            except (OSError, HTTPException):
                self._upstream.close()
                self._upstream = None
        self.close_connection = True
        return None

    def _forwarded(self, upstream: HTTPConnection, body: bytes, plain: bool) -> HTTPResponse:
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            # The client has been told to continue, by us.
            if name.lower() != "expect" and not (plain and name.lower() == "accept-encoding"):
                upstream.putheader(name, value)
        if plain:
            upstream.putheader("Accept-Encoding", "identity")
        upstream.endheaders(body, encode_chunked=self._is_chunked())
        return upstream.getresponse()

    def _request_body(self) -> bytes:
        if not self._is_chunked():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(pieces)

    def _is_chunked(self) -> bool:
        return "chunked" in self.headers.get("Transfer-Encoding", "").lower()


def _pieces(answer: HTTPResponse) -> Iterator[bytes]:
    """The body as it comes. Raises HTTPException when it ends before it should."""
    while piece := answer.read1(PIECE):
        yield piece
    if answer.length:
        raise HTTPException("cut short")
