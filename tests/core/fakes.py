"""Plugins made for testing settings: every kind of field that a source may have."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class Plugin(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Role(Plugin):
    arn: str
    labels: dict[str, str] = Field(default_factory=dict)


class Cloud(Plugin):
    ENVIRONMENT: ClassVar[Mapping[str, str]] = {
        "CLOUD_KEY": "api_key",
        "CLOUD_REGIONS": "regions",
        "CLOUD_TENANT": "tenant",
    }
    SWITCH: ClassVar[tuple[str, ...]] = ("CLOUD_KEY",)

    name: str = "cloud"
    tenant: str
    api_key: SecretStr | None = None
    regions: tuple[str, ...] = ("eu",)
    budget: Decimal | None = None
    roles: list[Role] = Field(default_factory=list)
    mode: Literal["fast", "slow"] | int = "fast"

    @field_validator("api_key")
    @classmethod
    def _careless(cls, value: SecretStr | None) -> SecretStr | None:
        if value and value.get_secret_value().endswith("!"):
            raise ValueError(f"{value.get_secret_value()} ends badly")
        return value


class TapeDrive(Plugin):
    name: str = "tape-drive"
    path: str = "tapes"


class Shed(Plugin):
    SCHEMES: ClassVar[tuple[str, ...]] = ("s3",)

    path: str = "./data"
    options: dict[str, SecretStr] = Field(default_factory=dict)


class Database(Plugin):
    ENVIRONMENT: ClassVar[Mapping[str, str]] = {"DB_HOST": "host", "DB_PASSWORD": "password"}
    SWITCH: ClassVar[tuple[str, ...]] = ("DB_HOST",)
    SCHEMES: ClassVar[tuple[str, ...]] = ("database",)

    url: SecretStr | None = None
    host: str = "localhost"
    password: SecretStr | None = None

    @field_validator("url")
    @classmethod
    def _has_a_host(cls, value: SecretStr | None) -> SecretStr | None:
        if value and value.get_secret_value().endswith("://"):
            raise ValueError("has no host")
        return value


KINDS: dict[str, dict[str, type[Plugin]]] = {
    "sources": {"cloud": Cloud, "tape-drive": TapeDrive},
    "warehouses": {"database": Database, "lake": Shed},
}
