"""What people want to be told of: thresholds, budgets and rules, as the settings have them."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from outlay.core.errors import UsageError
from outlay.core.query import CostQuery, Filter, Measure, dimension
from outlay.core.span import FIRST_MONTH, Period, next_month

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_CATEGORIES = {"credits": "Credit", "refunds": "Adjustment", "taxes": "Tax", "purchases": "Purchase"}

Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("should look like aws-daily: a-z, 0-9, and . _ - inside")
    return name


def _dimensions(words: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(dimension(word) for word in words)
    except UsageError as error:
        raise ValueError(str(error)) from None


Name = Annotated[str, AfterValidator(_named)]
Groups = Annotated[tuple[str, ...], AfterValidator(_dimensions)]


class Part(BaseModel):
    """A part of the section `monitoring`. Unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Levels(Part):
    """From where on something is a warning, and from where on critical: either, or both."""

    warning: Amount | None = None
    critical: Amount | None = None

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.warning is None and self.critical is None:
            raise ValueError("needs warning, critical or both")
        if self.warning is not None and self.critical is not None and self.critical < self.warning:
            raise ValueError("critical should not be below warning")
        return self


class Costs(Part):
    """Which costs: those that `filters` keep (a dimension and its values; `service!` leaves them out).

    `exclude`      credits, refunds, taxes, purchases
    `provisional`  whether days that may still change count
    """

    filters: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    exclude: tuple[Literal["credits", "refunds", "taxes", "purchases"], ...] = ()
    measure: Measure = "billed"
    provisional: bool = False

    @model_validator(mode="after")
    def _askable(self) -> Self:
        try:
            CostQuery(Period(FIRST_MONTH, next_month(FIRST_MONTH)), (), self.asked())
        except UsageError as error:
            raise ValueError(f"filters: {error}") from None
        return self

    def asked(self) -> tuple[Filter, ...]:
        """The filters of a CostQuery."""
        found = [
            Filter(word.rstrip("!"), tuple(value or None for value in values), word.endswith("!"))
            for word, values in self.filters.items()
        ]
        left_out = tuple(_CATEGORIES[word] for word in self.exclude)
        return (*found, Filter("charge_category", left_out, exclude=True)) if left_out else tuple(found)


class Threshold(Levels, Costs):
    """Costs of a day, or of a month so far, above an amount."""

    kind: Literal["threshold"] = "threshold"
    name: Name
    period: Literal["day", "month"] = "day"
    group_by: Groups = ()
    currency: str | None = None


class Change(Levels, Costs):
    """Costs that rose by so many percent against the week before, and by `least` at least.

    `period`  `week`: the last seven days against the seven before; `day`: one day against the same a week before
    `falls`   whether falling by so much counts, too
    """

    kind: Literal["change"]
    name: Name
    period: Literal["day", "week"] = "week"
    least: Amount = Decimal(0)
    falls: bool = False
    group_by: Groups = ()
    currency: str | None = None


class New(Costs):
    """A service, region or the like with costs in the last `recent_days`, and none in `lookback_days` before them."""

    kind: Literal["new"]
    name: Name
    group_by: Groups = ("service",)
    least: Amount = Decimal(0)
    severity: Literal["warning", "critical"] = "warning"
    recent_days: int = Field(7, ge=1, le=90)
    lookback_days: int = Field(90, ge=1, le=400)
    currency: str | None = None


class Stale(Levels):
    """Sources, by glob, that were not refreshed for so many hours."""

    kind: Literal["stale"]
    name: Name
    sources: tuple[str, ...] = ("*",)


class ApiSpend(Levels):
    """What Outlay's own calls of sources, by glob, cost in this calendar month, in USD."""

    kind: Literal["api-spend"]
    name: Name
    sources: tuple[str, ...] = ("*",)


class Daily(Levels):
    """The amounts of a threshold over all costs; `provisional`: days that may still change count."""

    provisional: bool = False


class Thresholds(Part):
    """Amounts for all costs of a day, and of a month so far; each currency on its own."""

    daily: Daily | None = None
    monthly: Daily | None = None


class Budget(Costs):
    """An amount for a period: a calendar month, quarter or year (UTC), or the days from `start` to `end`, inclusive.

    `actual`  percent of the amount that are spent
    `pace`    percent of the amount that will be, if the days to come cost what those so far did
    """

    name: Name
    amount: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
    currency: str = "USD"
    period: Literal["monthly", "quarterly", "yearly"] | None = None
    start: date | None = None
    end: date | None = None
    actual: Levels | None = Levels(warning=Decimal(80), critical=Decimal(100))
    pace: Levels | None = None

    @model_validator(mode="after")
    def _when(self) -> Self:
        if (self.start is None) != (self.end is None):
            raise ValueError("start and end go together")
        if self.start and self.end and (self.period or self.end < self.start):
            raise ValueError("needs a period, or a start and an end that is not before it")
        return self


_KINDS: dict[str, type[Part]] = {
    "threshold": Threshold,
    "change": Change,
    "new": New,
    "stale": Stale,
    "api-spend": ApiSpend,
}


def _of_a_kind(written: object) -> object:
    """Tell what is no kind, and which keys are another kind's."""
    if isinstance(written, dict):
        kind = written.get("kind")
        if kind not in _KINDS:
            raise ValueError(f"kind should be one of {', '.join(_KINDS)}")
        known = [*_KINDS[str(kind)].model_fields]
        if foreign := [name for name in written if name not in known]:
            raise ValueError(f"{foreign[0]} is no key of the kind {kind}; there are: {', '.join(known)}")
    return written


Rule = Annotated[Threshold | Change | New | Stale | ApiSpend, Field(discriminator="kind"), BeforeValidator(_of_a_kind)]
