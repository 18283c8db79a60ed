"""What every source keeps to: its rows are FOCUS, lie in their span, and come out the same again."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from outlay.core import focus, plugins
from outlay.core.ledger import Tally
from outlay.core.ports import Priced, Source
from outlay.core.span import Span
from tests.contracts.sources import NAME, ROOT, WINDOW, Case, case_of

SOURCES = plugins.names("sources")


@pytest.fixture(params=SOURCES)
def plugin(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def case(plugin: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Case:
    for variable in getattr(plugins.load("sources", plugin), "ENVIRONMENT", {}):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return case_of(plugin, request.getfixturevalue)


@pytest.fixture
def source(plugin: str, case: Case) -> Source:
    found: Source = plugins.load("sources", plugin).model_validate({"name": NAME, **case.settings})
    return found


def fetched(source: Source, span: Span) -> pa.Table:
    batches = list(source.fetch(span))
    for batch in batches:
        assert batch.schema.equals(focus.schema()), batch.schema
    return pa.Table.from_batches(batches, focus.schema())


def apart(one: Span, other: Span) -> bool:
    def meet(a: Any, b: Any) -> bool:
        return bool(a.start < b.end and b.start < a.end)

    both_days = one.days is not None and other.days is not None
    return not meet(one.months, other.months) or (both_days and not meet(one.days, other.days))


def test_the_spans_are_of_the_source_apart_and_newest_first(source: Source) -> None:
    spans = list(source.spans(WINDOW))
    assert spans
    assert {span.source for span in spans} == {NAME}
    assert all(apart(one, other) for one, other in combinations(spans, 2))
    starts = [(span.days or span.months).start for span in spans]
    assert starts == sorted(starts, reverse=True)
    assert list(source.spans(WINDOW)) == spans


def test_rows_are_charges_of_their_span(source: Source) -> None:
    rows = 0
    for span in source.spans(WINDOW):
        table = fetched(source, span)
        rows += table.num_rows
        for column in focus.CHARGES:
            values = table[column.name]
            assert column.nullable or not values.null_count, column.name
            if column.allowed:
                assert set(pc.unique(values).to_pylist()) <= {*column.allowed, None}, column.name
        assert set(pc.unique(table["source"]).to_pylist()) <= {NAME}
        assert all(start.date() in span.months for start in pc.unique(table["billing_period_start"]).to_pylist())
        assert span.days is None or all(day in span.days for day in pc.unique(table["charge_date"]).to_pylist())
        assert table["charge_date"].equals(table["charge_period_start"].cast(pa.date32()))
    assert rows


def test_the_same_span_twice_gives_the_same_rows(source: Source) -> None:
    spans = list(source.spans(WINDOW))
    first = [fetched(source, span) for span in spans]
    assert [fetched(source, span) for span in spans] == first


def test_what_costs_money_is_priced_and_booked(source: Source) -> None:
    if isinstance(source, Priced):
        span, tally = next(iter(source.spans(WINDOW))), Tally()
        booked = source.with_ledger(tally)
        assert isinstance(booked, Priced)
        price = booked.price(span)
        assert price > 0
        assert tally.usd == 0
        fetched(booked, span)
        assert tally.usd > 0


def test_settings_show_no_secret_are_frozen_and_refuse_what_they_do_not_know(
    plugin: str, source: Source, case: Case
) -> None:
    shown = repr(source) + str(source) + str(source.model_dump_json())  # type: ignore[attr-defined]
    assert [secret for secret in case.secrets if secret in shown] == []
    with pytest.raises(ValueError, match="frozen"):
        source.name = "other"  # type: ignore[misc]
    with pytest.raises(ValueError, match="surprise"):
        plugins.load("sources", plugin).model_validate({**case.settings, "surprise": 1})


@pytest.mark.parametrize("plugin", SOURCES)
def test_each_source_has_its_name_and_its_manual(plugin: str) -> None:
    found = plugins.load("sources", plugin)
    assert found.model_fields["name"].default == plugin
    assert found.__doc__
    assert (ROOT / "docs" / "sources" / f"{plugin}.md").is_file()


def test_a_source_without_a_case_is_told_where_to_add_it() -> None:
    with pytest.raises(LookupError, match=r"source 'nope': neither tests/clouds/every\.py nor CASES of tests/con"):
        case_of("nope", str)
