"""Where a request comes from: this machine itself, and the pages of which site."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import Scope

# What proxies add. Behind one every request comes from loopback, and says nothing of who sent it.
PROXIED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


def is_loopback(host: str) -> bool:
    """Whether an address or a name is this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    # What listens for both kinds of addresses sees those of IPv4 in the clothes of IPv6.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def is_local(scope: Scope, headers: Headers) -> bool:
    """Whether somebody on this machine asks, by a name that is only this machine's, and through no proxy.

    By the name, since a page from anywhere can have its own name lead to 127.0.0.1 once it is loaded (DNS rebinding):
    the request then comes from here and is that page's.
    """
    client = scope.get("client")
    if not client or not is_loopback(client[0]) or any(name in headers for name in PROXIED):
        return False
    return is_loopback(_host(headers.get("host", "")))


def is_foreign(headers: Headers, origins: Collection[str]) -> bool:
    """Whether a page of another site sent it, which is not among the origins that may: browsers tell.

    They add what they remember, as passwords, to the requests of any page, and let it send some unasked.
    """
    origin = headers.get("origin")
    if origin in origins:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    ours = (headers.get("host"), headers.get("x-forwarded-host"))
    return origin is not None and urlsplit(origin).netloc not in ours


def _host(header: str) -> str:
    """The name or address of a Host header; '' when it is none."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
