"""The settings as types: one frozen model per section of the file, and Settings, which holds them all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outlay.core.ports import Source, Warehouse

_CRON_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?", re.ASCII)

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class _CronField(NamedTuple):
    """One of the five fields of a cron expression, and the numbers and words it may hold."""

    name: str
    least: int
    most: int
    words: str = ""

    def numbers(self, text: str) -> set[int]:
        """What the field's text stands for. Raises ValueError saying what it may be."""
        ranges = [self._range(part) for part in text.split(",")]
        if not all(ranges):
            also = f" or a name ({self.words})" if self.words else ""
            may = f"{self.least}-{self.most}{also}, *, a range or a step"
            raise ValueError(f"should be a cron expression; the {self.name} is {may}")
        return {*chain.from_iterable(ranges)}

    def _range(self, part: str) -> range:
        """The numbers of `5`, `1-5`, `*/5`, `1-5/2` or `5/10`; none if it cannot be."""
        match = _CRON_PART.fullmatch(part)
        if match is None or match["step"] == "0":
            return range(0)
        first = self._number(match["first"]) if match["first"] else self.least
        open_ended = not match["first"] or match["step"]
        last = self._number(match["last"]) if match["last"] else self.most if open_ended else first
        if not self.least <= first <= last <= self.most:
            return range(0)
        return range(first, last + 1, int(match["step"] or 1))

    def _number(self, word: str) -> int:
        words = self.words.split()
        if word.lower() in words:
            return words.index(word.lower()) + self.least
        return int(word) if word.isdigit() else -1


_CRON_FIELDS = (
    _CronField("minute", 0, 59),
    _CronField("hour", 0, 23),
    _CronField("day", 1, 31),
    _CronField("month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    _CronField("weekday", 0, 7, "sun mon tue wed thu fri sat"),
)


def cron(expression: str) -> tuple[set[int], ...]:
    """The minutes, hours, days, months and weekdays of a cron expression; 0 and 7 are both Sunday.

    Raises ValueError naming the field that cannot be.
    """
    texts = expression.split()
    if len(texts) != len(_CRON_FIELDS):
        raise ValueError('should be a cron expression of five fields, such as "0 */6 * * *"')
    return tuple(field.numbers(text) for field, text in zip(_CRON_FIELDS, texts, strict=True))


def _is_cron(expression: str) -> str:
    cron(expression)
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
