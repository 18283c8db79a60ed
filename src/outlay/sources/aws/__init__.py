"""AWS by its Cost Explorer: charges per day, service and region, and by what else is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, PrivateAttr, model_validator

from outlay.core.errors import SourceError
from outlay.core.focus import batch
from outlay.core.ports import Coverage, Ledger
from outlay.core.span import Period, Span, Window
from outlay.sources._aws import Access
from outlay.sources.aws import readings as commitments
from outlay.sources.aws.accounts import (
    ACCOUNT_PAGES_MAX,
    Account,
    Organisation,
    has_cost_explorer,
    organisation,
    own_account,
    several,
)
from outlay.sources.aws.pages import COSTS, USD_PER_PAGE, Book, Desk, Unkept
from outlay.sources.aws.questions import Dimension, Metric, Question, cuts, questions
from outlay.sources.aws.records import COLUMNS, Reader
from outlay.sources.aws.sizes import Sizes

if TYPE_CHECKING:
    import pyarrow as pa

    from outlay.core.reading import Reading

MONTHS_BEFORE = 13  # daily costs are kept for this month and so many before it
SETTLES_DAYS = 3  # a day younger than that is not final, whatever is said of it


class Aws(Access):
    """AWS by its Cost Explorer, one account or an organisation. Every page of answers costs 0.01 USD.

    `region` only tells the partition (AWS, China): the costs are those of all its regions.
    """

    ENVIRONMENT: ClassVar[Mapping[str, str]] = {**Access.ENVIRONMENT, "AWS_REGIONS": "regions"}

    accounts: tuple[Account, ...] = ()  # several accounts, each a source named <name>-<its name>
    account_name: str | None = None  # what the account is called, where AWS Organizations does not tell
    labels: dict[str, str] = Field(default_factory=dict)  # tags of every charge
    regions: tuple[str, ...] = ()  # whose resources are looked at; costs are those of all regions
    group_by: Annotated[tuple[Dimension, ...], Field(min_length=1)] = ("SERVICE", "REGION")
    tag_keys: tuple[str, ...] = ()  # one more cut for each, by service and this cost allocation tag
    metrics: tuple[Metric, ...] = ("UnblendedCost", "AmortizedCost")
    readings: tuple[commitments.Name, ...] = ()
    max_pages: Annotated[int, Field(ge=1)] = 200  # per span

    _ledger: Ledger = PrivateAttr(default_factory=Unkept)
    _sizes: Sizes = PrivateAttr(default_factory=Sizes)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        names = [each.name for each in self.accounts]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two accounts are named {', '.join(twice)}; give each a name of its own")
        columns = [COLUMNS[each] for each in self.metrics if each in COLUMNS]
        if columns.count("billed_cost") != 1 or columns.count("effective_cost") > 1:
            raise ValueError(
                "metrics need one of UnblendedCost and NetUnblendedCost, and at most one of AmortizedCost and"
                " NetAmortizedCost"
            )
        return self

    def each(self) -> Sequence[Aws]:
        """One source for each of `accounts`; this one where there are none."""
        return several(self) if self.accounts else [self]

    def with_ledger(self, ledger: Ledger) -> Self:
        """The same source, which books its pages with `ledger`."""
        copy = self.model_copy()
        copy.__dict__.pop("organisation", None)  # accounts come and go: each collection asks once
        copy._ledger = ledger
        return copy

    def spans(self, window: Window) -> Iterator[Span]:
        """The days of the window that are not final, in runs within a month, newest first.

        Cost Explorer has this month until today and the 13 months before. Raises SourceError when it has no day of
        the window.
        """
        there = _kept(datetime.now(UTC).date())
        start, end = max(window.days.start, there.start), min(window.days.end, there.end)
        if start >= end:
            raise SourceError(f"{self.name}: Cost Explorer has the days {there}, and none of {window.days}")
        settled = self._ledger.settled
        months = Period(start, end).each_month()
        return (Span.of_days(self.name, run) for month in months for run in _runs(month, settled))

    def price(self, span: Span) -> Decimal:
        """0.01 USD for each page: one for each question, or as many as such days took before; less those kept.

        AWS does not say how much a page holds. What a fetch can never exceed is `max_pages` times 0.01 USD.
        """
        return USD_PER_PAGE * sum(self._pages(question, _days(span)) for question in self.questions)

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """One batch per page. Raises AuthError, SourceError, and BillError for an answer that cannot be."""
        days = _days(span)
        desk = self.desk("ce", f"{self.name}: Cost Explorer, {days}", self.max_pages)
        shared, names = self._shared(), dict(self.organisation.names)
        final = {day for day in days.each_day() if day <= datetime.now(UTC).date() - timedelta(days=SETTLES_DAYS)}
        for question in self.questions:
            reader = Reader(question.group_by, self.metrics, days, desk.place, shared, names)
            for rows in desk.bought(COSTS, question.request(days, self.metrics), reader.page):
                yield batch(row | {"cut": cut} for cut in question.cuts for row in rows)
            self._sizes.learn(question, days, reader.pages)
            final &= {day for day, estimated in reader.told.items() if not estimated}
        self._ledger.settle(sorted(final))

    def test(self) -> str:
        """Asks for yesterday, which costs 0.01 USD."""
        days = Period.last(1, until=datetime.now(UTC).date())
        desk = self.desk("ce", f"{self.name}: Cost Explorer, {days}", 1)
        desk.page(COSTS, self.questions[0].request(days, self.metrics))
        account = self.account_id or "unknown (sts:GetCallerIdentity is denied)"
        asked = len(self.questions)
        return (
            f"account {account} ({self.partition}): Cost Explorer answers; {self.organisation.said(account)};"
            f" a month of days takes {asked} pages or more, {asked * USD_PER_PAGE} USD"
        )

    def covers(self) -> Coverage | None:
        """The account, and the accounts it pays for. Asks STS and Organizations, which is free."""
        account = self.account_id
        return Coverage(account, self.organisation.members(account)) if account else None

    def read(self, day: date) -> Iterator[Reading]:
        """What `readings` names, as Cost Explorer tells it; each page costs 0.01 USD."""
        if not self.readings:
            return
        desk = self.desk("ce", f"{self.name}: Cost Explorer", commitments.PAGES_MAX)
        currency = "CNY" if self.partition == "aws-cn" else "USD"
        yield from commitments.read(desk, day, enabled=self.readings, currency=currency)

    def reading_price(self) -> Decimal:
        """0.01 USD for each question of `readings`, if each answer is one page."""
        return commitments.price(self.readings)

    @cached_property
    def account_id(self) -> str | None:
        """The account the credentials belong to, asked once; None where asking is denied."""
        return own_account(self)

    @cached_property
    def organisation(self) -> Organisation:
        """What AWS Organizations tells this account, asked once."""
        return organisation(self.desk("organizations", f"{self.name}: Organizations", ACCOUNT_PAGES_MAX))

    @cached_property
    def questions(self) -> list[Question]:
        """What every run of days is asked."""
        return questions(cuts(self.group_by, self.tag_keys))

    def desk(self, service: str, place: str, pages_max: int) -> Desk:
        """Where a service of AWS is asked, and its pages are booked."""
        if service == "ce":
            has_cost_explorer(self)
        return Desk(self, Book(self.name, self._ledger), service, self.account_id or "", place, pages_max)

    def _shared(self) -> dict[str, Any]:
        """What every row says. Only a payer has charges of other accounts, whose names a cut of their own tells."""
        account, found = self.account_id, self.organisation
        shared: dict[str, Any] = {"source": self.name, "provider_name": "AWS", "billing_account_id": account}
        pays_for_others = found.members(account or "") or (found.payer is None and "LINKED_ACCOUNT" in self.group_by)
        if account and not pays_for_others:
            shared |= {"sub_account_id": account, "sub_account_name": found.names.get(account, self.account_name)}
        return shared | ({"tags": dict(self.labels)} if self.labels else {})

    def _pages(self, question: Question, days: Period) -> int:
        """How many pages have to be paid for, as far as can be told."""
        ask = question.request(days, self.metrics)
        kept = Book(self.name, self._ledger).chain(COSTS, ask)
        if kept and not kept[-1][1].get(COSTS.more):
            return 0
        return max(self._sizes.pages(question, days) - len(kept), 1)


def _runs(month: Period, settled: frozenset[date]) -> Iterator[Period]:
    """The days that are not settled, as runs, newest first."""
    end: date | None = None
    for day in reversed(list(month.each_day())):
        if day not in settled and end is None:
            end = day + timedelta(days=1)
        elif day in settled and end is not None:
            yield Period(day + timedelta(days=1), end)
            end = None
    if end is not None:
        yield Period(month.start, end)


def _days(span: Span) -> Period:
    return span.days or span.months


def _kept(today: date) -> Period:
    """The days Cost Explorer has: until today, from the first of the oldest month that is kept."""
    months = today.year * 12 + today.month - 1 - MONTHS_BEFORE
    return Period(date(months // 12, months % 12 + 1, 1), today + timedelta(days=1))
