from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlay.core.errors import UsageError
from outlay.core.focus import BY_NAME, NAMES
from outlay.core.query import (
    DIMENSIONS,
    MEASURES,
    ClickHouse,
    CostQuery,
    Dialect,
    DuckDb,
    Filter,
    Postgres,
    column_names,
    compile_query,
)
from outlay.core.span import Period

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
DIALECTS = (DuckDb(), Postgres(), ClickHouse())
CUTS = {"aws": ["service,region", "tag:team"], "bills": [""]}

PLAIN = CostQuery(OCTOBER)
RICH = CostQuery(
    OCTOBER,
    ("month", "service", "tag:team"),
    (
        Filter("provider", ("aws", "gcp")),
        Filter("tag:env", ("prod", None)),
        Filter("service", ("EC2",), exclude=True),
        Filter("region", (None, "eu"), exclude=True),
        Filter("date", ("2026-10-05",)),
    ),
    measure="effective",
    order="dimensions",
    limit=5,
)


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_plain_question_in_three_dialects() -> None:
    golden = """
        SELECT billing_currency AS currency, {sum} AS cost,
        MIN(CASE WHEN provisional THEN charge_date END) AS provisional_from
        FROM charges WHERE charge_date >= {start} AND charge_date < {end}
        GROUP BY currency ORDER BY cost DESC NULLS LAST, currency
    """
    binds = (("$p0", "$p1"), ("%(p0)s", "%(p1)s"), ("{p0:Date32}", "{p1:Date32}"))
    sums = ("SUM(billed_cost)", "SUM(billed_cost)", "SUM(toDecimal256(billed_cost, 18))")
    for dialect, (start, end), total in zip(DIALECTS, binds, sums, strict=True):
        compiled = compile_query(PLAIN, dialect)
        assert compiled.sql == squeezed(golden.format(start=start, end=end, sum=total))
        assert compiled.params == {"p0": OCTOBER.start, "p1": OCTOBER.end}


RICH_SQL = {
    DuckDb: """
        SELECT CAST(date_trunc('month', charge_date) AS DATE) AS d0, service_name AS d1, tags[$p9] AS d2,
        billing_currency AS currency, SUM(effective_cost) AS cost,
        MIN(CASE WHEN provisional THEN charge_date END) AS provisional_from
        FROM charges WHERE charge_date >= $p0 AND charge_date < $p1
        AND (provider IN ($p2, $p3))
        AND (tags[$p4] IN ($p5) OR tags[$p4] IS NULL)
        AND (service_name IS NULL OR NOT (service_name IN ($p6)))
        AND NOT (region_id IN ($p7) OR region_id IS NULL)
        AND (charge_date IN ($p8))
        GROUP BY d0, d1, d2, currency ORDER BY d0, d1, d2, currency LIMIT $p10
    """,
    Postgres: """
        SELECT CAST(date_trunc('month', charge_date) AS DATE) AS d0, service_name AS d1, tags ->> %(p9)s AS d2,
        billing_currency AS currency, SUM(effective_cost) AS cost,
        MIN(CASE WHEN provisional THEN charge_date END) AS provisional_from
        FROM charges WHERE charge_date >= %(p0)s AND charge_date < %(p1)s
        AND (provider IN (%(p2)s, %(p3)s))
        AND (tags ->> %(p4)s IN (%(p5)s) OR tags ->> %(p4)s IS NULL)
        AND (service_name IS NULL OR NOT (service_name IN (%(p6)s)))
        AND NOT (region_id IN (%(p7)s) OR region_id IS NULL)
        AND (charge_date IN (%(p8)s))
        GROUP BY d0, d1, d2, currency ORDER BY d0, d1, d2, currency LIMIT %(p10)s
    """,
    ClickHouse: """
        SELECT toStartOfMonth(charge_date) AS d0, service_name AS d1,
        if(mapContains(tags, {p9:String}), tags[{p9:String}], NULL) AS d2,
        billing_currency AS currency, SUM(toDecimal256(effective_cost, 18)) AS cost,
        MIN(CASE WHEN provisional THEN charge_date END) AS provisional_from
        FROM charges WHERE charge_date >= {p0:Date32} AND charge_date < {p1:Date32}
        AND (provider IN ({p2:String}, {p3:String}))
        AND (if(mapContains(tags, {p4:String}), tags[{p4:String}], NULL) IN ({p5:String})
        OR if(mapContains(tags, {p4:String}), tags[{p4:String}], NULL) IS NULL)
        AND (service_name IS NULL OR NOT (service_name IN ({p6:String})))
        AND NOT (region_id IN ({p7:String}) OR region_id IS NULL)
        AND (charge_date IN ({p8:Date32}))
        GROUP BY d0, d1, d2, currency ORDER BY d0, d1, d2, currency LIMIT {p10:Int64}
    """,
}


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: type(dialect).__name__)
def test_a_rich_question_in_three_dialects(dialect: Dialect) -> None:
    compiled = compile_query(RICH, dialect)
    assert compiled.sql == squeezed(RICH_SQL[type(dialect)])
    first = [OCTOBER.start, OCTOBER.end, "aws", "gcp", "env", "prod", "EC2", "eu", date(2026, 10, 5), "team", 5]
    assert compiled.params == {f"p{i}": value for i, value in enumerate(first)}


def test_of_a_source_with_several_cuts_the_best_is_picked_for_each_day() -> None:
    golden = """
        SELECT tags[$p5] AS d0, billing_currency AS currency, SUM(billed_cost) AS cost,
        MIN(CASE WHEN provisional THEN charge_date END) AS provisional_from
        FROM charges WHERE charge_date >= $p0 AND charge_date < $p1
        AND (source NOT IN ($p4) OR (source, charge_date,
        CASE WHEN cut = $p2 THEN 0 WHEN cut = $p3 THEN 1 ELSE 2 END) IN (
        SELECT source, charge_date, MIN(CASE WHEN cut = $p2 THEN 0 WHEN cut = $p3 THEN 1 ELSE 2 END)
        FROM charges WHERE source IN ($p4) AND charge_date >= $p0 AND charge_date < $p1
        GROUP BY source, charge_date))
        GROUP BY d0, currency ORDER BY cost DESC NULLS LAST, d0, currency
    """
    compiled = compile_query(CostQuery(OCTOBER, ("tag:team",)), DuckDb(), CUTS)
    assert compiled.sql == squeezed(golden).replace("IN ( SELECT", "IN (SELECT")
    assert list(compiled.params.values()) == [OCTOBER.start, OCTOBER.end, "tag:team", "service,region", "aws", "team"]


@pytest.mark.parametrize(
    ("dimensions", "filtered", "best"),
    [
        ((), (), "tag:team"),
        (("date", "provider", "charge_category"), (), "tag:team"),
        (("service",), (), "service,region"),
        (("tag:team",), (), "tag:team"),
        (("service", "tag:team"), (), "tag:team"),
        (("tag:team",), ("service",), "service,region"),
        (("service", "region"), ("tag:team",), "tag:team"),
        (("sku",), (), "tag:team"),
    ],
)
def test_the_best_cut_has_the_dimensions_of_filters_then_those_of_groups(
    dimensions: tuple[str, ...], filtered: tuple[str, ...], best: str
) -> None:
    query = CostQuery(OCTOBER, dimensions, tuple(Filter(name, ("x",)) for name in filtered))
    params = list(compile_query(query, DuckDb(), CUTS).params.values())
    assert next(value for value in params if value in CUTS["aws"]) == best


def test_a_cut_with_everything_is_better_than_any() -> None:
    params = compile_query(CostQuery(OCTOBER, ("service", "tag:x")), DuckDb(), {"aws": ["service", "", "tag:x"]}).params
    assert list(params.values())[2] == ""


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@settings(max_examples=200)
@given(texts=st.lists(TEXTS, min_size=3, max_size=3), sources=st.lists(TEXTS, min_size=1, max_size=2, unique=True))
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: type(dialect).__name__)
def test_nothing_a_person_wrote_is_ever_part_of_the_sql(dialect: Dialect, texts: list[str], sources: list[str]) -> None:
    def sql(texts: list[str], sources: list[str]) -> tuple[str, dict[str, Any]]:
        key, value, other = texts
        filters = (Filter("service", (value, other, None)), Filter(f"tag:{key}", (value,), exclude=True))
        query = CostQuery(OCTOBER, ("service", f"tag:{key}"), filters)
        compiled = compile_query(query, dialect, {source: [f"tag:{key}", ""] for source in sources})
        return compiled.sql, compiled.params

    found, params = sql(texts, sources)
    assert found == sql(["a", "b", "c"], ["d", "e"][: len(sources)])[0]
    assert {*texts, *sources} <= set(params.values())
    placeholders = {dialect.bind(name, value) for name, value in params.items()}
    assert {match[0] for match in re.finditer(r"\$p\d+|%\(p\d+\)s|\{p\d+:\w+\}", found)} == placeholders


def test_every_dimension_and_measure_is_a_column_of_the_table() -> None:
    assert {*DIMENSIONS.values(), *MEASURES.values()} <= set(NAMES)
    assert {BY_NAME[name].kind for name in MEASURES.values()} == {"decimal"}


def test_words_people_use_stand_for_dimensions_each_once() -> None:
    query = CostQuery(OCTOBER, ("account", "service", "sub_account", "tag:a:b"), (Filter("account", ("1",)),))
    assert query.dimensions == ("sub_account", "service", "tag:a:b")
    assert query.filters[0].dimension == "sub_account"
    assert column_names(query) == ["sub_account", "service", "tag:a:b", "currency", "cost", "provisional_from"]
    assert query.grouped == {"sub_account", "service", "tag:a:b"}
    assert query.filtered == {"sub_account"}


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"dimensions": ("nope",)}, r"no dimension named 'nope'; there are: date, month, .*account, tag:<key>"),
        ({"dimensions": ("tag:",)}, "no dimension named 'tag:'"),
        ({"dimensions": ("SERVICE",)}, "no dimension named 'SERVICE'"),
        ({"filters": (Filter("service_name", ("x",)),)}, "no dimension named 'service_name'"),
        ({"measure": "amortized"}, "no measure named 'amortized'; there are: billed, effective, contracted, list"),
        ({"limit": 0}, "a limit is at least 1, not 0"),
    ],
)
def test_a_question_that_cannot_be_is_an_error_with_the_choices(fault: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        CostQuery(OCTOBER, **fault)


@pytest.mark.parametrize(("name", "value"), [("date", "2026-13-01"), ("date", "yesterday"), ("month", "10/2026")])
def test_a_day_that_is_none_is_an_error_that_shows_how_to_write_one(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"not a {name}: '{value}'; write it as 2026-10-31"):
        CostQuery(OCTOBER, (), (Filter(name, (value,)),))


def test_a_filter_without_values_keeps_nothing_and_binds_nothing() -> None:
    for exclude, says in ((False, "1 = 0"), (True, "1 = 1")):
        compiled = compile_query(CostQuery(OCTOBER, (), (Filter("tag:team", (), exclude),)), DuckDb())
        assert says in compiled.sql
        assert len(compiled.params) == 2
