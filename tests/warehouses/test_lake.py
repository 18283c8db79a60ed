"""What is the lake's own: its files, its log, what it tidies, and what it says when its folder fails it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pydantic import ValidationError

from outlay.core import focus
from outlay.core.errors import StoreError
from outlay.core.query import CostQuery
from outlay.core.span import Period, Span
from outlay.objects import plain
from outlay.warehouses.lake import Lake, parquet
from tests.charges import charge, put
from tests.contracts.model import answer, unread
from tests.contracts.stores import Store
from tests.contracts.worker import Job, worker
from tests.servers import moto_server

FIRST = date(2026, 10, 1)
OCTOBER = Period(FIRST, date(2026, 11, 1))
MONTH = Span("prod", OCTOBER)
TOTAL, DAILY = CostQuery(OCTOBER), CostQuery(OCTOBER, ("date",))
DAY = timedelta(days=1)
A_DAY_OLD = 25 * 3600


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(path=str(tmp_path / "lake"), keep_days=1)


def files(lake: Lake) -> set[Path]:
    return set(Path(lake.path).rglob("*.parquet")) - set(Path(lake.path).rglob("*.checkpoint.parquet"))


def replace_days(lake: Lake, cost: str, first: date = FIRST, end: date = FIRST + 12 * DAY) -> None:
    for start in Period(first, end).each_day():
        lake.replace(Span.of_days("prod", Period(start, start + DAY)), [focus.batch([charge(start, cost)])])


def age(path: Path, seconds: float = A_DAY_OLD) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.mark.parametrize("name", ["a b", "it's", 'quo"te', "hash#", "que?y", "star*", "br[1]ck", "日本", "a=b&c;d"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    lake = Lake(path=str(tmp_path / name))
    replace_days(lake, "1", end=FIRST + 2 * DAY)
    put(lake, [charge(FIRST, "2")])
    lake.maintain()
    assert answer(Lake(path=str(tmp_path / name)), DAILY) == {(FIRST,): 2}
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["100%", "a%20b", "back\\slash"])
def test_but_for_what_the_library_would_take_for_another_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValidationError, match="folder whose name holds"):
        Lake(path=str(tmp_path / name))


@pytest.mark.parametrize("settings", [{"keep_days": 0}, {"compression": "gzip"}, {"pth": "data"}])
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(settings))):
        Lake.model_validate(settings)


def test_a_lake_shows_no_secret() -> None:
    lake = Lake.model_validate({"path": "s3://a/b", "storage_options": {"AWS_SECRET_ACCESS_KEY": "hush"}})
    assert "hush" not in repr(lake) + str(lake) + lake.model_dump_json()


def test_a_file_in_the_place_of_the_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    lake = Lake(path=str(tmp_path / "file"))
    Path(lake.path).write_text("not a folder")
    for verb in (lake.prepare, lake.maintain, lambda: put(lake, [charge(FIRST, "1")])):
        with pytest.raises(StoreError, match=f"the lake at {lake.path}"):
            verb()
    assert Path(lake.path).read_text() == "not a folder"


def test_a_month_that_cannot_be_written_stays_as_it_was(lake: Lake, tmp_path: Path) -> None:
    put(lake, [charge(FIRST, "1")])
    month, aside = Path(lake.path, "charges", "source=prod", "month=2026-10-01"), tmp_path / "aside"
    month.rename(aside)
    month.write_text("not a folder")
    with pytest.raises(StoreError, match=r"cannot write .*/month=2026-10-01/.*: (File exists|Not a directory)"):
        put(lake, [charge(FIRST, "2")])
    with pytest.raises(StoreError, match="cannot read the lake at"):
        answer(lake, TOTAL)
    month.unlink()
    aside.rename(month)
    assert answer(lake, TOTAL) == {(): 1}
    put(lake, [charge(FIRST, "2")])
    assert answer(lake, TOTAL) == {(): 2}


def test_a_bucket_that_is_not_there_is_an_error_that_says_so() -> None:
    with moto_server() as url:
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_REGION": "us-east-1"}
        options = keys | {"AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true"}
        lake = Lake.model_validate({"path": "s3://nowhere/lake", "storage_options": options})
        for verb in (lake.prepare, lambda: lake.query(TOTAL), lambda: put(lake, [charge(FIRST, "1")])):
            with pytest.raises(StoreError, match=r"s3://nowhere/lake: .*bucket does not exist") as caught:
                verb()
            assert "hush" not in str(caught.value)
            assert "\x1b" not in str(caught.value)


def test_of_a_librarys_error_the_sentence_and_the_cause_are_told() -> None:
    assert plain(OSError("Kernel error\n  \x1b[31m\u21b3\x1b[0m GET x\n   \x1b[31m\u21b3\x1b[0m refused\n")) == (
        "Kernel error: refused"
    )
    assert plain(OSError("one\ntwo")) == "one"
    assert plain(StoreError("one\ntwo")) == "one\ntwo"


def test_a_replace_that_fails_leaves_no_file_behind(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS_PER_GROUP", 2)
    monkeypatch.setattr(parquet, "ROWS_PER_FILE", 4)
    put(lake, [charge(FIRST, "1")])
    before = files(lake)

    def rows() -> Iterator[pa.RecordBatch]:
        yield from [focus.batch([charge(FIRST, "1"), charge(FIRST, "1")])] * 5
        assert len(files(lake)) > len(before)
        raise ValueError("broken off")

    with pytest.raises(ValueError, match="broken off"):
        lake.replace(MONTH, rows())
    assert files(lake) == before


def test_rows_beyond_one_file_are_many_files_and_one_replace(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS_PER_GROUP", 8)
    monkeypatch.setattr(parquet, "ROWS_PER_FILE", 16)
    rows = [charge(FIRST + i % 60 * DAY, "0.5", cut="ab"[i // 60 % 2]) for i in range(300)]
    span = Span.of_everything("prod", "one")
    done = lake.replace(span, (focus.batch(rows[i : i + 7]) for i in range(0, 300, 7)))
    assert (done.rows, done.totals) == (300, {"USD": Decimal(90)})
    assert len(files(lake)) > 10
    assert max(pq.read_metadata(file).num_row_groups for file in files(lake)) > 1
    assert lake.replace(span, unread()).unchanged
    assert lake.replace(span, []).rows == 0


def test_any_reader_of_delta_lake_or_parquet_finds_the_same(lake: Lake) -> None:
    rows = [charge(FIRST, "0.000000000000000001", tags={"a": "b"}), charge(FIRST + DAY, "99999999999999999999")]
    put(lake, rows)
    found = DeltaTable(f"{lake.path}/charges").to_pyarrow_table()
    assert sorted(found["billed_cost"].to_pylist()) == sorted(row["billed_cost"] for row in rows)
    assert set(found.column_names) == {*focus.NAMES, "month"}
    assert found["month"].to_pylist() == [FIRST, FIRST]
    (file,) = files(lake)
    assert pq.read_table(file, partitioning=None).schema.field("billed_cost").type == pa.decimal128(38, 18)


def test_only_files_with_days_asked_for_are_opened(lake: Lake) -> None:
    replace_days(lake, "1", end=FIRST + 2 * DAY)
    second = max(files(lake), key=lambda file: file.stat().st_mtime_ns)
    second.unlink()
    lake = Lake(path=lake.path)
    assert answer(lake, CostQuery(Period(FIRST, FIRST + DAY))) == {(): 1}
    with pytest.raises(StoreError, match=f"the lake at {lake.path}: .*{second.name}"):
        answer(lake, TOTAL)


def test_many_small_files_become_one(lake: Lake) -> None:
    replace_days(lake, "1.5")
    before = answer(lake, DAILY)
    assert len(lake_files(lake)) == 12
    lake.maintain()
    assert len(lake_files(lake)) == 1
    assert answer(lake, DAILY) == answer(Lake(path=lake.path), DAILY) == before
    replace_days(lake, "2", end=FIRST + 3 * DAY)
    assert answer(lake, TOTAL) == {(): Decimal("19.5")}


def lake_files(lake: Lake) -> list[str]:
    return DeltaTable(f"{lake.path}/charges").file_uris()


def test_tidying_leaves_a_delivery_unread_and_its_cuts_known(lake: Lake) -> None:
    delivery = Span("bills", OCTOBER, version="one")
    lake.replace(delivery, [focus.batch([charge(FIRST, "1", "bills")])])
    for start in (FIRST + i * DAY for i in range(10)):
        rows = [charge(start, "2", cut="service,region"), charge(start, "2", cut="tag:team")]
        lake.replace(Span.of_days("prod", Period(start, start + DAY)), [focus.batch(rows)])
    lake.maintain()
    assert lake.replace(delivery, unread()).unchanged
    assert answer(Lake(path=lake.path), TOTAL) == {(): 21}


def test_what_a_killed_writer_left_vanishes_once_it_is_old_and_nothing_else_does(lake: Lake) -> None:
    put(lake, [charge(FIRST, "1")])
    (kept,) = files(lake)
    left, new = kept.with_name("days-left.parquet"), kept.with_name("days-new.parquet")
    for each in (left, new):
        shutil.copy(kept, each)
    for each in (kept, left):
        age(each)
    lake.maintain()
    assert files(lake) == {kept, new}
    assert answer(lake, TOTAL) == {(): 1}


def test_replaced_files_vanish_after_the_days_they_are_kept(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    put(lake, [charge(FIRST, "1")])
    (first,) = files(lake)
    long_ago = time.time_ns() - A_DAY_OLD * 10**9
    with monkeypatch.context() as then:
        then.setattr(time, "time_ns", lambda: long_ago)
        put(lake, [charge(FIRST, "2")])
    second = files(lake) - {first}
    put(lake, [charge(FIRST, "3")])
    lake.maintain()
    assert first not in files(lake)
    assert second < files(lake)
    assert answer(lake, TOTAL) == {(): 3}


def test_a_reader_of_long_ago_reads_on_after_the_log_was_shortened(lake: Lake) -> None:
    reader = Lake(path=lake.path)
    replace_days(lake, "1", end=FIRST + DAY)
    assert answer(reader, TOTAL) == {(): 1}
    replace_days(lake, "1")
    log = Path(lake.path, "charges", "_delta_log")
    for entry in log.iterdir():
        age(entry, 10 * A_DAY_OLD)
    lake.maintain()
    assert len(list(log.glob("*.checkpoint.parquet"))) == 1
    assert not (log / f"{0:020}.json").exists()
    assert answer(reader, TOTAL) == answer(Lake(path=lake.path), TOTAL) == {(): 12}
    put(lake, [charge(FIRST, "5")])
    assert answer(reader, TOTAL) == {(): 5}


def test_tidying_beside_a_writer_loses_nothing(lake: Lake) -> None:
    store = Store("lake", {"path": lake.path})
    replace_days(lake, "1")
    with worker() as writer:
        writer.expect("ready")
        days = Period(FIRST, FIRST + DAY)
        costs = tuple(str(cost) for cost in range(1, 21))
        writer.start(Job(store, Span.of_days("prod", days), days, costs, 1))
        writer.expect("started")
        while answer(lake, DAILY)[(FIRST,)] < 20:
            replace_days(lake, "1", FIRST + DAY)
            lake.maintain()
            assert len(answer(lake, DAILY)) == 12
        writer.expect("done")
    assert answer(lake, TOTAL) == {(): 31}


def test_many_threads_share_one_lake(lake: Lake) -> None:
    put(lake, [charge(FIRST, "1"), charge(FIRST + DAY, "1")])

    def write(cost: int) -> None:
        put(lake, [charge(FIRST, str(cost)), charge(FIRST + DAY, str(cost))])

    def read(_: int) -> bool:
        first, second = answer(lake, DAILY).values()
        return first == second

    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(write, cost) for cost in range(2, 12)]
        assert all(pool.map(read, range(60)))
        for each in writes:
            each.result()
    assert answer(lake, TOTAL)[()] in range(4, 24, 2)
