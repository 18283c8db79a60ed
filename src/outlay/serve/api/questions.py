"""The parameters of the cost endpoints, and the CostQuery that they ask."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from outlay import reports
from outlay.core.errors import UsageError
from outlay.core.focus import provider_of
from outlay.core.query import TAG, CostQuery, Filter, Measure
from outlay.core.span import END_MONTH, FIRST_MONTH, Period
from outlay.serve.api.shared import Known

DEFAULT_DAYS = 30
LIMIT_MAX = 10_000

Granularity = Literal["daily", "monthly"]
GRAINS: dict[str, str] = {"daily": "date", "monthly": "month"}

_COLON = re.compile(r"(?<!\\):")


def _iso(value: object) -> object:
    """Only what is written as 2026-10-31: pydantic would take seconds since 1970 for a day, too."""
    text = str(value)
    try:
        day = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) else None
    except ValueError:
        day = None
    if day is None or not FIRST_MONTH <= day < END_MONTH:
        raise ValueError(f"not a day from {FIRST_MONTH} on: {text[:40]!r}; write it as 2026-10-31")
    return day


Day = Annotated[date, BeforeValidator(_iso)]


class Question(Known):
    """What every cost endpoint can be asked. An empty value means charges without one: `service=`."""

    start_date: Day | None = Field(None, description="First day. Default: 30 days up to `end_date`.")
    end_date: Day | None = Field(None, description="Last day, inclusive. Default: yesterday (UTC).")
    provider: list[str] = Field([], description="Only these providers; repeat it or separate by commas.")
    service: list[str] = Field([], description="Only these services, as the bill calls them; repeatable.")
    account: list[str] = Field([], description="Only these accounts, by id; repeatable.")
    region: list[str] = Field([], description="Only these regions, by id; repeatable.")
    tag: list[str] = Field([], description="Only with this tag, key:value; repeatable. A colon in a key is written \\:")
    measure: Measure = Field("billed", description="Which cost: effective is amortised.")
    exclude: list[str] = Field([], description="Leave out credits, refunds, taxes or purchases; by commas.")
    granularity: Granularity | None = Field(None, description="One row per day or month, too.")
    limit: int = Field(LIMIT_MAX, ge=1, le=LIMIT_MAX, description="At most so many rows; totals are of all.")
    cursor: str | None = Field(None, min_length=1, max_length=64, description="The `next_cursor` of the page before.")
    force_refresh: bool = Field(False, description="Ask the store, whatever answers are kept.")

    def query(self, dimensions: Sequence[str]) -> CostQuery:
        """The question for these dimensions. Raises UsageError."""
        grain = [GRAINS[self.granularity]] if self.granularity else []
        return CostQuery(
            self.days(),
            (*grain, *dimensions),
            self.filters(),
            self.measure,
            order="dimensions" if grain else "cost",
            limit=self.limit,
        )

    def days(self) -> Period:
        """The days asked for. Raises UsageError when the start comes after the end."""
        yesterday = reports.today() - timedelta(days=1)
        last = self.end_date or max(yesterday, self.start_date or yesterday)
        first = self.start_date or max(last - timedelta(days=DEFAULT_DAYS - 1), FIRST_MONTH)
        if first > last:
            raise UsageError(f"start_date {first} comes after end_date {last}")
        return Period(first, last + timedelta(days=1))

    def filters(self) -> tuple[Filter, ...]:
        """What keeps rows in or out. Raises UsageError."""
        asked = [
            ("provider", [provider_of(name) for name in words(self.provider)]),
            ("service", self.service),
            ("sub_account", self.account),
            ("region", self.region),
            *_tags(self.tag).items(),
        ]
        kept = (Filter(name, tuple(value or None for value in values)) for name, values in asked if values)
        return (*kept, *reports.excluding(words(self.exclude)))


class Grouped(Question):
    """A question that says itself what to group by."""

    group_by: list[str] = Field(
        [],
        description="Dimensions, by commas: source provider billing_account account service service_category"
        " region resource charge_category sku invoice commitment tag:<key>.",
    )


class Tagged(Question):
    """A question about the values of one tag."""

    key: str = Field(min_length=1, description="The tag's key.")


def words(values: Iterable[str]) -> list[str]:
    """The words of a parameter that may be repeated and may hold several by commas."""
    return [word.strip() for value in values for word in value.split(",") if word.strip()]


def _tags(pairs: Iterable[str]) -> dict[str, list[str]]:
    """The values asked for of each tag: several of one key are alternatives."""
    asked: dict[str, list[str]] = {}
    for pair in pairs:
        key, *value = _COLON.split(pair, maxsplit=1)
        if not key or not value:
            raise UsageError(f"tag: not key:value: {pair[:80]!r}")
        asked.setdefault(TAG + key.replace("\\:", ":"), []).append(value[0])
    return asked
