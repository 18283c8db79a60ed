"""Bearer tokens of an OpenID Connect issuer: its keys by discovery, and what a token's claims allow."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from outlay.core.access import LOOPBACK
from outlay.core.errors import ConfigError
from outlay.core.limits import Limits, limits_of
from outlay.serve.access.refusals import IssuerError, scopeless, wrong
from outlay.serve.access.scopes import ORDER
from outlay.serve.access.who import Asker

if TYPE_CHECKING:
    from jwt import PyJWK

    from outlay.core.access import Oidc, Scope

log = logging.getLogger(__name__)

FRESH_SECONDS = 600.0  # a key that the issuer withdraws counts no longer than that
AGAIN_SECONDS = 10.0  # no more often than that, whatever tokens say
STALE_SECONDS = 86400.0  # so long its last keys count while it is out of reach
EVERYTHING = "*"

_CURVES = {"ES256": ("P-256",), "ES384": ("P-384",), "ES512": ("P-521",), "EdDSA": ("Ed25519", "Ed448")}


class Issuer:
    """Tells from a token who asks. Safe for many threads."""

    def __init__(self, settings: Oidc, clock: Callable[[], float] = monotonic) -> None:
        """Raises ConfigError when the package that reads tokens is missing."""
        try:
            import cryptography  # noqa: F401 - without it no signature can be checked
            import jwt  # noqa: F401
        except ImportError:
            raise ConfigError("api.oidc needs a package: pip install 'outlay[oidc]'") from None
        self._settings = settings
        self._keys = KeySet(settings, clock)

    def asker(self, token: str) -> Asker:
        """Whose token it is. Raises Refused for one that is not valid, IssuerError while that cannot be told."""
        claims = self._claims(token)
        settings = self._settings
        name = claim(claims, settings.name_claim) or claims.get("sub")
        scopes = [settings.scopes[each] for each in values(claims, settings.scope_claim) if each in settings.scopes]
        if not scopes:
            raise scopeless(settings.scope_claim, [*settings.scopes])
        highest: Scope = max(scopes, key=ORDER.index)
        return Asker(_short(name), highest, _limits(claims, settings.limits))

    def _claims(self, token: str) -> dict[str, Any]:
        import jwt

        settings = self._settings
        try:
            header = jwt.get_unverified_header(token)
            # Only what the settings list, and never by what a token says alone: `none`, or a public key used as the
            # secret of HS256, are no algorithms here.
            algorithm = header.get("alg")
            if algorithm not in settings.algorithms:
                raise wrong("a token of an algorithm that is not in api.oidc.algorithms")
            for key in self._keys.find(header.get("kid"), algorithm):
                try:
                    return jwt.decode(
                        token,
                        key.key,
                        algorithms=[algorithm],
                        audience=settings.audience,
                        issuer=settings.issuer,
                        leeway=settings.leeway,
                        options={"require": ["exp", "iss", "aud"]},
                    )
                except jwt.InvalidSignatureError:
                    continue
        except jwt.ExpiredSignatureError:
            raise wrong("a token that has expired", "this token has expired") from None
        except jwt.PyJWTError as error:
            raise wrong(f"a token that is not valid ({type(error).__name__})") from None
        raise wrong("a token that none of the issuer's keys signed")


class KeySet:
    """The keys that an issuer signs with, found by discovery and looked up anew now and then."""

    def __init__(self, settings: Oidc, clock: Callable[[], float] = monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._lock = threading.Lock()
        self._keys: list[dict[str, Any]] = []
        self._got_at = self._tried_at = float("-inf")

    def find(self, kid: str | None, algorithm: str) -> list[PyJWK]:
        """Those that a token can be signed with. Raises IssuerError."""
        found = self._fitting(kid, algorithm)
        if not found or self._clock() - self._got_at > FRESH_SECONDS:
            if self._lock.acquire(blocking=not found):  # one asks, and who can do without does not wait for that
                try:
                    self._renew()
                finally:
                    self._lock.release()
            found = self._fitting(kid, algorithm)
        return found

    def _renew(self) -> None:
        at = self._clock()
        if at - self._tried_at >= AGAIN_SECONDS and (at - self._got_at >= AGAIN_SECONDS):
            self._tried_at = at
            try:
                self._keys, self._got_at = self._asked(), at
            except IssuerError as error:
                log.warning("%s", error)
        if self._clock() - self._got_at > STALE_SECONDS:
            self._keys = []
            raise IssuerError(f"{self._settings.issuer} cannot be asked for its keys; the log says why")

    def _fitting(self, kid: str | None, algorithm: str) -> list[PyJWK]:
        from jwt import PyJWK, PyJWTError

        found = []
        for each in self._keys:
            if (kid is None or each.get("kid") == kid) and _fits(each, algorithm):
                try:
                    found.append(PyJWK(each, algorithm))
                except PyJWTError:  # an odd key among others
                    continue
        return found

    def _asked(self) -> list[dict[str, Any]]:
        issuer = self._settings.issuer
        document = self._get(f"{issuer.removesuffix('/')}/.well-known/openid-configuration")
        if document.get("issuer") != issuer:
            said = str(document.get("issuer"))[:200]
            raise IssuerError(f"{issuer} calls itself {said!r}: that has to be api.oidc.issuer, to the letter")
        keys = self._get(str(document.get("jwks_uri"))).get("keys")
        if not isinstance(keys, list):
            raise IssuerError(f"{issuer}: its jwks_uri has no keys")
        return [each for each in keys if isinstance(each, dict)]

    def _get(self, url: str) -> dict[str, Any]:
        import httpx2

        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise IssuerError(f"{self._settings.issuer}: {url[:200]!r} is not https")
        ca_file = self._settings.ca_file
        try:
            trust = ssl.create_default_context(cafile=ca_file) if ca_file else True
            with httpx2.Client(verify=trust, timeout=self._settings.timeout) as client:
                answer = client.get(url, headers={"Accept": "application/json"})
                answer.raise_for_status()
                found = answer.json()
        except (httpx2.HTTPError, ValueError, OSError) as error:
            raise IssuerError(f"{url}: {error or type(error).__name__}") from None
        if not isinstance(found, dict):
            raise IssuerError(f"{url}: not a JSON object")
        return found


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name or, as in `realm_access.roles`, by its path; None when it is not there."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def values(claims: Mapping[str, Any], name: str) -> list[str]:
    """The texts of a claim that is a list, or one text of words between spaces."""
    found = claim(claims, name)
    if isinstance(found, str):
        return found.split()
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _limits(claims: Mapping[str, Any], named: Mapping[str, str]) -> Limits:
    """The limits that the claims say; of a claim that is missing nothing may be seen."""
    found = {}
    for dimension, name in named.items():
        said = claim(claims, name)
        allowed = [said] if isinstance(said, str) else values(claims, name)  # a tag's value may hold spaces
        if EVERYTHING not in allowed:
            found[dimension] = allowed
    return limits_of(found)


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    """Whether the key is one for signatures by this algorithm."""
    if key.get("use") not in (None, "sig") or key.get("alg") not in (None, algorithm):
        return False
    if algorithm in _CURVES:
        return key.get("kty") == ("OKP" if algorithm == "EdDSA" else "EC") and key.get("crv") in _CURVES[algorithm]
    return key.get("kty") == "RSA"


def _short(name: object) -> str:
    text = str(name or "token")[:100]
    return text if text.isprintable() else "token"
