"""Asking the Cost Management Query API one question, through all its pages, and reading what it answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from outlay.core.errors import BillError, SourceError
from outlay.core.money import amount, text, totals
from outlay.core.span import Period
from outlay.sources._http import Http, seconds
from outlay.sources._recording import Recording

if TYPE_CHECKING:
    import httpx2

Group: TypeAlias = tuple[str | None, ...]
Key: TypeAlias = tuple[date, str, Group]  # a day, a currency, and the values of what was grouped by
Costs: TypeAlias = dict[Key, Decimal]

API_VERSION = "2025-03-01"
MEASURES = ("ActualCost", "AmortizedCost")  # billed and effective
COSTS = ("cost", "pretaxcost", "totalcost")  # which of them the column is called depends on the agreement
DAY, CURRENCY = "usagedate", "currency"

# Azure sums doubles, whose last digits differ with the grouping; what differs by more is another sum.
ROUNDING, ROUNDING_LEAST = Decimal("1e-9"), Decimal("1e-6")


@dataclass(frozen=True, slots=True)
class Question:
    """What one query asks: a measure (`ActualCost`, `AmortizedCost`) of these days, grouped by two things at most.

    `only` keeps charges whose dimensions have one of these values.
    """

    measure: str
    days: Period
    group_by: tuple[str, ...]
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The question in Azure's words, where the last day is inclusive."""
        *_, last = self.days.each_day()
        return {
            "type": self.measure,
            "timeframe": "Custom",
            "timePeriod": {"from": f"{self.days.start}T00:00:00+00:00", "to": f"{last}T23:59:59+00:00"},
            "dataset": {
                "granularity": "Daily",
                "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
                "grouping": [{"type": "Dimension", "name": name} for name in self.group_by],
                **self._filter(),
            },
        }

    def _filter(self) -> dict[str, Any]:
        parts = [
            {"dimensions": {"name": name, "operator": "In", "values": list(values)}}
            for name, values in self.only.items()
        ]
        return {"filter": parts[0] if len(parts) == 1 else {"and": parts}} if parts else {}


@dataclass(frozen=True, slots=True)
class Both:
    """The answers to one question in both measures."""

    billed: Costs
    effective: Costs

    def __iter__(self) -> Iterator[tuple[Key, Decimal, Decimal]]:
        """Each group with both costs. One that a measure lacks is 0 there, so that both sums stay whole."""
        zero = Decimal(0)
        for key in self.billed | self.effective:
            billed, effective = self.billed.get(key, zero), self.effective.get(key, zero)
            if billed or effective:
                yield key, billed, effective

    def values(self, index: int) -> set[str | None]:
        """What there is of one of the things grouped by."""
        return {group[index] for _, _, group in self.billed | self.effective}

    def split(self, index: int, values: Collection[str | None]) -> tuple[Both, Both]:
        """The groups with one of these values, and the others."""

        def part(costs: Costs, within: bool) -> Costs:
            return {key: cost for key, cost in costs.items() if (key[2][index] in values) is within}

        inside, outside = (Both(part(self.billed, w), part(self.effective, w)) for w in (True, False))
        return inside, outside

    def check(self, parts: Both, place: str) -> None:
        """Raises SourceError when the parts, asked for later, do not sum up to this whole."""
        for whole, sums in ((self.billed, parts.billed), (self.effective, parts.effective)):
            expected, found = _totals(whole), _totals(sums)
            for currency in expected | found:
                one, other = expected.get(currency, Decimal(0)), found.get(currency, Decimal(0))
                if abs(one - other) > max(ROUNDING_LEAST, ROUNDING * abs(one)):
                    raise SourceError(
                        f"{place}: the costs changed while we asked, from {text(one)} to {text(other)} {currency};"
                        " collect again"
                    )


@dataclass(frozen=True, kw_only=True)
class Asker:
    """One scope of the API. `recording`: the answers of before, and those that are got."""

    http: Http
    token: Callable[[], str] = field(repr=False)
    scope: str
    max_pages: int
    recording: Recording = field(default_factory=Recording, repr=False)

    def close(self) -> None:
        """End the connection."""
        self.http.close()

    def both(self, days: Period, group_by: tuple[str, str], only: Mapping[str, Sequence[str]]) -> Both:
        """The answers in both measures. Raises what `costs` does."""
        billed, effective = (self.costs(Question(measure, days, group_by, only)) for measure in MEASURES)
        return Both(billed, effective)

    def costs(self, question: Question) -> Costs:
        """The whole answer. Raises what Http raises, SourceError for pages without end, BillError for no answer."""
        found: Costs = {}
        place = f"{self.http.place}, {self.scope}, {question.measure} of {question.days}"
        for page in self._pages(question.body(), place):
            for key, cost in _costs(page, question, place):
                if key in found:
                    raise BillError(f"{place}: {_told(key)} comes twice, as if a page had been delivered again")
                found[key] = cost
        return found

    def _pages(self, body: Mapping[str, Any], place: str) -> Iterator[Mapping[str, Any]]:
        """The properties of each page: the same body goes to every next link."""
        url = f"{self.scope}/providers/Microsoft.CostManagement/query?api-version={API_VERSION}"
        seen: set[str] = set()
        while url:
            if url in seen:
                raise SourceError(f"{place}: stopped after {len(seen)} pages, as they go round in a circle")
            if len(seen) == self.max_pages:
                raise SourceError(f"{place}: stopped after {len(seen)} pages, and there are more")
            seen.add(url)
            page = self._page(url, body, place)
            yield page
            url = _below(page.get("nextLink"), place)

    def _page(self, url: str, body: Mapping[str, Any], place: str) -> Mapping[str, Any]:
        answer = self.recording.answer(lambda: self._asked(url, body), "POST", url, body)
        if answer.status_code == 204:
            return {"columns": None, "rows": []}
        found = self.http.parsed(answer) if answer.status_code == 200 else None
        properties = found.get("properties") if isinstance(found, dict) else None
        if not isinstance(properties, dict) or not isinstance(properties.get("rows"), list):
            raise BillError(f"{place}: status {answer.status_code} with what is no answer of Cost Management")
        return properties

    def _asked(self, url: str, body: Mapping[str, Any]) -> httpx2.Response:
        """The answer, logged in for it only now: what is kept takes no token."""
        token = self.token()
        self.http.secrets = (token,)
        return self.http.ask("POST", url, json=body, headers={"Authorization": f"Bearer {token}"})


def wait_seconds(headers: Mapping[str, str]) -> float | None:
    """The longest wait that any header asks for: each quota has a `...-retry-after` of its own."""
    asked = [seconds(said) for name, said in headers.items() if name.lower().endswith("retry-after")]
    return max((each for each in asked if each is not None), default=None)


def _totals(costs: Costs) -> dict[str, Decimal]:
    return totals((currency, cost) for (_, currency, _), cost in costs.items())


def _below(link: Any, place: str) -> str:
    """A next link as an address of ours, whatever host it names: the token is for no other, and a gateway stays."""
    if not link:
        return ""
    if not isinstance(link, str):
        raise BillError(f"{place}: not a next link: {link!r}")
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"


def _costs(page: Mapping[str, Any], question: Question, place: str) -> Iterator[tuple[Key, Decimal]]:
    """The groups of a page, their columns found by name."""
    if page["columns"] is None:
        return
    at = _columns(page["columns"], question.group_by, place)
    for row in page["rows"]:
        try:
            group = tuple(_text(row[at[name.lower()]]) for name in question.group_by)
            key = _day(row[at[DAY]]), str(_text(row[at[CURRENCY]]) or ""), group
            cost = amount(row[at["cost"]])
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise BillError(f"{place}: a row that cannot be: {row!r} ({error})") from None
        if key[0] not in question.days or not key[1]:
            raise BillError(f"{place}: a row of another day or without a currency: {row!r}")
        yield key, cost


def _columns(columns: Any, group_by: Sequence[str], place: str) -> dict[str, int]:
    """Where each column stands. Raises BillError that names the one missing and those there are."""
    try:
        names = [str(column["name"]) for column in columns]
    except (KeyError, TypeError):
        raise BillError(f"{place}: not columns: {columns!r}") from None
    at = {name.lower(): index for index, name in enumerate(names)}
    cost = next((name for name in COSTS if name in at), None)
    wanted = {"Cost": cost, "UsageDate": DAY, "Currency": CURRENCY, **{name: name.lower() for name in group_by}}
    missing = [name for name, key in wanted.items() if key not in at]
    if missing:
        raise BillError(f"{place}: no column {', '.join(missing)} in the answer; there are: {', '.join(names)}")
    return at | {"cost": at[str(cost)]}


def _day(value: Any) -> date:
    """A day told as 20261031 or, by some agreements, as a time."""
    told = str(value)
    return date.fromisoformat(told if told.isdigit() else told[:10])


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError(f"not a text: {value!r}")


def _told(key: Key) -> str:
    day, currency, group = key
    return " / ".join([str(day), *(str(each) for each in group), currency])
