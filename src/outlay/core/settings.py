"""The settings as types: one frozen model per section of the file, and Settings, which holds them all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from outlay.core.access import ApiKey, Oidc
from outlay.core.channels import Notifications
from outlay.core.gauges import CLOUDS, Compat, Gauge
from outlay.core.monitoring import Budget, Rule, Thresholds

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from outlay.core.ports import Source, Warehouse

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


_ORIGIN = re.compile(r"\*|https?://[^\s/?#@*]+")
_SERVER = re.compile(r"https?://[A-Za-z0-9\[][A-Za-z0-9.:\[\]-]*(/[A-Za-z0-9._~%/-]*)?")


def _of_server(url: str) -> str:
    if not url.isascii() or not _SERVER.fullmatch(url):
        raise ValueError("should be a URL such as https://costs.example.com, without a user, ? and #")
    return url.rstrip("/")


def _is_cron(expression: str) -> str:
    from cronsim import CronSim, CronSimError

    try:
        CronSim(expression, datetime.now(UTC))
    except CronSimError as error:
        reason = str(error).lower()
        raise ValueError(f'should be a cron expression of five fields, such as "0 */6 * * *"; {reason}') from None
    return expression


class Section(BaseModel):
    """One section of the settings. Unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ENVIRONMENT: ClassVar[Mapping[str, str]] = {}


class State(Section):
    """Where runs, jobs, alert states and keys are kept: an SQLAlchemy URL, which may hold a password.

    Left out in the file it is an SQLite file beside the store; in loaded Settings it is always there.
    """

    url: SecretStr | None = None


class Ttl(Section):
    """How many seconds answers of one provider are kept; 0: not at all."""

    ttl: int = Field(ge=0, le=7 * 86400)


class Cache(Section):
    """Where answers are kept for a while, and for how many seconds; 0: not at all.

    `max_mb` bounds memory and disk; a Redis server has its own limit.
    """

    enabled: bool = True
    type: Literal["memory", "disk", "redis"] = "memory"
    path: str | None = None  # of the type disk; left out, a folder in the store's
    redis_url: SecretStr | None = None
    redis_timeout: float = Field(0.5, gt=0, le=60)  # seconds
    max_mb: int = Field(128, ge=1)
    ttl: int = Field(3600, ge=0, le=7 * 86400)
    aws: Ttl | None = None
    azure: Ttl | None = None
    gcp: Ttl | None = None
    heroku: Ttl | None = None

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        schemes = ("redis://", "rediss://", "unix://")
        if value is not None and not value.get_secret_value().startswith(schemes):
            raise ValueError(f"should start with one of {', '.join(schemes)}")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.enabled and self.type == "redis" and self.redis_url is None:
            raise ValueError("type redis needs redis_url, such as redis://:${REDIS_PASSWORD}@host:6379/0")
        return self

    def seconds(self, kind: str) -> int:
        """How long answers are kept that sources of this kind get, such as aws or azure-sponsorship."""
        own = getattr(self, kind.partition("-")[0], None)
        return own.ttl if isinstance(own, Ttl) else self.ttl

    @property
    def seconds_max(self) -> int:
        """How long the longest kept are."""
        providers = (self.aws, self.azure, self.gcp, self.heroku)
        return max([self.ttl, *(each.ttl for each in providers if each is not None)])


class Collection(Section):
    """When the server collects, and how far back."""

    ENVIRONMENT: ClassVar[Mapping[str, str]] = {
        "AWS_COLLECTION_SCHEDULE": "schedule",
        "LOOKBACK_DAYS": "lookback_days",
        "AWS_COST_LOOKBACK_DAYS": "lookback_days",
        "BACKFILL_DAYS": "backfill_days",
    }

    schedule: Annotated[str, AfterValidator(_is_cron)] = "0 */6 * * *"  # UTC
    lookback_days: int = Field(2, ge=1)
    backfill_days: int = Field(90, ge=1)
    workers: int = Field(8, ge=1)
    api_spend_cap_usd: Decimal | None = Field(Decimal(5), ge=0)  # per calendar month, over all sources
    api_calls_per_hour: int | None = Field(400, ge=1)  # that cost something, for each source


class Dashboard(Section):
    """What the dashboard shows at first, and where it listens alone; `refresh_interval` is in seconds."""

    enabled: bool = True
    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8050, ge=0, le=65535)
    auto_refresh: bool = True
    refresh_interval: int = Field(300, ge=1)
    default_range_days: int = Field(30, ge=1)
    max_accounts_display: int = Field(20, ge=1)


class Api(Section):
    """Where the server listens, and who may ask; port 0 is any free one.

    `public_url`             where people reach it: what links in alerts begin with
    `open_loopback`          whoever asks on this machine itself needs no key
    `cors_origins`           whose pages may ask from a browser
    `force_refresh_seconds`  between two askings of the same that go round all that is kept
    """

    ENVIRONMENT: ClassVar[Mapping[str, str]] = {"PORT": "port"}

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8000, ge=0, le=65535)
    public_url: Annotated[str, AfterValidator(_of_server)] | None = None
    open_loopback: bool = True
    keys: tuple[ApiKey, ...] = ()
    oidc: Oidc | None = None
    cors_origins: tuple[str, ...] = ()
    force_refresh_seconds: int = Field(60, ge=0)

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if bad := [each for each in value if not _ORIGIN.fullmatch(each)]:
            raise ValueError(f"no origin: {bad[0]!r}; write it as https://costs.example.com, without a path, or *")
        return value

    @field_validator("keys")
    @classmethod
    def _are_apart(cls, value: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        if len({each.name for each in value}) < len(value) or len({each.key for each in value}) < len(value):
            raise ValueError("each key should have a name and a text of its own")
        return value


class Monitoring(Section):
    """When money is amiss, and who is told. An alert that stands is told again every `repeat_hours`; 0: never."""

    thresholds: Thresholds | None = None
    budgets: tuple[Budget, ...] = ()
    rules: tuple[Rule, ...] = ()
    repeat_hours: int = Field(24, ge=0, le=24 * 366)
    notifications: Notifications | None = None

    @model_validator(mode="after")
    def _names(self) -> Self:
        seen = {"daily", "monthly"}  # what the thresholds are called
        for each in (*self.budgets, *self.rules):
            if each.name in seen:
                raise ValueError(f"two rules are named {each.name}; give each budget and rule a name of its own")
            seen.add(each.name)
        return self


class Metrics(Section):
    """What /metrics tells beside its own: how many values of a label, which tags, under which other names."""

    LISTED: ClassVar[str] = "gauges"  # the key that is meant when the whole section is written as a list

    top: int = Field(50, ge=1)
    tag_keys: tuple[str, ...] = ()
    compat: Compat | None = None
    gauges: tuple[Gauge, ...] = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        names = [each.name for each in self.gauges]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two gauges are named {', '.join(twice)}; give each a name of its own")
        return self

    def serves(self, family: str, providers: Container[str]) -> bool:
        """Whether metrics under these other names are wanted, there being sources of these providers."""
        said: bool | None = getattr(self.compat, family, None)
        of = CLOUDS if family == "cloud_cost" else (family,)
        return any(each in providers for each in of) if said is None else said


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class Logging(Section):
    """What is logged, and how its lines look."""

    ENVIRONMENT: ClassVar[Mapping[str, str]] = {"LOG_LEVEL": "level"}

    level: Annotated[Level, BeforeValidator(_upper)] = "INFO"
    format: Literal["console", "json"] = "console"


SECTIONS: dict[str, type[Section]] = {
    "state": State,
    "cache": Cache,
    "collection": Collection,
    "dashboard": Dashboard,
    "api": Api,
    "monitoring": Monitoring,
    "metrics": Metrics,
    "logging": Logging,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked. `sources` and `store` are plugins ready for use; `state.url` is never None."""

    sources: tuple[Source, ...]
    store: Warehouse
    state: State
    cache: Cache
    collection: Collection
    dashboard: Dashboard
    api: Api
    monitoring: Monitoring
    metrics: Metrics
    logging: Logging
