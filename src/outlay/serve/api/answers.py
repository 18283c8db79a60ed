"""Answers: what the store tells, page by page, under a name that holds while it would tell the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from outlay import __version__, history, reports
from outlay.limited import Refreshable
from outlay.serve.access.who import asker
from outlay.serve.api.pace import Pace
from outlay.serve.api.paging import Cursor, Later, changed, page

if TYPE_CHECKING:
    from starlette.requests import Request

    from outlay.core.ports import Warehouse
    from outlay.core.query import CostQuery
    from outlay.reports import Costs
    from outlay.state import State

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Basis:
    """What an answer is made of: a version of the charges, and from which day on each source's are not settled."""

    version: str
    unsettled: Mapping[str, date]


@dataclass(frozen=True, slots=True)
class Answers:
    """Whom the routes ask. `pace` bounds how often answers that are kept can be gone round."""

    warehouse: Warehouse
    state: State
    pace: Pace

    def costs(self, query: CostQuery, basis: Basis, *, fresh: bool = False) -> Costs:
        """The answer of a question; `fresh`: of the store itself, whatever answers are kept."""
        return history.costs(self._asked(fresh=fresh), query, basis.unsettled)

    def page(self, query: CostQuery, cursor: str | None, basis: Basis, *, fresh: bool = False) -> Told:
        """The JSON of at most `query.limit` rows, from the cursor on. Raises UsageError, and HTTPException (409)."""
        assert query.limit is not None  # noqa: S101 - every question of the API has one
        start = Cursor.start(query, basis.version)
        here = start.at(cursor) if cursor else start
        later = Later(self._asked(fresh=fresh), here.offset)
        found = history.costs(later, query, basis.unsettled)  # type: ignore[arg-type] # asked, never written
        if cursor and self.warehouse.version() != basis.version:
            raise changed()  # while it was asked
        rows, more = page(found.rows, query.limit)
        after = here.after(len(rows)).text() if more else None
        return {**reports.as_json(replace(found, rows=rows)), "next_cursor": after}

    def respond(self, request: Request, question: object, body: Callable[[Basis], Told], *, fresh: bool) -> Response:
        """The JSON that `body` makes, or 304 where the client has it already."""
        if fresh:
            self.pace.enter(f"{asker().name} {question!r}", "this answer")
        basis = Basis(self.warehouse.version(), history.provisional_from(self.state))
        name = _name(question, basis)
        # Weak, since the same answer goes out compressed and plain. Private: it is of whoever asks.
        headers = {"ETag": f'W/"{name}"', "Cache-Control": "private, no-cache"}
        if name in request.headers.get("if-none-match", "") and not fresh:
            return Response(status_code=304, headers=headers)
        text = json.dumps(body(basis), ensure_ascii=False)
        return Response(text.encode(), headers=headers, media_type="application/json")

    def _asked(self, *, fresh: bool) -> Warehouse:
        """The warehouse, or, `fresh`, the one that goes round the answers of before."""
        return self.warehouse.fresh() if fresh and isinstance(self.warehouse, Refreshable) else self.warehouse


def _name(question: object, basis: Basis) -> str:
    """What names an answer: another one once the charges change, or which days are settled."""
    told = repr((__version__, basis, question))
    return blake2b(told.encode(errors="surrogatepass"), digest_size=16).hexdigest()
