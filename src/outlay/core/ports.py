"""The Protocols of the four plugin kinds, and their contracts in words. No code.

A plugin is a frozen pydantic model: its fields are its settings, its docstring is its manual. No base class, no
registration. tests/contracts/ holds the same contracts as tests and runs them over every plugin there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pyarrow as pa

    from outlay.core.message import Message
    from outlay.core.query import CostQuery
    from outlay.core.reading import Reading
    from outlay.core.span import Span, Window


@dataclass(frozen=True, slots=True)
class DayChange:
    """What one replace made of one day's billed cost: `before` is None for a day not known until now."""

    day: date
    currency: str
    before: Decimal | None
    after: Decimal


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a replace did. `unchanged`: the store held that very delivery and read nothing."""

    rows: int = 0
    totals: dict[str, Decimal] = field(default_factory=dict)  # billed cost per currency
    changes: list[DayChange] = field(default_factory=list)  # days whose billed cost changed, oldest first
    unchanged: bool = False


class Source(Protocol):
    """One account or folder of bills.

    Besides its settings a source's class may name, as class variables, the environment that configures it:
    `ENVIRONMENT`, a mapping of variables to fields, and `SWITCH`, the variables whose presence switches it on.
    """

    @property
    def name(self) -> str:
        """What the rows call this source: lower-case letters, digits, dots, dashes and underscores."""

    def spans(self, window: Window) -> Iterable[Span]:
        """What there is to fetch for these days, newest first.

        Months delivered whole, with the delivery's version; or days to ask an API for. Raises SourceError.
        """

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """Yield every charge of the span in the schema of `focus.schema()`.

        The same span twice gives the same rows. Nothing outside the span. Memory does not grow with the span.
        Raises SourceError, AuthError or BillError; what was yielded before is then thrown away.
        """

    def test(self) -> str:
        """Ask the provider for as little as proves that access works, and say in one line what was reached.

        Raises AuthError or SourceError with what is missing, in words a person can act on.
        """


class Ledger(Protocol):
    """What a source books while it works, beside the rows it yields. `ledger.Tally` is one in memory."""

    @property
    def settled(self) -> frozenset[date]:
        """The days that the provider will not change any more, as far as the source told: they are not asked for."""

    def pay(self, operation: str, usd: Decimal, account: str = "") -> None:
        """Book one call before it is made; a call that is free costs 0.

        Raises SpendError when it would pass the month's cap, and ThrottledError past the calls of an hour: then
        the call must not be made.
        """

    def settle(self, days: Iterable[date]) -> None:
        """These days, whose rows are being yielded, are final. Taken back when the span is not stored."""

    def kept(self, key: str) -> bytes | None:
        """The answer kept under this key by an attempt at the same span that failed later on."""

    def keep(self, key: str, answer: bytes, *, briefly: bool = False) -> None:
        """Keep a paid answer until its span is stored, so that trying again does not pay for it again.

        `briefly`: one that is free, or large for what it costs, is kept where a cache is, while that keeps it, or not
        at all. An empty answer takes back the one that was kept.
        """


@runtime_checkable
class Booked(Protocol):
    """A source whose calls are counted."""

    def with_ledger(self, ledger: Ledger) -> Source:
        """The same source, which books what it does with `ledger`."""


@runtime_checkable
class Priced(Booked, Protocol):
    """A source whose questions cost money."""

    def price(self, span: Span) -> Decimal:
        """What fetching the span costs, in USD, told without spending anything."""


@runtime_checkable
class Several(Protocol):
    """Settings that stand for several sources, such as one for each account."""

    def each(self) -> Sequence[Source]:
        """The sources, with names of their own. Asks nobody."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Whose money a source brings: the account it asks as, and the members whose costs it sees as their payer."""

    account: str
    members: frozenset[str] = frozenset()


@runtime_checkable
class Covering(Protocol):
    """A source that can tell whose money it brings, so that no account is counted by two sources."""

    def covers(self) -> Coverage | None:
        """Whose money; None when that is not told. Raises SourceError."""


@runtime_checkable
class Readings(Protocol):
    """A source that also has numbers which are no charges."""

    def read(self, day: date) -> Iterator[Reading]:
        """What the provider reports as of `day`, today (UTC) mostly. Raises SourceError."""


@runtime_checkable
class PricedReadings(Readings, Protocol):
    """A source whose readings cost money: they are read once a day."""

    def reading_price(self) -> Decimal:
        """What reading costs, in USD; 0 where the settings ask for none: then `read` is not called."""


class Warehouse(Protocol):
    """One store of charges. Safe for many threads and processes at once.

    Besides its settings a warehouse's class may name, as class variables: `SCHEMES`, those of the URLs that stand
    for such a store; `ENVIRONMENT` and `SWITCH`, as a source's does.
    """

    def prepare(self) -> None:
        """Create or migrate what the store needs; harmless when that is done. Raises StoreError."""

    def replace(self, span: Span, rows: Iterable[pa.RecordBatch]) -> Replaced:
        """Make `rows` all there is of the span, or change nothing.

        Readers see the old state or the new one, never neither or both. A span whose version the store holds
        leaves `rows` unread. A row outside the span raises BillError; StoreError when the store fails.
        """

    def query(self, query: CostQuery) -> pa.Table:
        """The answer of `query`, in the columns it names. Never blocked by a writer."""

    def version(self) -> str:
        """A text that changes whenever the charges do, and no other store has: the key for any cache of answers."""

    def months(self) -> list[tuple[str, date, str | None]]:
        """Each source and billing month there is, and the identity of the delivery that brought it, if one did."""

    def rows(self, source: str, month: date) -> Iterator[pa.RecordBatch]:
        """Every charge of a source's billing month, in the schema of `focus.schema()`."""

    def adopt(self, source: str, month: date, delivery: str | None, rows: Iterable[pa.RecordBatch]) -> Replaced:
        """Replace a month by what another store has of it: that very delivery is then unchanged here, too."""

    def maintain(self) -> None:
        """What is due after collecting: tidy, compact, forget old versions. Never needed for right answers."""


class Notifier(Protocol):
    """One channel that tells people."""

    @property
    def name(self) -> str:
        """What settings, logs and `outlay alerts test --channel` call it."""

    def send(self, message: Message) -> None:
        """Hand the message over, once. Raises NotifyError, without secrets, when it was not taken."""
