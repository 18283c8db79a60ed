"""Pages: so many rows of an answer, and an opaque cursor that leads to those after them."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

from starlette.exceptions import HTTPException

from outlay.core.errors import UsageError
from outlay.core.query import CostQuery

if TYPE_CHECKING:
    import pyarrow as pa

    from outlay.core.ports import Warehouse

T = TypeVar("T")

OFFSET_MAX = 2**40  # rows; engines count them in 64 bits

_FORM = struct.Struct(">Q8s8s")  # rows before the page, the question, the version of the charges


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where an answer goes on. It is worth something for the same question alone, while the charges do not change."""

    offset: int
    question: bytes
    version: bytes

    @classmethod
    def start(cls, query: CostQuery, version: str) -> Cursor:
        """Before the first row."""
        return cls.of(replace(query, limit=None), version)

    @classmethod
    def of(cls, question: object, version: str) -> Cursor:
        """Before the first row of what a question, which its repr tells from others, is answered with."""
        return cls(0, _digest(repr(question)), _digest(version))

    def after(self, rows: int) -> Cursor:
        """So many rows later."""
        return replace(self, offset=self.offset + rows)

    def text(self) -> str:
        """What is handed out."""
        return urlsafe_b64encode(_FORM.pack(self.offset, self.question, self.version)).decode()

    def at(self, text: str) -> Cursor:
        """The place that `text` names in the answer that this one starts.

        Raises UsageError for the cursor of another question, and HTTPException (409) when the charges have changed.
        """
        try:
            found = Cursor(*_FORM.unpack(urlsafe_b64decode(text.encode())))
        except (Error, ValueError, struct.error):
            raise UsageError("cursor: not one that an answer had as its next_cursor") from None
        if found.question != self.question or found.offset > OFFSET_MAX:
            raise UsageError(
                "cursor: it belongs to another question; ask with the parameters of the page before, `limit` may differ"
            )
        if found.version != self.version:
            raise changed()
        return found


def changed() -> HTTPException:
    """The problem of pages whose charges are not those of the pages before."""
    return HTTPException(409, "the charges have changed since the first page; start again without `cursor`")


class Later:
    """A warehouse whose limited answers begin after the first rows, and have one more than was asked for."""

    def __init__(self, warehouse: Warehouse, offset: int) -> None:
        self._warehouse, self._offset = warehouse, offset

    def query(self, query: CostQuery) -> pa.Table:
        """The answer; its last row, if there are more than the limit, only tells that the answer goes on."""
        if query.limit is None:
            return self._warehouse.query(query)
        found = self._warehouse.query(replace(query, limit=self._offset + query.limit + 1))
        return found.slice(min(self._offset, _shown(found)))


def page(rows: Sequence[T], limit: int) -> tuple[Sequence[T], bool]:
    """At most `limit` of the rows, and whether there are more."""
    return rows[:limit], len(rows) > limit


def _shown(found: pa.Table) -> int:
    """How many rows are none of the totals, which are the last ones."""
    import pyarrow.compute as pc

    if "is_total" not in found.column_names:
        return int(found.num_rows)
    return int(found.num_rows - (pc.sum(found["is_total"]).as_py() or 0))


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8).digest()
