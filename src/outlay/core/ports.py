"""The Protocols of the four plugin kinds, and their contracts in words. No code.

A plugin is a frozen pydantic model: its fields are its settings, its docstring is its manual. No base class, no
registration. tests/contracts/ holds the same contracts as tests and runs them over every plugin there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pyarrow as pa

    from outlay.core.query import CostQuery
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


@runtime_checkable
class Priced(Protocol):
    """A source whose questions cost money."""

    @property
    def paid_calls(self) -> int:
        """How many calls that cost money this object has made so far."""

    def price(self, span: Span) -> Decimal:
        """What fetching the span costs, in USD, estimated without spending anything."""


class Warehouse(Protocol):
    """One store of charges. Safe for many threads and processes at once."""

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
        """A text that changes whenever the charges do: the key for any cache of answers."""

    def maintain(self) -> None:
        """What is due after collecting: tidy, compact, forget old versions. Never needed for right answers."""
