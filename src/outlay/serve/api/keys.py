"""/keys: making, listing and revoking API keys, as `outlay keys` does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from outlay.core.access import Scope
from outlay.core.errors import UsageError
from outlay.core.grants import NAME_MAX, checked_limits, exact, moment, named, within
from outlay.core.limits import EVERYTHING, LimitedError, limits_of
from outlay.serve.access.who import asker, limits
from outlay.serve.api.shared import gives, told
from outlay.state.keys import as_json

if TYPE_CHECKING:
    from outlay.state.keys import Key, Keys

log = logging.getLogger(__name__)

Text = Annotated[str, Field(min_length=1)]
Values = Annotated[list[Text], Field(min_length=1)]
Id = Annotated[str, Path(description="The `id` of a key; it is in the key itself, between the underscores.")]

KEY: dict[str, Any] = {
    "id": "5f0c3a2e9d1b",
    "name": "ci",
    "scope": "collect",
    "limits": {"source": ["aws"], "tag:team": ["core", "web"]},
    "status": "active",
    "created_at": "2026-10-06T06:00:00+00:00",
    "expires_at": "2027-01-04T06:00:00+00:00",
    "revoked_at": None,
    "used_at": None,
}
WISH = {"name": "ci", "scope": "collect", "limits": KEY["limits"], "expires": "90d"}
REVOKED = {**KEY, "status": "revoked", "revoked_at": "2026-10-07T09:30:00+00:00"}


class Wish(BaseModel):
    """The key that is wanted."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": WISH})

    name: str = Field(min_length=1, max_length=NAME_MAX, description="What lists and logs call it.")
    scope: Scope = Field("read", description="What it may; each includes those before it.")
    limits: dict[str, Values] = Field(
        {}, description="See only this: the values of `source`, `account` or `tag:<key>`. Default: everything."
    )
    expires: Text | None = Field(None, description="When it ends: 90d, 12h, 8w, 1y, or a day: 2027-01-31.")
    expires_at: Text | None = Field(
        None, description="The same as a moment: 2027-01-31T12:00:00Z.", json_schema_extra={"format": "date-time"}
    )

    def until(self) -> datetime | None:
        """When it ends; None: never. Raises UsageError."""
        now = datetime.now(UTC)
        if self.expires and self.expires_at:
            raise UsageError("expires, expires_at: give one of them")
        if self.expires_at:
            return exact(self.expires_at, now, "expires_at")
        return moment(self.expires, now, "expires") if self.expires else None


class KeyOf(BaseModel):
    """What is known of a key. `limits`: the values of each dimension that it may see; none: everything."""

    id: str
    name: str
    scope: str
    limits: dict[str, list[str]]
    status: Literal["active", "expired", "revoked"]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    used_at: str | None


class Made(KeyOf):
    """A new key. `key` is the key itself, which nobody can be told again."""

    key: str


class KeyList(BaseModel):
    """All there ever were, the newest first."""

    rows: list[KeyOf]


def router(keys: Callable[[], Keys]) -> APIRouter:
    """The routes below /keys. Who is limited sees, makes and revokes keys within his limits alone."""
    routes = APIRouter(prefix="/keys", tags=["keys"])
    made: dict[str, Any] = {"status_code": 201, "response_model": Made}
    made |= told({"key": "outlay_5f0c3a2e9d1b_kP0...", **KEY}, 201, "The key, shown this once", gives(400))

    @routes.get("", response_model=KeyList, **told({"rows": [KEY]}))
    def every() -> dict[str, Any]:
        """All keys there ever were, the newest first; what they are is not known."""
        return {"rows": [as_json(each) for each in keys().every() if _is_seen(each)]}

    @routes.post("", **made)
    def create(wish: Wish) -> JSONResponse:
        """Make a key. It is in this answer and nowhere else; it sees no more than the key that makes it."""
        name, allowed, until = named(wish.name, "name"), checked_limits(wish.limits), wish.until()
        if not within(limits_of(allowed), limits()):
            raise LimitedError("limits: who is limited makes keys with at least the same limits")
        key, text = keys().create(name, wish.scope, allowed, until)
        log.info("made a key", extra={"key_id": key.id, "key_scope": key.scope, "by": asker().name})
        return JSONResponse({"key": text, **as_json(key)}, 201, {"Cache-Control": "no-store"})

    @routes.delete("/{key_id}", response_model=KeyOf, **told(REVOKED, more=gives(404)))
    def revoke(key_id: Id) -> dict[str, Any]:
        """Make a key worthless, from the next request on. One that is revoked already stays as it is."""
        if _one(keys(), key_id).revoked_at is None:
            keys().revoke(key_id)
            log.info("revoked a key", extra={"key_id": key_id, "by": asker().name})
        return as_json(_one(keys(), key_id))

    return routes


def _one(keys: Keys, key_id: str) -> Key:
    """The key of this id. Raises HTTPException (404)."""
    found = next((each for each in keys.every() if each.id == key_id and _is_seen(each)), None)
    if found is None:
        raise HTTPException(404, f"no key {key_id[:80]!r}; GET /api/v1/keys lists them")
    return found


def _is_seen(key: Key) -> bool:
    """Whether whoever asks could have made it."""
    mine = limits()
    return mine == EVERYTHING or within(limits_of(key.limits), mine)
