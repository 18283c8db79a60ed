"""What it takes to ask for something. A scope includes those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from outlay.core.access import Scope
from outlay.serve import health

if TYPE_CHECKING:
    from starlette.types import Scope as ASGIScope

ORDER: tuple[Scope, ...] = get_args(Scope)
OPEN = frozenset({*health.LIVE, *health.READY})  # to everybody: orchestrators and load balancers have no keys
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

KEYS = "/api/v1/keys"
DASH = "/_dash-"  # the dashboard asks by POST, too


def route_of(scope: ASGIScope) -> str:
    """The path that routes are found by: without where the app is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def needed(method: str, path: str) -> Scope:
    """The scope that a request takes."""
    if path == KEYS or path.startswith(f"{KEYS}/"):
        return "admin"
    return "read" if method in SAFE or (method == "POST" and path.startswith(DASH)) else "collect"


def includes(given: Scope, wanted: Scope) -> bool:
    """Whether one scope is enough for what takes the other."""
    return ORDER.index(given) >= ORDER.index(wanted)
