"""GCP by the billing export in BigQuery: every invoice month as Google exports it, credits as rows of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from outlay.core.errors import SpendError
from outlay.core.ledger import Tally
from outlay.core.ports import Ledger
from outlay.core.span import Period, Span, Window, month_of, next_month
from outlay.sources.gcp import focus_view, sql, standard
from outlay.sources.gcp.access import Access
from outlay.sources.gcp.asking import Asking
from outlay.sources.gcp.export import Kind, Table, Wanted, find
from outlay.sources.gcp.kept_charges import keeping, kept, key_of
from outlay.sources.gcp.rows import batches
from outlay.sources.gcp.running import Question, billed_bytes, dry_run, run

if TYPE_CHECKING:
    import pyarrow as pa

GENERATION = 1  # one more whenever the same export comes to give other rows: stores then read it again
ISSUED_DAYS = 10  # after the end of a month its invoice is out, and its charges are no estimates any more
TIB = Decimal(2**40)

_DATASET = r"^([a-z0-9.:-]+\.)?[A-Za-z0-9_]+$"


class Gcp(Access):
    """Google Cloud's billing export in BigQuery. Asking costs by the bytes that are read; nothing else costs.

    `dataset`              the dataset of the export, or `project.dataset`; `bigquery_billing_dataset` is the same
    `project_id`           the project that asks and is billed for it; of the credentials if left out
    `credentials_path`     a key or credentials file; without it Application Default Credentials
    `billing_account_id`   which export, where the dataset has those of several billing accounts
    `table`                the export's table or view, where it has a name of its own
    `kind`                 `auto` takes the best there is: `detailed` by resource, `standard`, a `focus` view
    `location`             of the dataset, where it is not told
    `slack_days`           how many days before and after a month its invoice's lines are looked for
    `bytes_cap_per_query`  a query that reads more is not made
    `usd_per_tib`          the price of reading: 0 with reserved slots
    `endpoint_url`         another address of BigQuery; with `anonymous` an emulator, asked without credentials
    """

    dataset: Annotated[str, Field(pattern=_DATASET)]
    bigquery_billing_dataset: str | None = None
    billing_account_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] | None = None
    table: Annotated[str, Field(pattern=r"^[\w-]+$")] | None = None
    kind: Literal["auto"] | Kind = "auto"
    slack_days: Annotated[int, Field(ge=1)] = 40
    bytes_cap_per_query: Annotated[int, Field(ge=10 * 2**20)] = 100 * 2**30
    usd_per_tib: Annotated[Decimal, Field(ge=0)] = Decimal("6.25")

    _ledger: Ledger = PrivateAttr(default_factory=Tally)

    @model_validator(mode="before")
    @classmethod
    def _one_dataset(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("bigquery_billing_dataset"):
            return {"dataset": values["bigquery_billing_dataset"], **values}
        return values

    def with_ledger(self, ledger: Ledger) -> Self:
        """The same source, which books its calls with `ledger`."""
        copy = self.model_copy()
        copy._ledger = ledger
        return copy

    def spans(self, window: Window) -> Iterator[Span]:
        """Invoice months, newest first: those of the window and, unless it was asked for, all that may still change.

        A month that can change is of the version of its table, one that cannot is of one version for good.
        """
        with self._export() as export:
            found = export.table
        today = _today()
        for month in _months(window, today, self.slack_days):
            yield Span(self.name, month, version=_version(found, month, self._is_settled(month, today)))

    def price(self, span: Span) -> Decimal:
        """What BigQuery bills for reading the span, by a dry run, which is free; 0 for one whose charges are kept."""
        with self._export() as export:
            if self._ledger.kept(self._key(export, span)):
                return Decimal(0)
            return self._price(export.bytes_of(span.months))

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """One batch per page of the one query. Raises AuthError, SpendError, BillError and other SourceErrors."""
        with self._export() as export:
            key = self._key(export, span)
            if (found := kept(self._ledger, key)) is not None:
                yield from found
                return
            size = export.bytes_of(span.months)
            if size > self.bytes_cap_per_query:
                raise SpendError(
                    f"{self.name}: {export.table}, {span.months.start:%Y-%m}: reading takes {size} bytes,"
                    f" more than bytes_cap_per_query={self.bytes_cap_per_query}; nothing was read"
                )
            pages = run(export.client, export.asking, export.question(span.months), size, self._price(size))
            every = {"source": self.name, "provisional": _is_provisional(span.months)}
            asked = batches(pages, export.asking, export.charge, every, span.months)
            yield from keeping(self._ledger, key, asked)

    def test(self) -> str:
        """Find the export and have this month's query checked, which is free."""
        month = Period(month_of(_today()), next_month(_today()))
        with self._export() as export:
            usd = self._price(export.bytes_of(month))
            rows = "" if export.table.rows is None else f", {export.table.rows} lines"
            return f"{export.table}: a {export.table.kind} export{rows}; a month takes about {usd:.4f} USD to read"

    @contextmanager
    def _export(self) -> Iterator[_Export]:
        client = self.client()
        try:
            project, _, dataset = self.dataset.rpartition(".")
            asking = Asking(f"{self.name}: BigQuery", client.project, self._ledger, self.attempts)
            wanted = Wanted(
                self.name, project or client.project, dataset, self.kind, self.table, self.billing_account_id
            )
            yield _Export(client, asking, find(client, asking, wanted), self.slack_days, self.location)
        finally:
            client.close()

    def _key(self, export: _Export, span: Span) -> str:
        """What the charges of a span are kept under: rows of a table that changed since are never taken for its own."""
        return key_of(
            export.question(span.months),
            GENERATION,
            export.table.created,
            export.table.changed,
            span.version,
            _is_provisional(span.months),
        )

    def _price(self, size: int) -> Decimal:
        return Decimal(size) * self.usd_per_tib / TIB

    def _is_settled(self, month: Period, today: date) -> bool:
        return today >= month.end + timedelta(days=self.slack_days)


@dataclass(frozen=True, slots=True)
class _Export:
    """An export that was found, and how it is asked."""

    client: Any
    asking: Asking
    table: Table
    slack_days: int
    location: str | None

    def question(self, month: Period) -> Question:
        """The query of a month, and what is bound to it."""
        shape = self._of_kind.shape(self.table)
        config = sql.config(self.table, shape, month, self.slack_days)
        return Question(sql.text(self.table, shape), config, self.location or self.table.location)

    def bytes_of(self, month: Period) -> int:
        """The bytes that the query of a month is billed for."""
        return billed_bytes(dry_run(self.client, self.asking, self.question(month)))

    @property
    def charge(self) -> Any:
        return self._of_kind.charge

    @property
    def _of_kind(self) -> Any:
        return focus_view if self.table.kind == "focus" else standard


def _months(window: Window, today: date, slack_days: int) -> Iterator[Period]:
    """The invoice months of these days: one begins in California, so its first hours are on the invoice before."""
    start = window.days.start - timedelta(days=1)
    if not window.asked:
        start = min(start, today - timedelta(days=slack_days))
    end = min(window.days.end, today + timedelta(days=1))
    return Period(start, end).months().each_month() if start < end else iter(())


def _version(table: Table, month: Period, settled: bool) -> str | None:
    """The identity of a month's rows; None where a view does not tell whether they changed."""
    fixed = f"{GENERATION} {table} {table.created}"
    if settled:
        return f"{fixed} settled"
    if table.changed is None:
        return None
    return f"{fixed} {'open' if _is_provisional(month) else 'issued'} {table.changed}"


def _is_provisional(month: Period) -> bool:
    """Whether the month's invoice is not out yet."""
    return _today() < month.end + timedelta(days=ISSUED_DAYS)


def _today() -> date:
    return datetime.now(UTC).date()
