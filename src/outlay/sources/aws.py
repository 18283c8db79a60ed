"""AWS by its Cost Explorer: charges per day, service and region; credits, refunds and taxes beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PrivateAttr

from outlay.core.errors import BillError, SourceError, UsageError
from outlay.core.focus import batch
from outlay.core.money import amount
from outlay.core.span import Period, Span, Window, month_of, next_month
from outlay.sources._aws import DENIED, Access, code_of

if TYPE_CHECKING:
    import pyarrow as pa

USD_PER_PAGE = Decimal("0.01")
DAYS_PER_PAGE = 30  # of one question, as an estimate: AWS does not say how much a page holds
MONTHS_BEFORE = 13  # daily costs are kept for this month and so many before it
METRICS = ("UnblendedCost", "AmortizedCost")

# Record types that are no usage, and the FOCUS charge category of each.
SPECIAL: Mapping[str, str] = {"Credit": "Credit", "Refund": "Adjustment", "Tax": "Tax"}
# What Cost Explorer says where there is no value; what is global has no region either.
NO_VALUE = frozenset({"", "NoRegion", "NoService", "global"})


@dataclass(frozen=True, slots=True)
class _Question:
    """One part of the money. Cost Explorer groups by two dimensions at most, so the whole takes two."""

    group_by: tuple[str, str]
    filter: Mapping[str, Any]


_ONLY_SPECIAL = {"Dimensions": {"Key": "RECORD_TYPE", "Values": [*SPECIAL]}}
_QUESTIONS = (
    _Question(("SERVICE", "REGION"), {"Not": _ONLY_SPECIAL}),
    _Question(("RECORD_TYPE", "SERVICE"), _ONLY_SPECIAL),
)


class Aws(Access):
    """AWS by its Cost Explorer. Every page of answers costs 0.01 USD, and a span takes two pages or more.

    `region` only tells the partition (AWS, China, GovCloud): the costs are those of all its regions.
    """

    max_pages: Annotated[int, Field(ge=1)] = 200  # per span

    _paid_calls: int = PrivateAttr(0)

    @property
    def paid_calls(self) -> int:
        """How many pages this object has asked Cost Explorer for, at 0.01 USD each."""
        return self._paid_calls

    def spans(self, window: Window) -> Iterator[Span]:
        """The window month by month, newest first, less the days that Cost Explorer does not have.

        It has this month until today and the 13 months before. Raises SourceError when no day is left.
        """
        kept = _kept(datetime.now(UTC).date())
        start, end = max(window.days.start, kept.start), min(window.days.end, kept.end)
        if start >= end:
            raise SourceError(f"{self.name}: Cost Explorer has the days {kept}, and none of {window.days}")
        return (Span.of_days(self.name, days) for days in Period(start, end).each_month())

    def price(self, span: Span) -> Decimal:
        """0.01 USD for each question and each 30 days begun: an estimate, as AWS does not size its pages.

        What a fetch can never exceed is `max_pages` times 0.01 USD.
        """
        return USD_PER_PAGE * len(_QUESTIONS) * -(-len(_days(span)) // DAYS_PER_PAGE)

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """One batch per page. Raises AuthError, SourceError, and BillError for an answer that cannot be."""
        days, place = _days(span), f"{self.name}: Cost Explorer"
        every = {
            "source": self.name,
            "provider_name": "AWS",
            "billing_account_id": self.account_id,
            "cut": "service,region",
        }
        for question, answer in self._answers(days):
            yield batch(every | row for row in _rows(question, answer, days, place))

    def test(self) -> str:
        """Asks for yesterday, which costs 0.01 USD."""
        account = self.account_id or "unknown (sts:GetCallerIdentity is denied)"
        next(self._answers(Period.last(1, until=datetime.now(UTC).date())))
        return f"account {account}: Cost Explorer answers"

    @cached_property
    def account_id(self) -> str | None:
        """The account the credentials belong to, asked once; None where asking is denied."""
        with self.plain_errors():
            sts = self.client("sts")
            try:
                return str(sts.get_caller_identity()["Account"])
            except sts.exceptions.ClientError as error:
                if code_of(error) in DENIED:
                    return None
                raise

    def _answers(self, days: Period) -> Iterator[tuple[_Question, Mapping[str, Any]]]:
        """Every page of every question. Raises SourceError when the pages do not end."""
        place = f"{self.name}: Cost Explorer, {days}"
        with self.plain_errors():
            client = self.client("ce")
        asked = 0
        for question in _QUESTIONS:
            ask = _request(question, days)
            tokens: set[str] = set()
            while True:
                if asked == self.max_pages:
                    raise SourceError(f"{place}: stopped after max_pages={asked} pages, and there are more")
                asked += 1
                answer = self._page(client, ask, place)
                yield question, answer
                token = answer.get("NextPageToken")
                if not token:
                    break
                if token in tokens:
                    raise SourceError(f"{place}: stopped after {asked} pages, as they go round in a circle")
                tokens.add(token)
                ask["NextPageToken"] = token

    def _page(self, client: Any, ask: Mapping[str, Any], place: str) -> Mapping[str, Any]:
        self._paid_calls += 1
        answer: Mapping[str, Any] = {}
        # botocore takes a body that is cut short, or no JSON at all, for an answer without fields,
        # and fails with an AttributeError on JSON of another shape.
        with self.plain_errors(), suppress(AttributeError):
            answer = client.get_cost_and_usage(**ask)
        if "ResultsByTime" not in answer:
            raise SourceError(f"{place}: the answer is cut short, or not one of Cost Explorer")
        return answer


def _rows(question: _Question, answer: Mapping[str, Any], days: Period, place: str) -> Iterator[dict[str, Any]]:
    """The rows of one page, without the groups that are zero in both measures."""
    for result in answer["ResultsByTime"]:
        day = _day(result, days, place)
        shared = _times(day) | {"provisional": bool(result.get("Estimated"))}
        for group in result.get("Groups", []):
            keys = group.get("Keys", [])
            try:
                charge = _charge(dict(zip(question.group_by, keys, strict=True)), group["Metrics"])
            except (KeyError, TypeError, ValueError) as error:
                fault = f"no {error}" if isinstance(error, KeyError) else error
                raise BillError(f"{place}, {day}, {' / '.join(map(str, keys))}: {fault}") from None
            if charge["billed_cost"] or charge["effective_cost"]:
                yield shared | charge


def _charge(keys: Mapping[str, str], metrics: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """What one group says of itself. Raises KeyError, TypeError or ValueError for what cannot be."""
    billed, effective = (amount(metrics[name]["Amount"]) for name in METRICS)
    currency, other = (metrics[name]["Unit"] for name in METRICS)
    if currency != other:
        raise ValueError(f"two currencies in one charge: {currency} and {other}")
    record = keys.get("RECORD_TYPE")
    return {
        "billed_cost": billed,
        "effective_cost": effective,
        "billing_currency": currency,
        "charge_category": SPECIAL[record] if record is not None else "Usage",
        "charge_description": record,
        "service_name": _value(keys["SERVICE"]),
        "region_id": _value(keys.get("REGION", "")),
    }


def _day(result: Mapping[str, Any], days: Period, place: str) -> date:
    said = result.get("TimePeriod", {})
    try:
        found = Period(date.fromisoformat(said["Start"]), date.fromisoformat(said["End"]))
    except (KeyError, ValueError, UsageError):
        raise BillError(f"{place}, {days}: not a day: {said!r}") from None
    if len(found) != 1 or found.start not in days:
        raise BillError(f"{place}, {days}: answered with {found}, which is no day of these")
    return found.start


def _times(day: date) -> dict[str, datetime]:
    return {
        "charge_period_start": _midnight(day),
        "charge_period_end": _midnight(day + timedelta(days=1)),
        "billing_period_start": _midnight(month_of(day)),
        "billing_period_end": _midnight(next_month(day)),
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _value(key: str) -> str | None:
    return None if key in NO_VALUE else key


def _request(question: _Question, days: Period) -> dict[str, Any]:
    return {
        "TimePeriod": {"Start": days.start.isoformat(), "End": days.end.isoformat()},
        "Granularity": "DAILY",
        "Metrics": [*METRICS],
        "GroupBy": [{"Type": "DIMENSION", "Key": key} for key in question.group_by],
        "Filter": question.filter,
    }


def _days(span: Span) -> Period:
    return span.days or span.months


def _kept(today: date) -> Period:
    """The days Cost Explorer has: until today, from the first of the oldest month that is kept."""
    months = today.year * 12 + today.month - 1 - MONTHS_BEFORE
    return Period(date(months // 12, months % 12 + 1, 1), today + timedelta(days=1))
