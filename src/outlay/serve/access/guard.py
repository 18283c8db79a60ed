"""Guard: from what was given to who it is. Keys of the state, keys of the settings, tokens of an issuer."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING, get_args

from outlay.core.access import Scope
from outlay.core.errors import StoreError
from outlay.core.limits import limits_of
from outlay.serve.access.oidc import Issuer
from outlay.serve.access.refusals import wrong
from outlay.serve.access.who import Asker

if TYPE_CHECKING:
    from starlette.datastructures import Headers

    from outlay.core.settings import Api
    from outlay.state.keys import Key, Keys

log = logging.getLogger(__name__)


class Guard:
    """Knows everybody who may ask. Safe for many threads.

    `keys`      gives the keys of the state, called whenever one is to be looked up
    `insecure`  who shows no key may read, wherever he is
    """

    def __init__(self, settings: Api, keys: Callable[[], Keys], *, insecure: bool = False) -> None:
        """Raises ConfigError when a package is missing."""
        self.settings, self.insecure = settings, insecure
        self.keys = keys
        self._issuer = Issuer(settings.oidc) if settings.oidc else None
        self._own = [
            (_hash(each.key.get_secret_value()), Asker(each.name, each.scope, limits_of(each.limits)))
            for each in settings.keys
        ]

    def anybody(self) -> bool:
        """Whether there is any way in that needs proof. Raises StoreError."""
        return bool(self._own or self._issuer) or any(each.status == "active" for each in self.keys().every())

    def asker(self, given: str) -> Asker:
        """Whose key or token it is. Raises Refused, StoreError and IssuerError."""
        found = self._of_settings(given)
        if found is not None:
            return found
        if self._issuer is not None and given.count(".") == 2:
            return self._issuer.asker(given)
        key = self.keys().find(given)
        if key is None:
            raise wrong("an unknown key")
        return self._of_state(key)

    def _of_settings(self, given: str) -> Asker | None:
        """All are compared, whichever is right: the time tells nothing."""
        hashed = _hash(given)
        found = [asker for known, asker in self._own if compare_digest(known, hashed)]
        return found[0] if found else None

    def _of_state(self, key: Key) -> Asker:
        if key.status == "revoked":
            raise wrong(f"the key {key.id}, which was revoked", "this key was revoked")
        if key.status == "expired":
            raise wrong(f"the key {key.id}, which has expired", f"this key expired on {key.expires_at:%Y-%m-%d}")
        scope = next((each for each in get_args(Scope) if each == key.scope), None)
        if scope is None:  # of a newer Outlay
            raise wrong(f"the key {key.id}, whose scope {key.scope!r} is not known here")
        try:
            self.keys().note_use(key)
        except StoreError as error:
            log.warning("when the key %s was used is not noted: %s", key.id, error)
        return Asker(key.name, scope, limits_of(key.limits))


def given(headers: Headers) -> str | None:
    """The key or token that a request shows, None if it shows none. Raises Refused for what is neither."""
    shown = headers.getlist("authorization")
    if not shown:
        return None
    scheme, _, value = shown[0].strip().partition(" ")
    if len(shown) > 1 or scheme.lower() not in ("bearer", "basic") or not value.strip():
        raise wrong(
            "neither Bearer nor Basic", "Authorization should be `Bearer KEY`, or Basic with the key as password"
        )
    return value.strip() if scheme.lower() == "bearer" else _password(value.strip())


def _password(value: str) -> str:
    try:
        _, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise wrong("Basic without user and password")
    return password


def _hash(text: str) -> bytes:
    return sha256(text.encode(errors="replace")).digest()
