"""Numbers: everything the page says about costs, asked of `reports` and never made here a second way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from outlay import history, reports
from outlay.core.money import totals
from outlay.core.ports import Warehouse
from outlay.core.query import CostQuery, Filter
from outlay.core.span import END_MONTH, FIRST_MONTH, Period, month_of, next_month
from outlay.reports import MonthToDate
from outlay.serve.dashboard.view import View

_HISTORY_DAYS = 31  # a bill that comes once a month leaves its trace within these


@dataclass(frozen=True, slots=True)
class Amount:
    """What one thing costs, and what it cost in the days before; `before` is None where that is not known."""

    provider: str | None
    name: str | None
    cost: Decimal
    before: Decimal | None


@dataclass(frozen=True, slots=True)
class Ranking:
    """The dearest first, and all others as one: `total` is the sum of `top` and `others`.

    `labels` has what to call those that people know by another name than the bill's.
    """

    top: Sequence[Amount]
    others: Amount | None
    others_count: int
    total: Decimal
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Series:
    """A provider's days. Those from `provisional_from` on may still change."""

    provider: str
    costs: Mapping[date, Decimal]
    total: Decimal
    provisional_from: date | None

    def is_provisional(self, day: date) -> bool:
        return self.provisional_from is not None and day >= self.provisional_from


@dataclass(frozen=True, slots=True)
class Numbers:
    """One currency's costs, and the totals of all.

    `totals`       per currency, of `days`; the currency in which most is bought first
    `before`       of as many days before; None where that is not known
    `month_known`  whether last month's charges are known from its first day on
    """

    days: Period
    currency: str
    totals: Mapping[str, Decimal]
    before: Decimal | None
    month: MonthToDate
    month_known: bool
    daily: Sequence[Series]
    services: Ranking
    accounts: Ranking

    @property
    def total(self) -> Decimal:
        return self.totals.get(self.currency, Decimal(0))


def last_month(month: MonthToDate) -> Period:
    """The whole month before the one so far."""
    return Period(month_of(month.month.start - timedelta(days=1)), month.month.start)


@dataclass(frozen=True, slots=True)
class Nothing:
    """No charge matches. `months`: those that have charges of any kind, None while the store holds none."""

    days: Period
    months: Period | None


class Reader:
    """Asks what one View shows: `days` of `view`, month to date until `today` (exclusive).

    `unsettled` is what `history.provisional_from` tells.
    """

    def __init__(
        self, warehouse: Warehouse, view: View, days: Period, today: date, unsettled: Mapping[str, date] | None = None
    ) -> None:
        self._warehouse, self._view, self._days, self._today = warehouse, view, days, today
        self._unsettled = unsettled or {}

    def providers(self) -> list[str]:
        """Who charged on these days, whatever is chosen, and who is chosen."""
        found = reports.costs(self._warehouse, CostQuery(self._days, ("provider",))).rows
        return sorted({*self._view.providers, *(row["provider"] for row in found)})

    def numbers(self, services: int, accounts: int) -> Numbers | Nothing:
        """All numbers, with so many services and accounts by name. Raises StoreError."""
        by_service = self._costs(self._days, "provider", "service")
        if not by_service.rows:
            return Nothing(self._days, self._months())
        used = _most_used(by_service.rows)
        currency = self._view.currency if self._view.currency in used else used[0]
        earlier = Period.last(len(self._days), self._days.start)
        before = self._costs(earlier, "provider", "service") if self._known(earlier, currency) else None
        month = reports.month_to_date(self._warehouse, self._today, self._view.filters, self._view.measure)
        return Numbers(
            self._days,
            currency,
            {each: by_service.totals[each] for each in used},
            before.totals.get(currency, Decimal(0)) if before else None,
            month,
            self._known(last_month(month), currency),
            self._daily(by_service.rows, currency),
            ranking("service", by_service.rows, before.rows if before else None, currency, services),
            self._accounts(earlier if before else None, currency, accounts),
        )

    def _accounts(self, earlier: Period | None, currency: str, limit: int) -> Ranking:
        rows = self._costs(self._days, "provider", "sub_account").rows
        before = self._costs(earlier, "provider", "sub_account").rows if earlier else None
        labels = reports.account_names(self._warehouse, self._days)
        return replace(ranking("sub_account", rows, before, currency, limit), labels=labels)

    def _daily(self, rows: Iterable[Mapping[str, Any]], currency: str) -> list[Series]:
        """One question per provider: each has its own first provisional day."""
        names = sorted({row["provider"] for row in rows if row["currency"] == currency})
        found = [self._series(name, currency) for name in names]
        return sorted(found, key=lambda each: (-each.total, each.provider))

    def _series(self, provider: str, currency: str) -> Series:
        only = (Filter("provider", (provider,)),)
        query = CostQuery(self._days, ("date",), only, self._view.measure, order="dimensions")
        found = history.costs(self._warehouse, query, self._unsettled)
        costs = {row["date"]: row["cost"] for row in found.rows if row["currency"] == currency}
        return Series(provider, costs, found.totals.get(currency, Decimal(0)), found.provisional_from)

    def _costs(self, days: Period, *dimensions: str) -> reports.Costs:
        query = CostQuery(days, dimensions, self._view.filters, self._view.measure)
        return reports.costs(self._warehouse, query)

    def _known(self, days: Period, currency: str) -> bool:
        """Whether charges were collected back to the first of the days: else a comparison would mislead."""
        return currency in self._costs(Period.last(_HISTORY_DAYS, days.start + timedelta(days=1))).totals

    def _months(self) -> Period | None:
        everything = CostQuery(Period(FIRST_MONTH, END_MONTH), ("month",), order="dimensions")
        months = [row["month"] for row in reports.costs(self._warehouse, everything).rows]
        return Period(min(months), next_month(max(months))) if months else None


def _most_used(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Currencies by how much is bought in them: amounts cannot be compared, rows can be counted."""
    used = Counter(row["currency"] for row in rows)
    return sorted(used, key=lambda each: (-used[each], each))


def ranking(
    dimension: str,
    rows: Iterable[Mapping[str, Any]],
    before: Iterable[Mapping[str, Any]] | None,
    currency: str,
    limit: int,
) -> Ranking:
    """The `limit` dearest in one currency, and the others as one. Rows have `provider` and the dimension."""
    now = _amounts(dimension, rows, currency)
    then = None if before is None else _amounts(dimension, before, currency)
    # What cost something before and nothing now belongs to the comparison too.
    names: list[tuple[str | None, str | None]] = list(dict.fromkeys([*now, *(then or {})]))
    zero = Decimal(0)
    found = [
        Amount(name[0], name[1], now.get(name, zero), None if then is None else then.get(name, zero)) for name in names
    ]
    found.sort(key=lambda each: (-each.cost, each.name or "", each.provider or ""))
    # One other alone can as well be named.
    cut = limit if len(found) > limit + 1 else len(found)
    top, rest = found[:cut], found[cut:]
    return Ranking(top, _together(rest) if rest else None, len(rest), _sum(each.cost for each in found))


def _amounts(
    dimension: str, rows: Iterable[Mapping[str, Any]], currency: str
) -> dict[tuple[str | None, str | None], Decimal]:
    return {(row["provider"], row[dimension]): row["cost"] for row in rows if row["currency"] == currency}


def _together(amounts: Sequence[Amount]) -> Amount:
    known = [each.before for each in amounts if each.before is not None]
    return Amount(None, None, _sum(each.cost for each in amounts), _sum(known) if known else None)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return totals(("", each) for each in amounts).get("", Decimal(0))
