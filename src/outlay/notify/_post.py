"""One POST to an address that was looked at first: nobody gets at what is inside by naming it as a webhook.

The name is resolved once and the connection goes to the very addresses that were checked, so a name that changes its
mind between (DNS rebinding) gains nothing. Redirects are answers, never followed; proxies of the environment are not
asked, as those would resolve the name again.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import IPPROTO_TCP, SHUT_RDWR, SOCK_STREAM, gaierror, getaddrinfo
from socket import socket as Socket
from threading import Event, Timer
from typing import Any
from urllib.parse import SplitResult, urlsplit

from outlay.core.errors import NotifyError
from outlay.notify._tls import trusting
from outlay.notify._tries import PassingError

SAID_BYTES_MAX = 2048
# Azure's metadata, public by its number; Oracle's, about which versions of Python differ.
_INSIDE = (ip_network("168.63.129.16/32"), ip_network("192.0.0.0/24"))
_NAT64 = ip_network("64:ff9b::/96")

_Found = tuple[int, int, int, str, tuple[Any, ...]]  # what getaddrinfo gives: family, kind, protocol, name, address


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: the start of its body is `said`."""

    status: int
    headers: Mapping[str, str]
    said: str


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, timeout: float, allow_private: bool, ca_file: str | None
) -> Answer:
    """Post `body` and read the answer, whatever its status, each in `timeout` seconds: connecting, and all the rest.

    Raises PassingError when there is no whole answer; NotifyError for an address that is not allowed, and for a
    certificate that is not valid. Errors name the host alone: the rest of the URL may be a secret.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        sock = _connected(parts, timeout, allow_private=allow_private, ca_file=ca_file)
        with _within(timeout, sock):
            return _asked(sock, parts, body, headers)
    except ssl.SSLCertVerificationError as error:
        raise NotifyError(f"the certificate of {host} is not valid: {error.verify_message}") from None
    except TimeoutError:
        raise PassingError(f"{host} did not answer within {timeout:g} s") from None
    except gaierror:
        raise PassingError(f"no address is known of {host}") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise PassingError(f"the connection to {host} failed: {reason}") from None


def is_inside(address: str) -> bool:
    """Whether an address is of this machine, its network or its cloud's metadata: anything but the public internet."""
    ip = _unwrapped(ip_address(address.partition("%")[0]))
    return not ip.is_global or ip.is_multicast or any(ip in network for network in _INSIDE)


def _unwrapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


def _connected(parts: SplitResult, timeout: float, *, allow_private: bool, ca_file: str | None) -> Socket:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found: Sequence[_Found] = getaddrinfo(host, port, type=SOCK_STREAM, proto=IPPROTO_TCP)
    if not allow_private and any(is_inside(str(address[0])) for *_, address in found):
        raise NotifyError(f"{host} is an inside address (loopback, private, link-local or metadata); see allow_private")
    sock = _first(found, timeout)
    if parts.scheme != "https":
        return sock
    try:
        return trusting(ca_file).wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise


def _first(found: Sequence[_Found], timeout: float) -> Socket:
    """A connection to the first of the addresses that takes one."""
    failed: OSError | None = None
    for family, kind, protocol, _, address in found:
        sock = Socket(family, kind, protocol)
        sock.settimeout(timeout)
        try:
            sock.connect(address)
        except OSError as error:
            sock.close()
            failed = error
        else:
            return sock
    raise failed or gaierror()


@contextmanager
def _within(seconds: float, sock: Socket) -> Iterator[None]:
    """End the exchange then, whatever drips in: a socket's own timeout starts anew with every byte."""
    late = Event()

    def end() -> None:
        late.set()
        with suppress(OSError):
            Socket.shutdown(sock, SHUT_RDWR)  # below TLS, which the other thread is in the middle of

    timer = Timer(seconds, end)
    timer.start()
    try:
        yield
    except (OSError, HTTPException):
        if not late.is_set():
            raise
    finally:
        timer.cancel()
    if late.is_set():
        raise TimeoutError


def _asked(sock: Socket, parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> Answer:
    connection = HTTPConnection(parts.hostname or "")
    connection.sock = sock
    try:
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        connection.request("POST", path, body, {"Host": parts.netloc, **headers, "Connection": "close"})
        answer = connection.getresponse()
        said = answer.read(SAID_BYTES_MAX).decode(errors="replace")
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, said)
    finally:
        connection.close()
        sock.close()
