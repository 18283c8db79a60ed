"""The settings as types: one frozen model per section of the file, and Settings, which holds them all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outlay.core.ports import Source, Warehouse

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


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
    """What the dashboard shows at first; `refresh_interval` is in seconds."""

    enabled: bool = True
    auto_refresh: bool = True
    refresh_interval: int = Field(300, ge=1)
    default_range_days: int = Field(30, ge=1)
    max_accounts_display: int = Field(20, ge=1)


class Api(Section):
    """Where the server listens; port 0 is any free one."""

    ENVIRONMENT: ClassVar[Mapping[str, str]] = {"PORT": "port"}

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8000, ge=0, le=65535)


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class Logging(Section):
    """What is logged, and how its lines look."""

    ENVIRONMENT: ClassVar[Mapping[str, str]] = {"LOG_LEVEL": "level"}

    level: Annotated[Level, BeforeValidator(_upper)] = "INFO"
    format: Literal["console", "json"] = "console"


SECTIONS: dict[str, type[Section]] = {
    "state": State,
    "collection": Collection,
    "dashboard": Dashboard,
    "api": Api,
    "logging": Logging,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked. `sources` and `store` are plugins ready for use; `state.url` is never None."""

    sources: tuple[Source, ...]
    store: Warehouse
    state: State
    collection: Collection
    dashboard: Dashboard
    api: Api
    logging: Logging
