"""Refusals: what somebody is told who may not, and what the log is told of why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from outlay.core.errors import OutlayError
from outlay.serve.api.problems import problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outlay.core.access import Scope
    from outlay.serve.access.who import Asker

REALM = 'realm="Outlay"'


class IssuerError(OutlayError):
    """An issuer of tokens that cannot be asked for its keys."""

    code = "issuer"
    status = 503


@dataclass
class Refused(Exception):
    """A request that is not let through. `reason` is for the log; `attempt`: somebody may be trying keys."""

    status: int
    code: str
    detail: str
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)
    attempt: bool = False

    def response(self) -> JSONResponse:
        """The problem document."""
        found = problem(self.status, self.code, self.detail, self.headers)
        if self.status == 401:
            # A header of its own for each way in: not every client finds the second one in a list.
            found.headers.append("WWW-Authenticate", f'Basic {REALM}, charset="UTF-8"')
        return found


def unknown(scope: Scope = "read") -> Refused:
    """Nobody said who he is."""
    wanted = "" if scope == "read" else f" --scope {scope}"
    told = (
        "this needs a key: as `Authorization: Bearer KEY`, or as the password of any user;"
        f" make one with `outlay keys create{wanted}`"
    )
    return Refused(401, "unauthorized", told, "no key", {"WWW-Authenticate": f"Bearer {REALM}"})


def wrong(reason: str, told: str = "this key or token is not valid") -> Refused:
    """What was given is no key. All wrong ones are told the same, but for whoever has a right one that is over."""
    challenge = f'Bearer {REALM}, error="invalid_token"'
    return Refused(401, "unauthorized", told, reason, {"WWW-Authenticate": challenge}, attempt=True)


def lacking(who: Asker, scope: Scope) -> Refused:
    """The key is right, and may less."""
    challenge = f'Bearer {REALM}, error="insufficient_scope", scope="{scope}"'
    told = f"this needs the scope {scope}, and {who.name} has {who.scope}"
    return Refused(403, "scope", told, f"the scope {scope} is missing", {"WWW-Authenticate": challenge})


def scopeless(claim: str, scopes: Sequence[str]) -> Refused:
    """A right token that says nothing of what it may."""
    challenge = f'Bearer {REALM}, error="insufficient_scope", scope="{" ".join(scopes)}"'
    told = f"the token's {claim} has none of: {', '.join(scopes)}"
    return Refused(403, "scope", told, f"a token without a scope of ours in {claim}", {"WWW-Authenticate": challenge})


def foreign() -> Refused:
    """Sent by another site's page."""
    told = "a page of another site sent this; those that may are listed as api.cors_origins"
    return Refused(403, "cross-site", told, "sent by another site's page")
