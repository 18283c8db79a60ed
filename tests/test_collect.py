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

from outlay.collect import Ask, Planned, Progress, plan, refresh, tidy
from outlay.core import focus
from outlay.core.errors import AuthError, SourceError, StoreError
from outlay.core.ledger import Tally
from outlay.core.ports import Coverage, Ledger, Warehouse
from outlay.core.query import CostQuery
from outlay.core.reading import Reading
from outlay.core.span import Period, Span, Window
from outlay.state import Limits, Restatement, State
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


@dataclass
class Paid(Fake):
    """A fake that asks three times for a day, for half a dollar together, and of which one answer is free."""

    ledger: Ledger = field(default_factory=Tally)
    account: str = "1"
    final: Sequence[date] = ()
    kept: list[bytes | None] = field(default_factory=list)

    def with_ledger(self, ledger: Ledger) -> Paid:
        self.ledger = ledger
        return self

    def price(self, span: Span) -> Decimal:
        return Decimal("0.5") * len(span.days or span.months)

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        self.kept.append(self.ledger.kept("page"))
        for usd in ("0.3", "0.2", "0"):
            self.ledger.pay("Ask", Decimal(usd), self.account)
        self.ledger.keep("page", b"answer")
        self.ledger.settle(self.final)
        yield from super().fetch(span)


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
        ("azure", f"azure {YESTERDAY}..{YESTERDAY}", 1, {"USD": Decimal(3)}, 2, None),
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
    assert list(plan(sources, warehouse, state, ASK)) == [
        Planned(str(Span.of_days("aws", day)), None),
        Planned(str(Span.of_days("azure", day)), Decimal("0.5")),
        Planned(str(Span("bills", day.months())), None),
    ]
    assert [source.fetched for source in sources] == [[], [], []]
    assert sources[0].windows == [Window(Period.last(90, TODAY))]
    assert state.runs() == []
    refresh(sources, warehouse, state, ASK)
    list(plan(sources, warehouse, state, ASK))
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
    refresh([source], warehouse, state, ASK)
    tidy(warehouse, state)
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


# -- paid calls ------------------------------------------------------------------------------------


def test_paid_calls_are_counted_by_account_and_operation(warehouse: Warehouse, state: State) -> None:
    refresh([Paid("aws", account="111"), Paid("gcp", account="222")], warehouse, state, ASK)
    assert [(each.source, each.account, each.operation, each.calls, each.usd) for each in state.spent()] == [
        ("aws", "111", "Ask", 3, Decimal("0.5")),
        ("gcp", "222", "Ask", 3, Decimal("0.5")),
    ]


def test_what_passes_the_cap_is_left_out_and_said_and_the_rest_goes_on(warehouse: Warehouse, state: State) -> None:
    older = Span.of_days("aws", Period(YESTERDAY - timedelta(days=40), YESTERDAY - timedelta(days=39)))
    ask = Ask(limits=Limits(Decimal("0.75")))
    source = Paid("aws", more=[older])
    assert [each.left_out is None for each in plan([source], warehouse, state, ask)] == [True, False]
    first, second, other = refresh([source, Fake("free")], warehouse, state, ask)
    assert (first.error, other.error) == (None, None)
    assert second.code == "spend-cap"
    assert second.error is not None
    assert "0.5 of the 0.75 USD that calls may cost this month are spent" in second.error
    assert sum(each.usd for each in state.spent()) == Decimal("0.5")
    assert costs(warehouse) == {"aws": 1, "free": 1}


def test_a_price_told_too_low_never_passes_the_cap(warehouse: Warehouse, state: State) -> None:
    class Cheap(Paid):
        def price(self, span: Span) -> Decimal:
            return Decimal("0.01")

    (run,) = refresh([Cheap("aws")], warehouse, state, Ask(limits=Limits(Decimal("0.4"))))
    assert run.code == "spend-cap"
    assert [(each.calls, each.usd) for each in state.spent()] == [(1, Decimal("0.3"))]
    assert costs(warehouse) == {}


def test_no_more_calls_an_hour_than_allowed(warehouse: Warehouse, state: State) -> None:
    ask = Ask(limits=Limits(paid_per_hour=3))
    runs = [refresh([Paid("aws")], warehouse, state, ask)[0] for _ in range(2)]
    assert [(run.code, run.paid_calls) for run in runs] == [(None, 2), ("throttled", 1)]


def test_paid_answers_of_a_span_that_failed_are_kept_until_it_is_stored(warehouse: Warehouse, state: State) -> None:
    source = Paid("aws", error=SourceError("cut"))
    refresh([source], warehouse, state, ASK)
    source.error = None
    for _ in range(2):
        refresh([source], warehouse, state, ASK)
    assert source.kept == [None, b"answer", None]


def test_final_days_are_those_of_stored_spans_under_the_same_settings(warehouse: Warehouse, state: State) -> None:
    source = Paid("aws", final=[YESTERDAY], error=SourceError("cut"))
    refresh([source], warehouse, state, ASK)
    assert source.ledger.settled == frozenset()
    source.error = None
    refresh([source], warehouse, state, ASK)
    assert source.ledger.settled == {YESTERDAY}
    assert state.books("aws", Limits(), "other settings").settled == frozenset()
    refresh([source], warehouse, state, ASK)  # now it is asked for all days that are not final
    assert [len(window.days) for window in source.windows] == [90, 90, 90]


# -- whose money -----------------------------------------------------------------------------------


@dataclass
class Owned(Fake):
    """A fake that tells whose money it brings."""

    coverage: Coverage | None = None

    def covers(self) -> Coverage | None:
        return self.coverage


PAYER = Coverage("1", frozenset({"1", "2", "3"}))


@pytest.mark.parametrize("workers", [1, 3])
def test_an_account_reached_twice_is_counted_once_and_said(warehouse: Warehouse, state: State, workers: int) -> None:
    member, stranger = Owned("member", "5", coverage=Coverage("2")), Owned("stranger", "7", coverage=Coverage("9"))
    refresh([member, stranger], warehouse, state, ASK)
    assert costs(warehouse) == {"member": 5, "stranger": 7}
    payer = Owned("payer", "50", coverage=PAYER)
    for _ in range(2):
        runs = refresh([member, payer, stranger], warehouse, state, ASK, workers=workers)
        assert costs(warehouse) == {"payer": 50, "stranger": 7}
    assert [(run.source, run.note) for run in runs if run.note] == [("member", "its account is counted once, by payer")]
    assert not any(each.stale for each in state.freshness())
    assert list(plan([payer, member], warehouse, state, ASK)) == list(plan([payer], warehouse, state, ASK))


def test_a_payer_that_fails_keeps_its_members_money(warehouse: Warehouse, state: State) -> None:
    payer, member = Owned("payer", "50", coverage=PAYER), Owned("member", "5", coverage=Coverage("2"))
    refresh([payer, member], warehouse, state, ASK)

    def fails() -> Coverage | None:
        raise SourceError("STS cannot be reached")

    payer.covers = fails  # type: ignore[method-assign]
    refresh([payer, member], warehouse, state, ASK)
    assert costs(warehouse) == {"payer": 50}
    refresh([member], warehouse, state, ASK, names=["member", "payer"])
    assert costs(warehouse) == {"payer": 50}
    refresh([member], warehouse, state, ASK, names=["member"])  # the payer was taken out of the settings
    assert costs(warehouse) == {"member": 5, "payer": 50}


def test_of_two_sources_of_one_account_the_first_counts(warehouse: Warehouse, state: State) -> None:
    one, two = (Owned(name, "5", coverage=Coverage("2")) for name in ("zone", "area"))
    refresh([one, two], warehouse, state, ASK)
    assert costs(warehouse) == {"zone": 5}


# -- readings --------------------------------------------------------------------------------------


@dataclass
class Measuring(Fake):
    """A fake that reads numbers too."""

    readings: Sequence[Reading] = ()
    fails: bool = False

    def read(self, day: date) -> Iterator[Reading]:
        assert day == TODAY
        yield from self.readings
        if self.fails:
            raise SourceError("no such invoice")


def test_readings_are_kept_per_day_and_a_failure_leaves_them(warehouse: Warehouse, state: State) -> None:
    october = Period(date(2026, 10, 1), date(2026, 11, 1))
    readings = [
        Reading("heroku_invoice_total", Decimal("12.340000000000000001"), "USD", {"team": "core"}, october),
        Reading("heroku_dyno_units", Decimal(3), "units"),
    ]
    source = Measuring("heroku", readings=readings)
    charges, read = refresh([source], warehouse, state, ASK)
    assert (charges.rows, read.span, read.rows, read.error) == (1, "heroku readings", 2, None)
    assert [each.reading for each in state.readings()] == sorted(readings, key=lambda each: each.name)
    source.readings, source.fails = readings[:1], True
    *_, failed = refresh([source], warehouse, state, ASK)
    assert (failed.error, failed.code) == ("no such invoice", "source")
    assert [each.stale for each in state.freshness()] == [True]
    assert len(state.readings("heroku")) == 2
    source.fails = False
    refresh([source], warehouse, state, ASK)
    assert [each.reading.name for each in state.readings(names=["heroku_invoice_total", "x"])] == [readings[0].name]


@dataclass
class Metered(Measuring):
    """A fake whose readings cost something."""

    usd: Decimal = Decimal(0)
    reads: int = 0

    def reading_price(self) -> Decimal:
        return self.usd

    def read(self, day: date) -> Iterator[Reading]:
        self.reads += 1
        return super().read(day)


def test_readings_that_cost_something_are_read_once_a_day(warehouse: Warehouse, state: State) -> None:
    source = Metered("aws", readings=[Reading("aws_cost_forecast", Decimal(1), "USD")])
    refresh([source], warehouse, state, ASK)
    assert source.reads == 0
    source.usd = Decimal("0.16")
    assert list(plan([source], warehouse, state, ASK))[-1] == Planned("aws readings", Decimal("0.16"))
    *_, capped = refresh([source], warehouse, state, Ask(limits=Limits(Decimal("0.15"))))
    assert (capped.span, capped.code, source.reads) == ("aws readings", "spend-cap", 0)
    for _ in range(2):
        refresh([source], warehouse, state, ASK)
    assert source.reads == 1
    assert "aws readings" not in [each.what for each in plan([source], warehouse, state, ASK)]
