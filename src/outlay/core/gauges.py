"""Settings of metrics under other people's names: those of other exporters, and gauges of the user's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from outlay.core.errors import UsageError, choices
from outlay.core.query import MEASURES, TAG, Measure, dimension

# What Cost Explorer and Azure call what we call otherwise.
DIMENSION_WORDS: Mapping[str, str] = {
    "SERVICE": "service",
    "REGION": "region",
    "LINKED_ACCOUNT": "sub_account",
    "USAGE_TYPE": "sku",
    "RECORD_TYPE": "charge_category",
    "RESOURCE_ID": "resource",
    "INVOICING_ENTITY": "provider",
}
MEASURE_WORDS: Mapping[str, str] = {
    "UnblendedCost": "billed",
    "NetUnblendedCost": "billed",
    "ActualCost": "billed",
    "AmortizedCost": "effective",
    "NetAmortizedCost": "effective",
}
DAYS = frozenset({"date", "month"})  # as labels they would begin new series every day
PROVIDERS = ("aws", "azure", "gcp", "heroku", "oci")
CLOUDS = ("aws", "azure", "gcp")

# Names of families that Outlay serves itself, or will.
_OURS = re.compile(
    r"(outlay|cloud_cost)_.*|heroku_(invoice|team_usage)_(current|previous)_.*|"
    r"(aws|azure|gcp)_(api_calls_total|api_errors_total|cost_collection_duration_seconds(_bucket|_sum|_count)?"
    r"|total_monthly_cost_usd|waste_identified_usd|optimization_opportunities|idle_resources_count"
    r"|underutilized_resources_count)"
)
_LABELS = frozenset({"account", "account_name", "currency"})  # every gauge has them


def is_ours(name: str) -> bool:
    """Whether Outlay has metrics of this name itself."""
    return _OURS.fullmatch(name) is not None


def label_of(word: str) -> str:
    """What the label of a dimension is called: `service`, `tag_team`."""
    return re.sub(r"\W", "_", word, flags=re.ASCII)


def _name(name: str) -> str:
    if is_ours(name):
        raise ValueError(f"Outlay has metrics named {name} itself; choose another name")
    return name


def _measure(word: object) -> object:
    known = [*MEASURES, *MEASURE_WORDS]
    if isinstance(word, str) and word not in known:
        raise ValueError(choices("measure", word, known))
    return MEASURE_WORDS.get(word, word) if isinstance(word, str) else word


def _dimension(word: str) -> str:
    tag = f"{TAG}{word[len(TAG) :]}" if word.upper().startswith(TAG.upper()) else word
    try:
        return dimension(DIMENSION_WORDS.get(word, tag))
    except UsageError as error:
        raise ValueError(f"{error}; or as AWS has it: {', '.join(DIMENSION_WORDS)}") from None


def _group(words: Iterable[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(_dimension(word) for word in words))
    if days := [name for name in names if name in DAYS]:
        raise ValueError(f"no label can be a {days[0]}: Prometheus keeps the days itself")
    labels = [label_of(name) for name in names]
    if twice := next((label for label in labels if labels.count(label) > 1 or label in _LABELS), None):
        raise ValueError(f"two labels of the gauge would be called {twice}")
    return names


def _filters(given: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {_undated(_dimension(word)): values for word, values in given.items()}


def _undated(name: str) -> str:
    if name in DAYS:
        raise ValueError(f"filters know no {name}: `period` and `days` tell which days count")
    return name


class Part(BaseModel):
    """A part of the section. Unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Compat(Part):
    """Which names of other exporters are served too. Left out, those of which a source is configured."""

    heroku: bool | None = None
    aws: bool | None = None
    azure: bool | None = None
    gcp: bool | None = None
    cloud_cost: bool | None = None  # with a source of aws, azure or gcp


class Gauge(Part):
    """Costs under a name of the user's own, as exporters for one cloud have them.

    `name`      one that begins with a provider's (`aws_...`) is of that provider's costs, unless `filters` say which;
                one that says `usd` is of costs in USD
    `group_by`  dimensions, in our words or in those of AWS, each a label; `account` and `account_name` always are
    `measure`   in our words or in those of AWS and Azure
    `top`       the values of each label that are told, the others being one; left out, that of all metrics
    `period`    `day`: each source's last day with charges before today; `month`: so far; or `previous_month`
    `days`      in its place, so many whole days before today, together
    `filters`   dimensions and the values that count
    """

    name: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$"), AfterValidator(_name)]
    help: str | None = Field(None, min_length=1)
    group_by: Annotated[tuple[str, ...], AfterValidator(_group)] = ()
    measure: Annotated[Measure, BeforeValidator(_measure)] = "billed"
    top: int | None = Field(None, ge=1)
    period: Literal["day", "month", "previous_month"] | None = None
    days: int | None = Field(None, ge=1, le=400)
    filters: Annotated[dict[str, tuple[str, ...]], AfterValidator(_filters)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_period(self) -> Gauge:
        if self.period is not None and self.days is not None:
            raise ValueError("has a period and days; name one of them")
        return self

    @property
    def selected(self) -> dict[str, tuple[str, ...]]:
        """The filters, with the provider that the name tells of."""
        told = self.name.partition("_")[0].lower()
        implied = {"provider": (told,)} if told in PROVIDERS and "provider" not in self.filters else {}
        return implied | self.filters

    @property
    def is_usd(self) -> bool:
        """Whether the name says that amounts are USD."""
        return "usd" in self.name.lower().split("_")
