"""What this machine is called, and what is not."""

from __future__ import annotations

import pytest

from outlay.serve.access.place import is_loopback
from outlay.serve.access.scopes import needed, route_of


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "localhost.", "x.localhost", "2130706433", "0x7f.1", "::ffff:8.8.8.8", "127.0.0.1.x"]
)
def test_no_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("root", "path", "route"),
    [
        ("", "/metrics", "/metrics"),
        ("/costs", "/costs/metrics", "/metrics"),
        ("/costs/", "/costs/metrics", "/metrics"),
        ("/costs", "/metrics", "/metrics"),
        ("/costs", "/costsmetrics", "/costsmetrics"),
        ("/healthz", "/healthz/api/v1/keys", "/api/v1/keys"),
    ],
)
def test_the_route_of_an_app_that_is_mounted_somewhere(root: str, path: str, route: str) -> None:
    assert route_of({"type": "http", "path": path, "root_path": root}) == route


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/v1/costs/summary", "read"),
        ("HEAD", "/metrics", "read"),
        ("OPTIONS", "/api/v1/aws/collect", "read"),
        ("POST", "/_dash-update-component", "read"),
        ("DELETE", "/_dash-update-component", "collect"),
        ("POST", "/api/v1/aws/collect", "collect"),
        ("POST", "/anything", "collect"),
        ("get", "/api/v1/costs/summary", "collect"),
        ("GET", "/api/v1/keys", "admin"),
        ("DELETE", "/api/v1/keys/1", "admin"),
        ("GET", "/api/v1/keysmith/costs", "read"),
    ],
)
def test_scopes(method: str, path: str, scope: str) -> None:
    assert needed(method, path) == scope
