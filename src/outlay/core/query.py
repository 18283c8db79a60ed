"""CostQuery: one question about costs, and its SQL for every engine. Values are bound, never pasted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from outlay.core.errors import UsageError, choices
from outlay.core.money import SCALE
from outlay.core.span import Period

Measure = Literal["billed", "effective", "contracted", "list"]
Order = Literal["cost", "dimensions"]

MEASURES: Mapping[str, str] = {
    "billed": "billed_cost",
    "effective": "effective_cost",
    "contracted": "contracted_cost",
    "list": "list_cost",
}

# The words a person, the API, the settings and the metrics use, and the column each stands for.
DIMENSIONS: Mapping[str, str] = {
    "date": "charge_date",
    "month": "charge_date",
    "source": "source",
    "provider": "provider",
    "billing_account": "billing_account_id",
    "sub_account": "sub_account_id",
    "sub_account_name": "sub_account_name",
    "service": "service_name",
    "service_category": "service_category",
    "region": "region_id",
    "resource": "resource_id",
    "charge_category": "charge_category",
    "sku": "sku_id",
    "invoice": "invoice_id",
    "commitment": "commitment_discount_id",
}
ALIASES: Mapping[str, str] = {"account": "sub_account"}
TAG = "tag:"

# Every cut has these: no row is without them, so they do not ask for a finer cut.
IN_EVERY_CUT = frozenset({"date", "month", "source", "provider", "charge_category"})


def dimension(word: str) -> str:
    """The dimension a word names. Raises UsageError with the choices."""
    name = ALIASES.get(word, word)
    if name in DIMENSIONS or (name.startswith(TAG) and len(name) > len(TAG)):
        return name
    raise UsageError(choices("dimension", word, [*DIMENSIONS, *ALIASES, "tag:<key>"]))


@dataclass(frozen=True, slots=True)
class Filter:
    """Keep the rows whose dimension is (with `exclude`, is not) one of the values; None is no value."""

    dimension: str
    values: tuple[str | None, ...]
    exclude: bool = False


@dataclass(frozen=True, slots=True)
class CostQuery:
    """Costs of some days, summed per currency and combination of dimensions.

    The answer has one column per dimension (text; `date` and `month` are days), `currency` (text), `cost`
    (decimal 38,18) and `provisional_from` (the first day among the row's that is still an estimate, or null).
    With `totals` it also has `is_total`: true in one more row per currency, last, which sums up all rows, those
    beyond a limit too, and has no dimensions.
    """

    days: Period
    dimensions: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    measure: Measure = "billed"
    order: Order = "cost"
    limit: int | None = None
    totals: bool = False

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise UsageError(choices("measure", self.measure, [*MEASURES]))
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"a limit is at least 1, not {self.limit}")
        names = tuple(dict.fromkeys(dimension(word) for word in self.dimensions))
        filters = tuple(replace(each, dimension=dimension(each.dimension)) for each in self.filters)
        for each in filters:
            for value in each.values:
                if value is not None:
                    _typed(each.dimension, value)  # a wrong day is told here, even where there is nothing to filter
        object.__setattr__(self, "dimensions", names)
        object.__setattr__(self, "filters", filters)

    @property
    def filtered(self) -> frozenset[str]:
        """The dimensions by which rows are kept or left out."""
        return frozenset(each.dimension for each in self.filters) - IN_EVERY_CUT

    @property
    def grouped(self) -> frozenset[str]:
        """The dimensions by which rows are summed."""
        return frozenset(self.dimensions) - IN_EVERY_CUT


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL text with named placeholders, and what to bind to them."""

    sql: str
    params: dict[str, Any]


class Dialect:
    """How one engine writes what engines write differently. This one is DuckDB's, the standard's closest."""

    def bind(self, name: str, value: object) -> str:
        """The placeholder of a bound value."""
        return f"${name}"

    def tag(self, key: str) -> str:
        """The value of a tag, or null; `key` is a placeholder."""
        return f"tags[{key}]"

    def month(self, column: str) -> str:
        """The first day of a date's month, as a date."""
        return f"CAST(date_trunc('month', {column}) AS DATE)"

    def sum(self, column: str) -> str:
        """The sum of a column of amounts."""
        return f"SUM({column})"

    def when(self, condition: str, value: str) -> str:
        """An aggregate's argument that is null unless the condition holds."""
        return f"CASE WHEN {condition} THEN {value} END"


class DuckDb(Dialect):
    """DuckDB: `$name` and a mapping of values."""


class Postgres(Dialect):
    """PostgreSQL by psycopg: `%(name)s` and a mapping; tags are a jsonb object."""

    def bind(self, name: str, value: object) -> str:
        return f"%({name})s"

    def tag(self, key: str) -> str:
        return f"tags ->> {key}"


class ClickHouse(Dialect):
    """ClickHouse by clickhouse-connect: `{name:Type}`; a missing map key, '' there, is made null here."""

    def bind(self, name: str, value: object) -> str:
        kind = {date: "Date32", int: "Int64"}.get(type(value), "String")
        return f"{{{name}:{kind}}}"

    def tag(self, key: str) -> str:
        return f"if(mapContains(tags, {key}), tags[{key}], NULL)"

    def month(self, column: str) -> str:
        return f"toStartOfMonth({column})"

    def sum(self, column: str) -> str:
        # One of 38 digits that has become too long for them starts again from the least, and nobody is told.
        return f"SUM(toDecimal256({column}, {SCALE}))"


class _Binder:
    """Hands out placeholders and keeps what they stand for."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.params: dict[str, Any] = {}

    def __call__(self, value: object) -> str:
        name = f"p{len(self.params)}"
        self.params[name] = value
        return self.dialect.bind(name, value)


Cuts = Mapping[str, Sequence[str]]


def compile_query(query: CostQuery, dialect: Dialect, cuts: Cuts | None = None, table: str = "charges") -> Compiled:
    """The SQL of `query`. `cuts`: for each source with several cuts of the same money, what they are called.

    Of such a source every day is answered from exactly one cut: the smallest that has all dimensions asked
    for, else the one with the most of them, whose missing dimensions are null. Totals never depend on the
    grouping.
    """
    bind = _Binder(dialect)
    where = [
        f"charge_date >= {bind(query.days.start)}",
        f"charge_date < {bind(query.days.end)}",
        *(_condition(each, dialect, bind) for each in query.filters),
    ]
    several = {source: list(names) for source, names in (cuts or {}).items() if len(names) > 1}
    if several:
        where.append(_one_cut(query, several, bind, table, where[:2]))
    columns = [f"{_expression(each, dialect, bind)} AS {_label(i)}" for i, each in enumerate(query.dimensions)]
    labels = [_label(i) for i in range(len(columns))]
    estimate = dialect.when("provisional", "charge_date")
    selected = [
        *columns,
        "billing_currency AS currency",
        f"{dialect.sum(MEASURES[query.measure])} AS cost",
        f"MIN({estimate}) AS provisional_from",
    ]
    grouped = (
        f"SELECT {', '.join(selected)} FROM {table} WHERE {' AND '.join(where)}"  # noqa: S608 - names from tables above
        f" GROUP BY {', '.join([*labels, 'currency'])}"
    )
    order = ", ".join(
        [*labels, "currency"] if query.order == "dimensions" else ["cost DESC NULLS LAST", *labels, "currency"]
    )
    limit = "" if query.limit is None else f" LIMIT {bind(query.limit)}"
    sql = _with_totals(grouped, labels, order, limit) if query.totals else f"{grouped} ORDER BY {order}{limit}"
    return Compiled(sql, bind.params)


def _with_totals(grouped: str, labels: list[str], order: str, limit: str) -> str:
    """One look at the rows gives both: the groups in their order, up to the limit, and the sums of all groups."""
    names = ", ".join([*labels, "currency", "cost", "provisional_from"])
    nothing = "".join(f"NULL AS {label}, " for label in labels)
    return (
        f"WITH every AS ({grouped}), shown AS (SELECT {names} FROM every ORDER BY {order}{limit})"  # noqa: S608 - as above
        f" SELECT * FROM (SELECT {names}, FALSE AS is_total FROM shown UNION ALL"
        f" SELECT {nothing}currency, SUM(cost), MIN(provisional_from), TRUE FROM every GROUP BY currency) AS answer"
        f" ORDER BY is_total, {order}"
    )


def column_names(query: CostQuery) -> list[str]:
    """The names of the answer's columns, in order."""
    return [*query.dimensions, "currency", "cost", "provisional_from", *(["is_total"] if query.totals else [])]


def _label(index: int) -> str:
    return f"d{index}"


def _expression(name: str, dialect: Dialect, bind: _Binder) -> str:
    if name.startswith(TAG):
        return dialect.tag(bind(name.removeprefix(TAG)))
    column = DIMENSIONS[name]
    return dialect.month(column) if name == "month" else column


def _condition(each: Filter, dialect: Dialect, bind: _Binder) -> str:
    if not each.values:
        return "1 = 1" if each.exclude else "1 = 0"
    expression = _expression(each.dimension, dialect, bind)
    values = [bind(_typed(each.dimension, value)) for value in each.values if value is not None]
    parts = [f"{expression} IN ({', '.join(values)})"] if values else []
    if None in each.values:
        parts.append(f"{expression} IS NULL")
    inside = " OR ".join(parts)
    # A null is not in any list, yet `NOT (null IN ...)` is null: say so, or excluding a value drops all
    # rows without one.
    outside = f"NOT ({inside})" if None in each.values else f"({expression} IS NULL OR NOT ({inside}))"
    return outside if each.exclude else f"({inside})"


def _typed(name: str, value: str) -> str | date:
    if name not in {"date", "month"}:
        return value
    try:
        return date.fromisoformat(value if name == "date" else f"{value[:7]}-01")
    except ValueError:
        raise UsageError(f"not a {name}: {value!r}; write it as 2026-10-31") from None


def _one_cut(query: CostQuery, several: Mapping[str, list[str]], bind: _Binder, table: str, days: list[str]) -> str:
    names = sorted({name for found in several.values() for name in found}, key=lambda name: _rank(name, query))
    ranks = " ".join(f"WHEN cut = {bind(name)} THEN {rank}" for rank, name in enumerate(names))
    rank = f"CASE {ranks} ELSE {len(names)} END"
    sources = ", ".join(bind(source) for source in several)
    return (
        f"(source NOT IN ({sources}) OR (source, charge_date, {rank}) IN ("  # noqa: S608 - as above
        f"SELECT source, charge_date, MIN({rank}) FROM {table} WHERE source IN ({sources})"
        f" AND {' AND '.join(days)} GROUP BY source, charge_date))"
    )


def _rank(cut: str, query: CostQuery) -> tuple[int, int, int, str]:
    """Sorts the best cut first: fewest dimensions missing, of filters before groups, then coarsest."""
    if cut == "":
        return 0, 0, len(DIMENSIONS), cut
    has = set(cut.split(","))
    return len(query.filtered - has), len(query.grouped - has), len(has), cut
