"""Settings of who may ask the server: keys, and an issuer of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from outlay.core.errors import UsageError
from outlay.core.limits import limits_of

Scope = Literal["read", "collect", "admin"]  # each includes those before it
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]

T = TypeVar("T")

LENGTH_MIN = 20  # of a key that somebody chose
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SCOPES: Mapping[str, Scope] = {"outlay:read": "read", "outlay:collect": "collect", "outlay:admin": "admin"}


def _limitable(allowed: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    try:
        limits = limits_of(allowed)
    except UsageError as error:
        raise ValueError(str(error)) from None
    if not all(limit.values for limit in limits) or not all(all(values) for values in allowed.values()):
        raise ValueError("each limit should name at least one value, and no empty one")
    return allowed


def _claims(claims: Mapping[str, str]) -> Mapping[str, str]:
    _limitable({dimension: (claim,) for dimension, claim in claims.items()})
    return claims


def _long(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value()) < LENGTH_MIN:
        raise ValueError(f"should have {LENGTH_MIN} characters or more, random ones")
    return key


def _some(values: tuple[T, ...]) -> tuple[T, ...]:
    if not values:
        raise ValueError("should name at least one")
    return values


def safe_url(url: str) -> str:
    """A URL that nobody on the way can answer in the place of its server. Raises ValueError."""
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("should be a URL such as https://login.example.com/realms/main")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("should begin with https://; http:// will do on this machine alone")
    return url


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ApiKey(_Part):
    """A key that the settings give. `limits`: the values it may see of `source`, `account` or `tag:<key>`."""

    name: str = Field(min_length=1)
    key: Annotated[SecretStr, AfterValidator(_long)]
    scope: Scope = "read"
    limits: Annotated[Mapping[str, tuple[str, ...]], AfterValidator(_limitable)] = Field(default_factory=dict)


class Oidc(_Part):
    """Whose tokens are taken for keys, and which of their claims say what they may.

    `scopes`  what each value of `scope_claim` stands for; the highest counts
    `limits`  of `source`, `account` or `tag:<key>` the claim that has the values to be seen; `*` in it: all
    """

    issuer: Annotated[str, AfterValidator(safe_url)]
    audience: Annotated[tuple[str, ...], AfterValidator(_some)]
    algorithms: Annotated[tuple[Algorithm, ...], AfterValidator(_some)] = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
    name_claim: str = Field("sub", min_length=1)
    scope_claim: str = Field("scope", min_length=1)
    scopes: Mapping[str, Scope] = Field(default_factory=lambda: dict(SCOPES))
    limits: Annotated[Mapping[str, str], AfterValidator(_claims)] = Field(default_factory=dict)
    leeway: int = Field(60, ge=0, le=600)  # seconds that clocks may differ
    timeout: float = Field(5.0, gt=0, le=60)  # seconds
    ca_file: str | None = None
