"""The source as a whole: deliveries, what is read again, what a lake holds afterwards."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.core.errors import BillError, SourceError
from outlay.core.ports import Replaced
from outlay.core.query import CostQuery
from outlay.core.span import Period, Span, Window
from outlay.sources.files import Files
from outlay.warehouses.lake import Lake
from tests.sources.bills.focus_bills import WINDOW, charge, write, write_parquet

YEAR = CostQuery(Period(date(2026, 1, 1), date(2027, 1, 1)), ("month",), order="dimensions")


def billed(month: int, cost: str, **columns: str) -> dict[str, str]:
    """A charge of the third of a month of 2026, billed in that month."""
    bounds = {"BillingPeriodStart": f"2026-{month:02}-01", "BillingPeriodEnd": f"2026-{month + 1:02}-01"}
    days = {"ChargePeriodStart": f"2026-{month:02}-03", "ChargePeriodEnd": f"2026-{month:02}-04"}
    return charge(BilledCost=cost, **bounds | days | columns)


def collect(source: Files, lake: Lake, window: Window = WINDOW) -> dict[str, Replaced]:
    """Every span's replace, by the span."""
    return {str(span): lake.replace(span, source.fetch(span)) for span in source.spans(window)}


def held(lake: Lake) -> dict[int, Decimal]:
    """What the lake holds of 2026, by month."""
    return {row["month"].month: row["cost"] for row in lake.query(YEAR).to_pylist()}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(path=str(tmp_path / "lake"))


@pytest.fixture
def bills(tmp_path: Path) -> Path:
    return tmp_path / "bills"


def months(bills: Path) -> Files:
    """An export with a folder for each of three months."""
    for month, cost in ((8, "1"), (9, "2"), (10, "4")):
        write(bills / f"BILLING_PERIOD=2026-{month:02}" / "focus.csv.gz", billed(month, cost))
    return Files(path=str(bills))


def test_without_dates_a_folder_is_one_delivery_read_once(bills: Path, lake: Lake) -> None:
    write(bills / "a.csv", billed(8, "1"), billed(9, "2"))
    write(bills / "b.csv", billed(9, "4"))
    source = Files(path=str(bills))

    assert [replaced.rows for replaced in collect(source, lake).values()] == [3]
    assert held(lake) == {8: 1, 9: 6}
    assert collect(source, lake) == {"files everything": Replaced(unchanged=True)}


def test_what_is_no_longer_in_the_files_is_no_longer_held(bills: Path, lake: Lake) -> None:
    write(bills / "a.csv", billed(8, "1"))
    gone = write(bills / "b.csv", billed(9, "4"))
    source = Files(path=str(bills))
    collect(source, lake)
    gone.unlink()

    collect(source, lake)

    assert held(lake) == {8: 1}


def test_a_bill_without_charges_replaces_what_was_there(bills: Path, lake: Lake) -> None:
    path = write(bills / "a.csv", billed(8, "1"))
    source = Files(path=str(path))
    collect(source, lake)
    path.write_text(path.read_text().splitlines()[0] + "\n")

    [replaced] = collect(source, lake).values()

    assert (replaced.rows, held(lake)) == (0, {})


def test_months_that_folders_name_are_spans_of_their_own_newest_first(bills: Path) -> None:
    spans = list(months(bills).spans(WINDOW))

    assert [str(span) for span in spans] == ["files 2026-10", "files 2026-09", "files 2026-08"]
    assert len({span.version for span in spans}) == 3


def test_only_a_changed_month_is_read_again(bills: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    source = months(bills)
    collect(source, lake)
    write(bills / "BILLING_PERIOD=2026-09" / "focus.csv.gz", billed(9, "2.5"))
    fetched: list[str] = []
    fetch = Files.fetch

    def noted(files: Files, span: Span) -> Iterator[Any]:
        fetched.append(str(span))
        yield from fetch(files, span)

    monkeypatch.setattr(Files, "fetch", noted)
    replaced = collect(source, lake)

    assert {span: each.unchanged for span, each in replaced.items()} == {
        "files 2026-10": True,
        "files 2026-09": False,
        "files 2026-08": True,
    }
    assert fetched == ["files 2026-09"]
    assert held(lake) == {8: 1, 9: Decimal("2.5"), 10: 4}


def test_a_new_file_and_a_touched_file_are_changes(bills: Path, lake: Lake) -> None:
    source = months(bills)
    collect(source, lake)
    write(bills / "BILLING_PERIOD=2026-10" / "part2.csv", billed(10, "8"))
    os.utime(bills / "BILLING_PERIOD=2026-08" / "focus.csv.gz", (1, 1))

    assert [each.unchanged for each in collect(source, lake).values()] == [False, True, False]
    assert held(lake) == {8: 1, 9: 2, 10: 12}


def test_another_setting_is_a_change(bills: Path, lake: Lake) -> None:
    write(bills / "a.csv", billed(8, "1", x_Team="core"))
    collect(Files(path=str(bills)), lake)

    [replaced] = collect(Files(path=str(bills), keep_columns=("x_Team",)), lake).values()

    assert not replaced.unchanged
    by_team = CostQuery(YEAR.days, ("tag:x_Team",))
    assert [row["tag:x_Team"] for row in lake.query(by_team).to_pylist()] == ["core"]


@pytest.mark.parametrize("hinted", [False, True])
def test_an_asked_window_picks_billing_months(bills: Path, lake: Lake, hinted: bool) -> None:
    if hinted:
        source = months(bills)
    else:
        write(bills / "a.csv", billed(8, "1"), billed(9, "2"), billed(10, "4"))
        source = Files(path=str(bills))

    collect(source, lake, Window(Period(date(2026, 9, 20), date(2026, 10, 2)), asked=True))
    assert held(lake) == {9: 2, 10: 4}

    collect(source, lake)
    assert held(lake) == {8: 1, 9: 2, 10: 4}


def test_a_late_charge_stays_in_the_month_that_bills_it(bills: Path, lake: Lake) -> None:
    late = billed(10, "8", ChargePeriodStart="2026-09-30", ChargePeriodEnd="2026-10-01")
    write(bills / "a.csv", billed(9, "2"), late)

    collect(Files(path=str(bills)), lake, Window(Period(date(2026, 9, 1), date(2026, 10, 1)), asked=True))
    assert held(lake) == {9: 2}

    collect(Files(path=str(bills)), lake, Window(Period(date(2026, 10, 1), date(2026, 11, 1)), asked=True))
    assert held(lake) == {9: 10}


def test_a_charge_of_another_month_than_its_folders(bills: Path, lake: Lake) -> None:
    source = months(bills)
    collect(source, lake)
    write(bills / "BILLING_PERIOD=2026-10" / "focus.csv.gz", billed(10, "16"), billed(9, "32"))

    with pytest.raises(BillError, match=r"gz:3: a charge is billed outside 2026-10, the month of its folder$"):
        collect(source, lake)

    assert held(lake) == {8: 1, 9: 2, 10: 4}


@pytest.mark.parametrize("late", [False, True])
def test_one_bad_file_among_good_ones_changes_nothing(bills: Path, lake: Lake, late: bool) -> None:
    write(bills / "a.csv", billed(8, "1"))
    write_parquet(bills / "b.parquet")
    source = Files(path=str(bills))
    collect(source, lake)
    before = held(lake)
    version = lake.version()
    write(bills / "a.csv", billed(8, "100"))
    write(bills / ("c.csv" if late else "0.csv"), billed(9, "200"), billed(9, "abc"))

    with pytest.raises(BillError, match=r"\.csv:3: BilledCost is no amount: 'abc'$"):
        collect(source, lake)

    assert (held(lake), lake.version()) == (before, version)
    assert len(list((Path(lake.path) / "charges").rglob("*.parquet"))) == 2


def test_missing_files_leave_what_was_held(bills: Path, lake: Lake) -> None:
    path = write(bills / "a.csv", billed(8, "1"))
    source = Files(path=str(bills))
    collect(source, lake)
    path.unlink()

    with pytest.raises(SourceError, match="no billing files at"):
        collect(source, lake)
    assert held(lake) == {8: 1}


def test_sources_of_different_names_do_not_touch_each_other(bills: Path, lake: Lake) -> None:
    write(bills / "a.csv", billed(8, "1"))
    for name in ("one", "two"):
        collect(Files(name=name, path=str(bills)), lake)

    assert held(lake) == {8: 2}


def test_access_is_tested_by_headers_alone(bills: Path) -> None:
    write(bills / "a.csv", billed(8, "no amount, which nobody reads"))
    write_parquet(bills / "b.parquet")

    assert Files(path=str(bills)).test() == f"2 files in {bills}: FOCUS"
    write(bills / "c.csv", {"hello": "world"})
    with pytest.raises(BillError, match=r"c\.csv: no known billing layout"):
        Files(path=str(bills)).test()


def test_secrets_of_a_bucket_are_in_no_repr() -> None:
    source = Files(path="s3://bucket", storage_options={"AWS_SECRET_ACCESS_KEY": "hidden"})

    assert "hidden" not in repr(source) + str(source)


COLLECT = """
import re, sys
from pathlib import Path
from datetime import date
from outlay.core.span import Period, Window
from outlay.sources.files import Files
from outlay.warehouses.lake import Lake

source, lake = Files(path=sys.argv[1]), Lake(path=sys.argv[2])
[span] = source.spans(Window(Period(date(2026, 1, 1), date(2026, 2, 1))))
rows = lake.replace(span, source.fetch(span)).rows
# Not getrusage, which counts the process that started this one, too.
print(rows, re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def _collected(path: Path, lake: Path) -> tuple[int, int]:
    """How many rows a process of its own collects, and its peak memory in KB."""
    command = [sys.executable, "-c", COLLECT, str(path), str(lake)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, peak = done.stdout.split()
    return int(rows), int(peak)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    tags = '"{""team"": ""core"", ""host"": ""i-%012d""}"'
    row = "0.%012d,USD,2026-10-01T00:00:00Z,2026-11-01T00:00:00Z,2026-10-%02dT00:00:00Z,,Usage,AWS,arn:i-%032d," + tags
    header = ",".join([*charge(), "ResourceId", "Tags"])
    part, whole = tmp_path / "part.csv", tmp_path / "whole.csv"
    lines = [row % (i, 1 + i % 28, i, i) for i in range(150_000)]
    part.write_text("\n".join([header, *lines]))
    whole.write_text("\n".join([header, *lines * 6]))

    rows, peak = _collected(part, tmp_path / "a")
    rows_more, peak_more = _collected(whole, tmp_path / "b")

    assert (rows, rows_more) == (150_000, 900_000)
    # What is read ahead has a bound. All of it at once would be 460 MB of batches alone, where the part has 80.
    assert peak_more < 1.9 * peak
    assert peak_more < 700 * 1024


def test_an_odd_path_is_only_a_path(tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s; --DROP "x" $1 ü'
    write(folder / "a'b.csv", billed(8, "1"))
    lake = Lake(path=str(tmp_path / "lake"))

    collect(Files(path=str(folder)), lake)

    assert held(lake) == {8: 1}
    assert re.fullmatch(r"1 files in .*", Files(path=str(folder)).test())
