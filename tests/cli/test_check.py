"""`outlay check`: whatever happens, one status line on stdout and its exit code."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from outlay import reports
from outlay.cli import check as checking
from outlay.cli.wiring import state_of
from outlay.core.config import load
from outlay.core.query import CostQuery
from outlay.state import Run
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.cli.conftest import Outlay, process

TODAY = date(2026, 11, 20)
SETTINGS = """
clouds:
  demo: {name: prod}
store: {path: data}
monitoring:
  thresholds:
    daily: {warning: 100, critical: 200}
"""


def day(number: int, month: int = 11) -> date:
    """A day of 2026."""
    return date(2026, month, number)


@pytest.fixture(autouse=True)
def store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Yesterday 150 USD, of which 120 are EC2 of the team core; 40 the day before; today 999 so far."""
    monkeypatch.setattr(reports, "today", lambda: TODAY)
    (folder / "outlay.yaml").write_text(SETTINGS)
    lake = Lake(path="data")
    lake.prepare()
    core: dict[str, Any] = {"tags": [("team", "core")], "service_name": "Amazon EC2", "sub_account_id": "1111"}
    put(lake, [charge(day(18), "40"), charge(day(19), "30"), charge(day(19), "120", **core), charge(TODAY, "999")])
    return folder


def more(*rows: dict[str, Any]) -> None:
    """Charges of other sources."""
    put(Lake(path="data"), rows)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("--threshold 1000 --critical 2000", 0, "OK - 150.00 USD on 2026-11-19 | 'cost'=150.00USD;1000;2000"),
        ("--threshold 149 --critical 2000", 1, "WARNING - 150.00 USD on 2026-11-19 | 'cost'=150.00USD;149;2000"),
        ("-w 1 -c 149.99", 2, "CRITICAL - 150.00 USD on 2026-11-19 | 'cost'=150.00USD;1;149.99"),
        ("--threshold 150", 0, "OK - 150.00 USD on 2026-11-19 | 'cost'=150.00USD;150;"),
        ("--critical 200:", 2, "CRITICAL - 150.00 USD on 2026-11-19 | 'cost'=150.00USD;;200:"),
        ("--critical @100:150", 2, "CRITICAL - 150.00 USD on 2026-11-19 | 'cost'=150.00USD;;@100:150"),
        ("", 1, "WARNING - 150.00 USD on 2026-11-19 | 'cost'=150.00USD;100;200"),
        ("--tag team=core", 1, "WARNING - 120.00 USD on 2026-11-19 | 'cost'=120.00USD;100;200"),
        ("--service 'Amazon EC2' --account 1111 -w 500", 0, "OK - 120.00 USD on 2026-11-19 | 'cost'=120.00USD;500;"),
        ("--source prod --provider aws,gcp -w 500", 0, "OK - 150.00 USD on 2026-11-19 | 'cost'=150.00USD;500;"),
        ("--period month -w 500", 0, "OK - 190.00 USD in 2026-11 up to 2026-11-19 | 'cost'=190.00USD;500;"),
        ("--measure effective -w 500", 0, "OK - 150.00 USD on 2026-11-19 | 'cost'=150.00USD;500;"),
    ],
)
def test_what_it_says(outlay: Outlay, arguments: str, code: int, said: str) -> None:
    words = [each.strip("'") for each in arguments.replace("'Amazon EC2'", "Amazon_EC2").split()]
    done = outlay("check", *(each.replace("_", " ") if "EC2" in each else each for each in words))
    assert (done.code, done.out, done.err) == (code, f"COSTS {said}\n", "")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--threshold much", "Invalid value for '-w' / '--threshold': 'much' is no range; write it as 1000, 10:"),
        ("--nope", "No such option"),
        ("extra", "Got unexpected extra argument"),
        ("--period year", "'year' is not one of 'day', 'month'"),
        ("--max-age soon", "'soon' is no length of time; write it as 90m, 36h, 3d or 2w"),
        ("--tag team", "--tag 'team' is not KEY=VALUE, such as team=core"),
        ("--period month", "no thresholds: give --threshold or --critical, or set monitoring.thresholds.monthly"),
        ("--service S3", "no charges of service=S3 in 400 days"),
        ("--currency GBP", "no currency named 'GBP'; there are: USD"),
        ("--source nope", "no charges of source=nope in 400 days"),
    ],
)
def test_wrong_usage_is_unknown(outlay: Outlay, arguments: str, reason: str) -> None:
    done = outlay("check", *arguments.split())
    assert done.code == 3
    assert done.out.startswith("COSTS UNKNOWN - ")
    assert reason in done.out
    assert done.out.count("\n") == 1
    assert done.err == ""


def test_of_several_currencies_one_is_named(outlay: Outlay) -> None:
    more(charge(day(19), "7", source="eu", billing_currency="EUR"))
    assert outlay("check").out == "COSTS UNKNOWN - several currencies: EUR, USD; choose one with --currency\n"
    assert outlay("check", "--currency", "EUR").out == "COSTS OK - 7.00 EUR on 2026-11-19 | 'cost'=7.00EUR;100;200\n"


def test_what_is_stale_is_unknown(outlay: Outlay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "today", lambda: day(25))
    done = outlay("check")
    assert (done.code, done.out) == (
        3,
        "COSTS UNKNOWN - stale: the last charges of prod are of 2026-11-20, older than --max-age\n",
    )
    assert outlay("check", "--max-age", "1w", "-w", "1").code == 1


def test_the_last_day_of_the_slowest_source_counts(outlay: Outlay, folder: Path) -> None:
    (folder / "outlay.yaml").write_text(SETTINGS.replace("demo: {name: prod}", "demo: [{name: prod}, {name: slow}]"))
    more(charge(day(18), "5", source="slow"))
    assert "45.00 USD on 2026-11-18" in outlay("check").out
    assert "stale: the last charges of slow are of 2026-11-18" in outlay("check", "--max-age", "12h").out


def test_a_source_that_was_never_collected_is_missing(outlay: Outlay, folder: Path) -> None:
    (folder / "outlay.yaml").write_text(SETTINGS.replace("demo: {name: prod}", "demo: [{name: prod}, {name: other}]"))
    done = outlay("check")
    assert (done.code, done.out) == (3, "COSTS UNKNOWN - missing: other was never collected; see `outlay runs`\n")
    assert outlay("check", "--source", "prod").code == 1
    state = state_of(load(None, {}, folder))
    state.record_run(Run("other", "other", datetime(2026, 11, 19, tzinfo=UTC), 1.0))
    state.close()
    assert outlay("check").code == 1  # it was collected, and had no charges


def test_it_writes_nothing(outlay: Outlay, folder: Path) -> None:
    (folder / "outlay.yaml").write_text(SETTINGS.replace("demo: {name: prod}", "demo: [{name: prod}, {name: other}]"))
    before = sorted(folder.rglob("*"))
    assert outlay("check").code == 3
    assert outlay("check", "--source", "prod").code == 1
    assert sorted(folder.rglob("*")) == before


def test_a_state_that_is_none_is_unknown(outlay: Outlay, folder: Path) -> None:
    (folder / "outlay.yaml").write_text(SETTINGS.replace("demo: {name: prod}", "demo: [{name: prod}, {name: other}]"))
    (folder / "data" / "state.db").write_text("no database at all, but as long as the header of one: " * 9)
    said = "COSTS UNKNOWN - cannot read the state that `state.url` names: file is not a database\n"
    assert outlay("check").out == said


def test_sources_that_are_not_in_the_settings_are_not_waited_for(outlay: Outlay) -> None:
    more(charge(day(1), "5", source="gone"))
    assert outlay("check").code == 1


def test_a_service_that_costs_nothing_now_is_fine(outlay: Outlay) -> None:
    put(Lake(path="data"), [charge(day(1, 10), "5", service_name="Old")])
    assert outlay("check", "--service", "Old").out.startswith("COSTS UNKNOWN - no charges of a") is False
    assert outlay("check", "--service", "Old").out == "COSTS OK - 0.00 USD on 2026-11-19 | 'cost'=0.00USD;100;200\n"


def test_estimates_are_said(outlay: Outlay) -> None:
    put(Lake(path="data"), [charge(day(19), "150", provisional=True)])
    assert outlay("check").out.startswith("COSTS WARNING - 150.00 USD on 2026-11-19 (provisional) | ")


def test_verbose_names_the_largest_services(outlay: Outlay) -> None:
    done = outlay("check", "-v")
    assert done.out.splitlines()[1:] == ["Amazon EC2: 120.00 USD", "(none): 30.00 USD"]


@pytest.mark.parametrize("text", ["clouds: [", "store: {type: nope}", "monitoring: {thresholds: {daily: {}}}"])
def test_settings_with_faults_are_unknown(outlay: Outlay, folder: Path, text: str) -> None:
    (folder / "outlay.yaml").write_text(text)
    done = outlay("check")
    assert (done.code, done.err) == (3, "")
    assert done.out.startswith("COSTS UNKNOWN - outlay.yaml:")
    assert done.out.count("\n") == 1


def test_a_store_that_cannot_be_read_is_unknown(outlay: Outlay, folder: Path) -> None:
    log = folder / "data" / "charges" / "_delta_log"
    logs = list(log.glob("*.json")) if log.is_dir() else list((folder / "data").rglob("_delta_log/*.json"))
    for each in logs:
        each.write_text("{")
    done = outlay("check")
    assert done.code == 3
    assert done.out.startswith("COSTS UNKNOWN - ")
    assert outlay("--config", "none.yaml", "check").out == "COSTS UNKNOWN - none.yaml: no such file\n"


def test_nothing_is_made_where_nothing_is(outlay: Outlay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    assert outlay("check", "-w", "1").code == 3
    assert list(empty.iterdir()) == []


def test_a_store_that_hangs_is_unknown(monkeypatch: pytest.MonkeyPatch, outlay: Outlay) -> None:
    gone = threading.Event()
    late: list[int] = []

    def hangs(self: Lake, query: CostQuery) -> None:
        gone.wait(20)
        raise RuntimeError

    def note(seconds: int) -> None:
        late.append(seconds)
        gone.set()

    monkeypatch.setattr(Lake, "query", hangs)
    monkeypatch.setattr(checking, "_too_late", note)
    outlay("check", "-t", "1")
    assert late == [1]


def test_too_late_ends_the_process(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    end: Callable[[int], None] = ended.append
    monkeypatch.setattr("os._exit", end)
    checking._too_late(30)
    assert ended == [3]
    assert capsys.readouterr().out == "COSTS UNKNOWN - no answer from the store within 30 seconds\n"


def test_as_a_process(store: Path) -> None:
    done = process("check", "-w", "1", "--max-age", "99d")
    assert (done.code in {0, 1, 3}, done.err) == (True, "")
    assert done.out.startswith("COSTS ")
    assert process("check", "--nope").code == 3
