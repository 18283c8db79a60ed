"""The settings as types: one frozen model per section of the file, and Settings, which holds them all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outlay.core.ports import Source, Warehouse

# What each of the five fields of a cron expression may hold, in their order: name, least, most, words.
_CRON_FIELDS: tuple[tuple[str, int, int, str], ...] = (
    ("minute", 0, 59, ""),
    ("hour", 0, 23, ""),
    ("day of month", 1, 31, ""),
    ("month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    ("day of week", 0, 7, "sun mon tue wed thu fri sat"),
)
_CRON_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?", re.ASCII)


Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


def cron(expression: str) -> str:
    """The expression, if it is a cron expression of five fields. Raises ValueError naming the bad field."""
    fields = expression.split()
    if len(fields) != len(_CRON_FIELDS):
        raise ValueError('should be a cron expression of five fields, such as "0 */6 * * *"')
    for text, (name, least, most, words) in zip(fields, _CRON_FIELDS, strict=True):
        if not all(_is_cron_part(part, least, most, words.split()) for part in text.split(",")):
            also = f" or a name ({words})" if words else ""
            raise ValueError(
                f"should be a cron expression; the {name} is {least}-{most}{also}, *, a range or a step"
            )
    return " ".join(fields)


def _is_cron_part(part: str, least: int, most: int, words: list[str]) -> bool:
    match = _CRON_PART.fullmatch(part)
    if match is None or match["step"] == "0":
        return False
    ends = [each for each in (match["first"], match["last"]) if each is not None]
    numbers = [words.index(each.lower()) + least if each.lower() in words else each for each in ends]
    if not all(str(each).isdigit() and least <= int(each) <= most for each in numbers):
        return False
    return [int(each) for each in numbers] == sorted(int(each) for each in numbers)


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

    schedule: Annotated[str, AfterValidator(cron)] = "0 */6 * * *"  # UTC
    lookback_days: int = Field(2, ge=1)
    backfill_days: int = Field(90, ge=1)
    workers: int = Field(8, ge=1)


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
