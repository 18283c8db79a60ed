"""What was believed on another day, by the store's memory and the ledger's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import sleep
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outlay import history, reports
from outlay.core import focus
from outlay.core.errors import UsageError
from outlay.core.ports import DayChange, Replaced
from outlay.core.query import CostQuery, Filter
from outlay.core.span import Period, Span, month_of, next_month
from outlay.state import Run, State, ledgered
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.contracts.model import EVER, Model, Step, steps

Group = tuple[Any, ...]

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
TODAY = date(2026, 11, 20)
DAY = date(2026, 10, 5)
SEPTEMBER = date(2026, 9, 1)
BY_DAY = CostQuery(EVER, ("date", "source"), order="dimensions")
# Each question, and what it makes of the cost of a day of a source: the group it is in, None when it is left out.
QUESTIONS: Mapping[CostQuery, Callable[[date, str], Group | None]] = {
    CostQuery(EVER): lambda day, source: (),
    BY_DAY: lambda day, source: (day, source),
    CostQuery(EVER, ("month",), (Filter("source", ("prod",)),)): lambda day, source: (
        (month_of(day),) if source == "prod" else None
    ),
    CostQuery(EVER, ("source",), (Filter("month", ("2026-09",), exclude=True),)): lambda day, source: (
        (source,) if month_of(day) != SEPTEMBER else None
    ),
    CostQuery(Period(SEPTEMBER, date(2026, 10, 1)), ("date",), (Filter("date", ("2026-09-15",), exclude=True),)): (
        lambda day, source: (day,) if month_of(day) == SEPTEMBER and day.day != 15 else None
    ),
}


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "today", lambda: TODAY)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    found = State(f"sqlite:///{tmp_path}/state.db")
    yield found
    found.close()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(path=str(tmp_path / "lake"))


class Forgetful:
    """A store that keeps no older versions of itself."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def query(self, query: CostQuery) -> pa.Table:
        return self._lake.query(query)

    def replace(self, span: Span, rows: Iterable[pa.RecordBatch]) -> Replaced:
        return self._lake.replace(span, rows)

    def version(self) -> str:
        return self._lake.version()


def record(state: State, patch: pytest.MonkeyPatch, at: datetime, source: str, changes: Sequence[DayChange]) -> None:
    """Note what a replace changed as if it had been at that moment."""
    patch.setattr(ledgered, "now", lambda: at.replace(tzinfo=None))
    state.record_run(Run(source, f"{source} everything", at, 0.0), changes)


def told(found: reports.Costs) -> dict[Group, Decimal]:
    """The rows of an answer by their dimensions; days without any cost left out."""
    return {tuple(row[name] for name in found.dimensions): row["cost"] for row in found.rows if row["cost"]}


def modelled(model: Model, query: CostQuery) -> dict[Group, Decimal]:
    """The same of the model."""
    sums: dict[Group, Decimal] = defaultdict(Decimal)
    for (day, source), cost in model.answer(BY_DAY).items():
        group = QUESTIONS[query](day, source)
        if group is not None:
            sums[group] += cost
    return {group: cost for group, cost in sums.items() if cost}


def without_version(step: Step) -> Step:
    """The same of days or months that are no delivery, which the store would not read twice."""
    return replace(step, span=replace(step.span, version=None))


# -- what was believed -----------------------------------------------------------------------------


@pytest.mark.parametrize("remembers", [False, True])
def test_any_sequence_of_replaces_is_remembered_as_a_dict_would(
    tmp_path_factory: pytest.TempPathFactory, remembers: bool
) -> None:
    """By the ledger: one replace a day, at noon. By the lake: at the moments they really are at."""

    @settings(
        max_examples=10,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(steps(), min_size=2, max_size=6))
    def check(sequence: list[Step]) -> None:
        folder = tmp_path_factory.mktemp("history")
        lake, state, model = Lake(path=f"{folder}/lake"), State(f"sqlite:///{folder}/state.db"), Model()
        warehouse: Any = lake if remembers else Forgetful(lake)
        expected = []
        with pytest.MonkeyPatch.context() as patch:
            for number, step in enumerate(map(without_version, sequence)):
                replaced = warehouse.replace(step.span, step.batches())
                model.replace(step)
                moment = datetime.now(UTC) if remembers else NOON + timedelta(days=number)
                sleep(0.003 if remembers else 0)
                record(state, patch, moment, step.span.source, replaced.changes)
                expected.append((moment, [modelled(model, query) for query in QUESTIONS]))
        for moment, answers in expected:
            found = [history.as_of(warehouse, state, query, moment) for query in QUESTIONS]
            assert [told(each) for each in found] == answers
            assert [sum(each.totals.values(), Decimal(0)) for each in found] == [
                sum(answer.values(), Decimal(0)) for answer in answers
            ]
        state.close()

    check()


@pytest.fixture
def believed(lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch) -> Forgetful:
    """Two days of aws and one of azure, of which the first day was restated on 3 November."""
    rows = [charge(DAY, "1"), charge(DAY + timedelta(days=1), "2")]
    euros = charge(DAY, "5", "azure", "Microsoft", billing_currency="EUR")
    for number, cost in enumerate(["1", "1.000000000000000001"]):
        rows[0] = charge(DAY, cost)
        span = Span("prod", Period(month_of(DAY), next_month(DAY)))
        changes = lake.replace(span, [focus.batch(rows)]).changes
        record(state, monkeypatch, NOON + timedelta(days=2 * number), "prod", changes)
    put(lake, [euros])
    record(state, monkeypatch, NOON, "azure", [DayChange(DAY, "EUR", None, Decimal(5))])
    return Forgetful(lake)


def test_the_ledger_knows_days_sources_and_providers(believed: Any, state: State) -> None:
    def rows(moment: datetime, *dimensions: str, **more: Any) -> list[tuple[Any, ...]]:
        query = CostQuery(EVER, dimensions, **more)
        return [tuple(row.values()) for row in history.as_of(believed, state, query, moment).rows]

    before, after = NOON + timedelta(days=1), NOON + timedelta(days=2)
    assert rows(before, "provider") == [("azure", "EUR", Decimal(5)), ("aws", "USD", Decimal(3))]
    assert rows(after, "provider") == [("azure", "EUR", 5), ("aws", "USD", Decimal("3.000000000000000001"))]
    assert rows(after, "provider", filters=(Filter("provider", ("aws",)),)) == [
        ("aws", "USD", Decimal("3.000000000000000001"))
    ]
    assert rows(before, "date", filters=(Filter("source", ("prod",)),), order="dimensions") == [
        (DAY, "USD", 1),
        (DAY + timedelta(days=1), "USD", 2),
    ]
    assert rows(before, "month", filters=(Filter("source", ("azure",), exclude=True),)) == [
        (date(2026, 10, 1), "USD", 3)
    ]
    assert rows(NOON - timedelta(seconds=1), "date") == []


def test_totals_are_of_all_rows_beyond_the_limit_too(believed: Any, state: State) -> None:
    query = CostQuery(EVER, ("date",), limit=1)
    found = history.as_of(believed, state, query, NOON + timedelta(days=1))

    assert [row["cost"] for row in found.rows] == [5]
    assert found.totals == {"EUR": 5, "USD": 3}


def test_what_the_ledger_cannot_tell_is_refused(believed: Any, state: State) -> None:
    with pytest.raises(UsageError) as refused:
        history.as_of(believed, state, CostQuery(EVER, ("service", "tag:team")), NOON)
    assert str(refused.value) == (
        "of what was believed on 2026-11-01 only billed costs are known, by date, month, source, provider;"
        " not by service, tag:team: this store keeps no older versions of itself"
    )
    for query in (
        CostQuery(EVER, measure="effective"),
        CostQuery(EVER, (), (Filter("region", ("eu",)),)),
        CostQuery(EVER, (), reports.excluding(["taxes"])),
    ):
        with pytest.raises(UsageError, match="only billed costs are known"):
            history.as_of(believed, state, query, NOON)


def test_a_store_that_remembers_says_since_when(believed: Any, lake: Lake, state: State) -> None:
    with pytest.raises(
        UsageError, match=r"not by service: older versions .* are kept from 2026-11-13 on \(store\.keep"
    ):
        history.as_of(lake, state, CostQuery(EVER, ("service",)), NOON)
    assert history.as_of(lake, state, CostQuery(EVER), NOON + timedelta(days=1)).totals == {"EUR": 5, "USD": 3}


def test_a_source_of_several_providers_is_known_by_source_alone(believed: Any, lake: Lake, state: State) -> None:
    put(lake, [charge(DAY, "1"), charge(DAY, "1", provider="Fastly")])

    with pytest.raises(UsageError, match="prod brings charges of several providers"):
        history.as_of(believed, state, CostQuery(EVER, ("provider",)), NOON)
    assert len(history.as_of(believed, state, CostQuery(EVER, ("source",)), NOON).rows) == 2


def test_the_ledger_learns_what_a_killed_process_did_not_note(lake: Lake, state: State) -> None:
    history.complete(lake, state, ["prod"])
    put(lake, [charge(DAY, "1"), charge(DAY, "2", "other")])
    history.complete(lake, state, ["prod"])
    history.complete(lake, state, ["prod"])
    put(lake, [charge(DAY + timedelta(days=1), "4")])
    history.complete(lake, state, ["prod"])

    found = state.restatements(first=True)
    assert [(each.day, each.before, each.after) for each in reversed(found)] == [
        (DAY, None, Decimal(1)),
        (DAY, Decimal(1), Decimal(0)),
        (DAY + timedelta(days=1), None, Decimal(4)),
    ]
    assert {each.source for each in found} == {"prod"}
