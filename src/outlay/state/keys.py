"""API keys: who may ask the server. A key is shown once; what is kept is its hash."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any

import sqlalchemy as sa

from outlay.core.moments import iso
from outlay.state.database import Database, aware, naive, now, storable
from outlay.state.tables import METADATA

PREFIX = "outlay"
USED_EVERY = timedelta(minutes=1)  # a key that is used all the time is noted no more often

# `hash` is SHA-256 of the secret: it has 256 random bits, so that none can be found by trying, however fast.
KEYS = sa.Table(
    "keys",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("hash", sa.String, nullable=False),
    sa.Column("scope", sa.String, nullable=False),
    sa.Column("limits", sa.JSON, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("expires_at", sa.DateTime),
    sa.Column("revoked_at", sa.DateTime),
    sa.Column("used_at", sa.DateTime),
)

_FORM = re.compile(rf"{PREFIX}_([0-9a-f]{{12}})_([\w-]{{43}})", re.ASCII)
_NOBODY = sha256(secrets.token_bytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key. `limits`: the values of each dimension that it may see; none: everything."""

    id: str
    name: str
    scope: str
    limits: Mapping[str, Sequence[str]]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None

    @property
    def status(self) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= datetime.now(UTC) else "active"


class Keys:
    """The keys of a state. What one process changes, all others see with the next request."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        name: str,
        scope: str,
        limits: Mapping[str, Sequence[str]] | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[Key, str]:
        """A new key, and its text, which nobody can be told again."""
        key, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        row = {
            "id": key,
            "name": storable(name),
            "hash": _hash(secret),
            "scope": scope,
            "limits": {dimension: list(values) for dimension, values in (limits or {}).items()},
            "created_at": now(),
            "expires_at": naive(expires_at) if expires_at else None,
        }
        self._database.write(lambda connection: connection.execute(KEYS.insert().values(row)))
        return self._one(key), f"{PREFIX}_{key}_{secret}"

    def find(self, text: str) -> Key | None:
        """The key with this text, be it expired or revoked; None if there is none. All wrong ones take as long."""
        form = _FORM.fullmatch(text)
        key, secret = form.groups() if form else ("", text)
        found = self._database.read(KEYS.select().where(KEYS.c.id == key))
        same = compare_digest(found[0].hash if found else _NOBODY, _hash(secret))
        return _key(found[0]) if found and same else None

    def note_use(self, key: Key) -> None:
        """Remember that it was used now, if that was not done in the last minute."""
        if key.used_at is not None and datetime.now(UTC) - key.used_at < USED_EVERY:
            return
        fresh = KEYS.c.used_at.is_(None) | (KEYS.c.used_at < now() - USED_EVERY)
        change = KEYS.update().where(KEYS.c.id == key.id, fresh).values(used_at=now())
        self._database.write(lambda connection: connection.execute(change))

    def revoke(self, key: str) -> bool:
        """Make a key worthless from now on; whether there is one of this id."""
        mine = KEYS.c.id == key
        change = KEYS.update().where(mine, KEYS.c.revoked_at.is_(None)).values(revoked_at=now())
        self._database.write(lambda connection: connection.execute(change))
        return bool(self._database.read(sa.select(KEYS.c.id).where(mine)))

    def every(self) -> list[Key]:
        """All there ever were, the newest first."""
        return [_key(row) for row in self._database.read(KEYS.select().order_by(KEYS.c.created_at.desc(), KEYS.c.id))]

    def _one(self, key: str) -> Key:
        return _key(self._database.read(KEYS.select().where(KEYS.c.id == key))[0])


def as_json(key: Key) -> dict[str, Any]:
    """The JSON of a key: all that is known of it but its hash."""
    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope,
        "limits": {dimension: list(values) for dimension, values in key.limits.items()},
        "status": key.status,
        "created_at": iso(key.created_at),
        "expires_at": iso(key.expires_at),
        "revoked_at": iso(key.revoked_at),
        "used_at": iso(key.used_at),
    }


def _hash(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()


def _key(row: Any) -> Key:
    moments = (row.created_at, row.expires_at, row.revoked_at, row.used_at)
    created, *others = map(aware, moments)
    assert created is not None  # noqa: S101 - the column holds no null
    return Key(row.id, row.name, row.scope, row.limits, created, *others)
