"""A warehouse behind a cache answers as it does without one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlay.cache import CacheError, Guarded
from outlay.cache.disk import Disk
from outlay.cache.memory import Memory
from outlay.cache.queries import KIND, CachedWarehouse, _packed
from outlay.cache.redis import Redis
from outlay.core.errors import StoreError
from outlay.core.ports import Replaced, Warehouse
from outlay.core.query import CostQuery, Filter
from outlay.core.span import Period, Span
from outlay.warehouses.lake import Lake
from tests.cache.conftest import DAY, MIB
from tests.charges import charge, put
from tests.contracts.model import DAYS, EVER, Step, answer, steps
from tests.servers_redis import RedisServer

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
TOTAL = CostQuery(OCTOBER)
BY_SERVICE = CostQuery(OCTOBER, ("service", "date"), order="dimensions", totals=True)


@pytest.fixture
def cache() -> Guarded:
    return Guarded(Memory(MIB), "memory")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(path=str(tmp_path / "lake"))


def results(cache: Guarded) -> list[int]:
    """Hits, misses and errors so far."""
    found = cache.counts.read()
    return [found.get((KIND, "hit"), 0), found.get((KIND, "miss"), 0), found.get((KIND, "error"), 0)]


@dataclass
class Slow:
    """A warehouse that takes its time, and counts how often it is asked."""

    changes: int = 1
    asked: int = 0
    error: Exception | None = None
    amid: Any = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self) -> None:
        self.changes = 1

    def replace(self, span: Span, rows: Iterable[pa.RecordBatch]) -> Replaced:
        self.changes += 1
        return Replaced(rows=sum(batch.num_rows for batch in rows))

    def version(self) -> str:
        return str(self.changes)

    def months(self) -> list[tuple[str, date, str | None]]:
        return [("prod", date(2026, 10, 1), None)]

    def rows(self, source: str, month: date) -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pylist([{"source": source, "month": month}])

    def adopt(self, source: str, month: date, delivery: str | None, rows: Iterable[pa.RecordBatch]) -> Replaced:
        return self.replace(Span.of_everything(source), rows)

    def maintain(self) -> None:
        self.changes += 1

    def query(self, query: CostQuery) -> pa.Table:
        with self.lock:
            self.asked += 1
        changes = self.changes
        time.sleep(0.1)
        if self.amid is not None:
            self.amid()
        if self.error is not None:
            raise self.error
        columns = {"currency": ["USD"], "cost": [Decimal(changes)], "provisional_from": [None]}
        types = {"currency": pa.string(), "cost": pa.decimal128(38, 18), "provisional_from": pa.date32()}
        return pa.table(columns, schema=pa.schema(list(types.items())))


def test_the_same_question_is_asked_once(lake: Lake, cache: Guarded) -> None:
    odd = 'it\'s "odd" \N{SNOWMAN}'
    put(lake, [charge(date(2026, 10, 3), "0.000000000000000001", service_name=odd, provisional=True)])
    cached = CachedWarehouse(lake, cache, 60)
    for query in (TOTAL, BY_SERVICE):
        first, second = cached.query(query), cached.query(query)
        assert first.equals(lake.query(query), check_metadata=True)
        assert second.equals(first, check_metadata=True)
    assert results(cache) == [2, 2, 0]


def test_other_questions_have_other_answers(lake: Lake, cache: Guarded) -> None:
    put(lake, [charge(date(2026, 10, day), f"{day}.5", service_name="EC2") for day in (1, 2, 3)])
    cached = CachedWarehouse(lake, cache, 60)
    questions = [
        TOTAL,
        CostQuery(OCTOBER, totals=True),
        CostQuery(OCTOBER, ("date",)),
        CostQuery(OCTOBER, ("month",)),
        CostQuery(OCTOBER, ("date",), order="dimensions"),
        CostQuery(OCTOBER, ("date",), limit=1),
        CostQuery(OCTOBER, ("date",), limit=2),
        CostQuery(OCTOBER, ("tag:a",)),
        CostQuery(OCTOBER, ("tag:b",)),
        CostQuery(OCTOBER, measure="effective"),
        CostQuery(OCTOBER, filters=(Filter("service", ("EC2",)),)),
        CostQuery(OCTOBER, filters=(Filter("service", ("EC2",), exclude=True),)),
        CostQuery(OCTOBER, filters=(Filter("service", (None,)),)),
        CostQuery(Period(OCTOBER.start, date(2026, 10, 2))),
    ]
    for _ in range(2):
        for query in questions:
            assert cached.query(query).equals(lake.query(query))
    assert results(cache) == [len(questions), len(questions), 0]


def test_it_is_a_warehouse(cache: Guarded) -> None:
    slow = Slow()
    cached: Warehouse = CachedWarehouse(slow, cache, 60)
    cached.prepare()
    assert cached.replace(Span.of_everything("prod"), iter(())) == Replaced()
    cached.maintain()
    [(source, month, delivery)] = cached.months()
    assert cached.adopt(source, month, delivery, cached.rows(source, month)) == Replaced(rows=1)
    assert cached.version() == slow.version() == "4"


def test_fresh_goes_round_what_is_kept_and_keeps_what_it_gets(lake: Lake, cache: Guarded) -> None:
    put(lake, [charge(date(2026, 10, 1), "1")])
    cached = CachedWarehouse(lake, cache, 60)
    key = cached._key(lake.version(), TOTAL)
    cache.put(KIND, key, _packed(lake.query(CostQuery(Period(date(2026, 9, 1), date(2026, 9, 2))))), 60)
    assert answer(cached, TOTAL) == {}, "what is kept, though it is wrong"
    assert answer(cached.fresh(), TOTAL) == {(): Decimal(1)}
    assert answer(cached, TOTAL) == {(): Decimal(1)}
    assert results(cache) == [2, 0, 0]


def test_before_the_first_charge_nothing_is_kept(lake: Lake, cache: Guarded) -> None:
    assert CachedWarehouse(lake, cache, 60).query(TOTAL).num_rows == 0
    assert results(cache) == [0, 0, 0]


def test_equal_questions_at_once_are_asked_once(cache: Guarded) -> None:
    slow = Slow()
    cached = CachedWarehouse(slow, cache, 60)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: cached.query(TOTAL), range(16)))
    assert (slow.asked, len({id(each) for each in answers})) == (1, 1)
    assert cached.query(TOTAL) == answers[0]
    assert (slow.asked, cached._asked) == (1, {})


def test_those_who_wait_are_told_what_failed_and_the_next_asks_again(cache: Guarded) -> None:
    slow = Slow(error=StoreError("the store is away"))
    cached = CachedWarehouse(slow, cache, 60)

    def said(_: int) -> str:
        with pytest.raises(StoreError) as error:
            cached.query(TOTAL)
        return str(error.value)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(said, range(4))) == {"the store is away"}
    asked, slow.error = slow.asked, None
    assert cached.query(TOTAL).num_rows == 1
    assert (asked, slow.asked) == (1, 2)


def test_an_answer_made_while_the_charges_changed_is_not_kept(cache: Guarded) -> None:
    slow = Slow()
    cached = CachedWarehouse(slow, cache, 60)
    slow.amid = lambda: cached.replace(Span.of_everything("prod"), iter(()))
    cached.query(TOTAL)
    slow.amid = None
    slow.changes = 1
    cached.query(TOTAL)
    assert (results(cache)[0], slow.asked) == (0, 2)


def test_two_stores_in_one_cache(tmp_path: Path, cache: Guarded) -> None:
    one, two = (Lake(path=str(tmp_path / name)) for name in ("one", "two"))
    put(one, [charge(date(2026, 10, 1), "1")])
    put(two, [charge(date(2026, 10, 1), "2")])
    for lake, cost in ((one, 1), (two, 2)) * 2:
        assert answer(CachedWarehouse(lake, cache, 60), TOTAL) == {(): Decimal(cost)}
    assert results(cache) == [2, 2, 0]
    assert answer(CachedWarehouse(Slow(), cache, 60), TOTAL) == {(): Decimal(1)}
    slow = Slow(changes=7)
    assert answer(CachedWarehouse(slow, cache, 60), TOTAL) == {(): Decimal(7)}


def test_an_answer_that_cannot_be_read_is_made_anew(lake: Lake, cache: Guarded) -> None:
    put(lake, [charge(date(2026, 10, 1), "1")])
    cached = CachedWarehouse(lake, cache, 60)
    key = cached._key(lake.version(), TOTAL)
    for broken in (b"", b"no Arrow", b"\xff\xff\xff\xff\x10\x00\x00\x00" + bytes(40)):
        cache.put(KIND, key, broken, 60)
        assert answer(cached, TOTAL) == {(): Decimal(1)}
    assert results(cache)[2] == 3
    assert answer(cached, TOTAL) == {(): Decimal(1)}
    assert results(cache)[2] == 3


def test_a_cache_that_is_down_changes_no_answer(lake: Lake, tmp_path: Path) -> None:
    put(lake, [charge(date(2026, 10, 1), "1")])
    (tmp_path / "file").write_text("in the way")
    for kept in (Disk(tmp_path / "file", MIB, DAY), Redis("redis://127.0.0.1:1/0", 0.5)):
        with pytest.raises(CacheError):
            kept.get("queries/ab")
        cached = CachedWarehouse(lake, Guarded(kept, "down"), 60)
        assert [answer(cached, TOTAL)[()] for _ in range(3)] == [Decimal(1)] * 3


_WORDS = st.lists(st.sampled_from(["date", "month", "source", "provider", "service"]), max_size=2, unique=True)
_QUERIES = st.builds(
    CostQuery,
    st.lists(st.sampled_from(DAYS), min_size=2, max_size=2, unique=True).map(lambda days: Period(*sorted(days)))
    | st.just(EVER),
    _WORDS.map(tuple),
    st.sampled_from([(), (Filter("service", ("EC2", None)),), (Filter("provider", ("aws",), exclude=True),)]),
    order=st.sampled_from(["cost", "dimensions"]),
)


@given(done=st.lists(steps(), max_size=5), queries=st.lists(_QUERIES, min_size=1, max_size=3))
@settings(max_examples=25)
def test_any_replaces_and_questions_answer_as_without_a_cache(
    server: RedisServer, done: list[Step], queries: list[CostQuery]
) -> None:
    with TemporaryDirectory() as folder:
        lake = Lake(path=f"{folder}/lake")
        kept = (Memory(MIB), Disk(Path(folder, "cache"), MIB, DAY), Redis(server.url, 0.5))
        caches = [CachedWarehouse(lake, Guarded(each, "any"), 60) for each in kept]
        for turn, step in enumerate(done):
            caches[turn % 3].replace(step.span, step.batches())
            for query in queries * 2:
                plain = lake.query(query)
                for cached in caches:
                    assert cached.query(query).equals(plain, check_metadata=True)
