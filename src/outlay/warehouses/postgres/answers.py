"""The answer to one question: from the sums where they have what it is about, else from the charges themselves."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from outlay.core.query import CostQuery, Postgres, compile_query
from outlay.warehouses.postgres.copy import storable
from outlay.warehouses.postgres.sums import needed

if TYPE_CHECKING:
    from outlay.warehouses.postgres.connections import Connection


def answer(connection: Connection, query: CostQuery) -> list[tuple[Any, ...]]:
    """The rows of the answer, in the columns of `query`. The connection sees one state of the store."""
    found = connection.execute(
        "SELECT DISTINCT source, month, cut FROM charge_days WHERE charge_date >= %s AND charge_date < %s",
        (query.days.start, query.days.end),
    ).fetchall()
    if not found:
        return []
    cuts = defaultdict(set)
    for source, _month, cut in found:
        cuts[source].add(cut)
    table = needed(query)
    if table == "charges":
        # A charge's day says nothing of its partition: these are the months on whose bills such days stand.
        months = ", ".join(sorted({f"'{month}'" for _source, month, _cut in found}))
        table = f"(SELECT * FROM charges WHERE month IN ({months})) AS charges"  # noqa: S608 - days of our own
    compiled = compile_query(query, Postgres(), {source: sorted(names) for source, names in cuts.items()}, table)
    params = {name: storable(value) if isinstance(value, str) else value for name, value in compiled.params.items()}
    return connection.execute(compiled.sql, params).fetchall()
