"""Collecting: every source on its own, what failed keeps what it had, and what changed is remembered."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from outlay.collect import Ask, Planned, Progress, plan, refresh
from outlay.core import focus
from outlay.core.errors import AuthError, SourceError, StoreError
from outlay.core.ports import Warehouse
from outlay.core.query import CostQuery
from outlay.core.span import Period, Span, Window
from outlay.state import Restatement, State
from outlay.warehouses.lake import Lake
from tests.charges import charge
from tests.contracts.model import answer

TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
EVER = Period(TODAY - timedelta(days=400), TODAY + timedelta(days=400))
ASK = Ask()


@dataclass
class Fake:
    """A source that has `cost` charged yesterday; or `error`, once it has yielded; and notes what it is asked."""

    name: str
    cost: str = "1"
    error: BaseException | None = None
    version: str | None = None
    wait: Callable[[], object] = lambda: None
    more: Sequence[Span] = ()
    windows: list[Window] = field(default_factory=list)
    fetched: list[Span] = field(default_factory=list)

    def spans(self, window: Window) -> Iterator[Span]:
        self.windows.append(window)
        if self.version is None:
            yield Span.of_days(self.name, Period(YESTERDAY, TODAY))
        else:
            yield Span(self.name, Period(YESTERDAY, TODAY).months(), version=self.version)
        yield from self.more

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        self.fetched.append(span)
        self.wait()
        if span not in self.more:
            yield focus.batch([charge(YESTERDAY, self.cost, self.name)])
        if self.error is not None:
            raise self.error

    def test(self) -> str:
        return "fake"


class Paid(Fake):
    """A fake that has paid for each fetch, and asks half a dollar for a day."""

    @property
    def paid_calls(self) -> int:
        return 3 * len(self.fetched)

    def price(self, span: Span) -> Decimal:
        return Decimal("0.5") * len(span.days or span.months)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Lake(path=str(tmp_path / "lake"))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    found = State(f"sqlite:///{tmp_path}/state.db")
    yield found
    found.close()


def costs(warehouse: Warehouse) -> dict[str, int]:
    return {source: int(cost) for (source,), cost in answer(warehouse, CostQuery(EVER, ("source",))).items()}


def test_sources_are_stored_recorded_and_fresh(warehouse: Warehouse, state: State) -> None:
    runs = refresh([Fake("aws", "2"), Paid("azure", "3")], warehouse, state, ASK)
    assert costs(warehouse) == {"aws": 2, "azure": 3}
    assert [(run.source, run.span, run.rows, run.totals, run.paid_calls, run.error) for run in runs] == [
        ("aws", f"aws {YESTERDAY}..{YESTERDAY}", 1, {"USD": Decimal(2)}, 0, None),
        ("azure", f"azure {YESTERDAY}..{YESTERDAY}", 1, {"USD": Decimal(3)}, 3, None),
    ]
    assert sorted(state.runs(), key=lambda run: run.source) == runs
    assert [(each.source, each.stale) for each in state.freshness()] == [("aws", False), ("azure", False)]
    assert all(run.started_at.tzinfo is UTC and run.seconds > 0 for run in runs)


def test_one_that_fails_hides_no_other_and_keeps_what_it_had(warehouse: Warehouse, state: State) -> None:
    refresh([Fake("aws", "2"), Fake("azure", "3"), Fake("gcp", "4")], warehouse, state, ASK)
    second = [
        Fake("aws", "20", error=AuthError("aws: the key is not valid any more")),
        Fake("azure", "30"),
        Fake("gcp", "40", error=RuntimeError("GET https://user:hush@host/ failed")),
    ]
    runs = {run.source: run for run in refresh(second, warehouse, state, ASK)}
    assert costs(warehouse) == {"aws": 2, "azure": 30, "gcp": 4}
    assert runs["aws"].error == "aws: the key is not valid any more"
    assert runs["azure"].error is None
    assert runs["gcp"].error == "unexpected RuntimeError; run with logging.level DEBUG for the whole story"
    assert (runs["gcp"].rows, runs["gcp"].totals) == (0, {})
    fresh = {each.source: each for each in state.freshness()}
    assert {name for name, each in fresh.items() if each.stale} == {"aws", "gcp"}
    assert all(each.last_success is not None for each in fresh.values())
    refresh([Fake("aws", "5")], warehouse, state, ASK)
    assert not {each.source: each for each in state.freshness()}["aws"].stale


@pytest.mark.parametrize("error", [OSError("hush"), ConnectionError("hush"), KeyError("hush"), ValueError("hush")])
def test_an_error_nobody_foresaw_shows_its_kind_alone(
    warehouse: Warehouse, state: State, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    caplog.set_level(logging.INFO)
    (run,) = refresh([Fake("aws", error=error)], warehouse, state, ASK)
    assert run.error is not None
    assert type(error).__name__ in run.error
    assert "hush" not in run.error + caplog.text


def test_a_source_that_cannot_tell_its_spans_is_recorded_and_others_go_on(warehouse: Warehouse, state: State) -> None:
    class Unreachable(Fake):
        def spans(self, window: Window) -> Iterator[Span]:
            raise SourceError("aws: cannot be reached")

    runs = refresh([Unreachable("aws"), Fake("azure")], warehouse, state, ASK)
    assert [(run.source, run.span, run.error) for run in runs] == [
        ("aws", "", "aws: cannot be reached"),
        ("azure", f"azure {YESTERDAY}..{YESTERDAY}", None),
    ]
    assert [each.last_success is None for each in state.freshness()] == [True, False]


def test_a_slow_source_delays_no_other(warehouse: Warehouse, state: State) -> None:
    others = threading.Event()
    done: list[str] = []

    def tell(progress: Progress) -> None:
        if progress.run is not None:
            done.append(progress.source)
            if len(done) == 3:
                others.set()

    slow = Fake("slow", wait=lambda: others.wait(30))
    refresh([slow, Fake("aws"), Fake("azure"), Fake("gcp")], warehouse, state, ASK, tell=tell)
    assert others.is_set()
    assert done[3:] == ["slow"]
    assert len(costs(warehouse)) == 4


def test_after_a_span_that_failed_the_rest_of_the_source_is_not_asked_for(warehouse: Warehouse, state: State) -> None:
    before = Span.of_days("aws", Period(date(2020, 1, 1), date(2020, 1, 2)))
    failing, fine = Fake("aws", error=SourceError("no"), more=[before]), Fake("azure", more=[before])
    fine.more = [Span.of_days("azure", Period(date(2020, 1, 1), date(2020, 1, 2)))]
    runs = refresh([failing, fine], warehouse, state, ASK)
    assert [(run.source, run.rows) for run in runs] == [("aws", 0), ("azure", 1), ("azure", 0)]
    assert before not in failing.fetched


def test_what_changed_against_what_was_believed_is_remembered(warehouse: Warehouse, state: State) -> None:
    for cost in ("1", "1", "2.5"):
        refresh([Fake("aws", cost)], warehouse, state, ASK)
    (found,) = state.restatements()
    assert found == Restatement(found.observed_at, "aws", YESTERDAY, "USD", Decimal(1), Decimal("2.5"))
    assert [each.before for each in state.restatements(first=True)] == [Decimal(1), None]


def test_a_delivery_that_is_there_is_told_as_unchanged_and_not_fetched(warehouse: Warehouse, state: State) -> None:
    source = Fake("bills", version="one")
    assert [run.unchanged for run in refresh([source], warehouse, state, ASK)] == [False]
    assert [run.unchanged for run in refresh([source], warehouse, state, ASK)] == [True]
    assert len(source.fetched) == 1
    source.version = "two"
    assert [run.unchanged for run in refresh([source], warehouse, state, ASK)] == [False]
    assert [run.unchanged for run in state.runs()] == [False, True, False]


def test_the_first_collection_goes_back_further_than_the_next(warehouse: Warehouse, state: State) -> None:
    ask = Ask(lookback_days=3, backfill_days=60)
    source = Fake("aws", error=SourceError("not yet"))
    refresh([source], warehouse, state, ask)
    source.error = None
    for each in (ask, ask, Ask(lookback_days=3, backfill_days=60, backfill=True)):
        refresh([source], warehouse, state, each)
    named = Period(date(2026, 1, 1), date(2026, 2, 1))
    refresh([source], warehouse, state, Ask(named, backfill=True))
    sixty, three = Window(Period.last(60, TODAY)), Window(Period.last(3, TODAY))
    assert source.windows == [sixty, sixty, three, sixty, Window(named, asked=True)]


def test_a_plan_tells_spans_and_prices_and_does_nothing(warehouse: Warehouse, state: State) -> None:
    sources = [Fake("aws"), Paid("azure"), Fake("bills", version="one")]
    day = Period(YESTERDAY, TODAY)
    assert list(plan(sources, state, ASK)) == [
        Planned(Span.of_days("aws", day), None),
        Planned(Span.of_days("azure", day), Decimal("0.5")),
        Planned(Span("bills", day.months(), version="one"), None),
    ]
    assert [source.fetched for source in sources] == [[], [], []]
    assert sources[0].windows == [Window(Period.last(90, TODAY))]
    assert state.runs() == []
    refresh(sources, warehouse, state, ASK)
    list(plan(sources, state, ASK))
    assert sources[0].windows[-1] == Window(Period.last(2, TODAY))


def test_what_is_under_way_when_told_to_stop_is_given_up_unstored_and_unrecorded(
    warehouse: Warehouse, state: State
) -> None:
    stop = threading.Event()
    later = Fake("later")
    sources = [Fake("quick"), Fake("slow", wait=stop.set), later]
    runs = refresh(sources, warehouse, state, ASK, workers=1, stop=stop)
    assert [run.source for run in runs] == ["quick"]
    assert [run.source for run in state.runs()] == ["quick"]
    assert costs(warehouse) == {"quick": 1}
    assert later.windows == []


def test_a_source_told_to_stop_stores_no_span_that_happens_to_be_empty(warehouse: Warehouse, state: State) -> None:
    refresh([Fake("aws", "7")], warehouse, state, ASK)
    stop = threading.Event()
    span = Span.of_days("aws", Period(YESTERDAY, TODAY))
    cut_short = Fake("aws", wait=stop.set, more=[span])
    assert refresh([cut_short], warehouse, state, ASK, stop=stop) == []
    assert costs(warehouse) == {"aws": 7}


def test_progress_tells_rows_and_then_the_run(warehouse: Warehouse, state: State) -> None:
    told: list[Progress] = []
    (run,) = refresh([Fake("aws")], warehouse, state, ASK, tell=told.append)
    assert told == [Progress("aws", run.span, 1), Progress("aws", run.span, 1, run)]


def test_a_store_that_cannot_be_tidied_loses_nothing(
    warehouse: Warehouse, state: State, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tidied: list[str] = []

    def maintain(_: Lake) -> None:
        tidied.append("")
        raise StoreError("disk full")

    monkeypatch.setattr(Lake, "maintain", maintain)
    source = Fake("bills", version="one")
    for _ in range(2):
        refresh([source], warehouse, state, ASK)
    assert len(tidied) == 1
    assert "disk full" in caplog.text
    assert costs(warehouse) == {"bills": 1}


def test_a_store_out_of_reach_is_an_error_at_once(state: State, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    source = Fake("aws")
    with pytest.raises(StoreError, match=str(file)):
        refresh([source], Lake(path=str(file)), state, ASK)
    assert source.windows == []


def test_no_source_is_no_work(warehouse: Warehouse, state: State) -> None:
    started = time.monotonic()
    assert refresh([], warehouse, state, ASK) == []
    assert time.monotonic() - started < 5
