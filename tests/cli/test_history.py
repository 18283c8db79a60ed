from __future__ import annotations

import json
import re
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from outlay import history
from outlay.core.ports import DayChange
from outlay.core.reading import Reading
from outlay.core.span import Period
from outlay.state import Run, State, ledgered
from tests.cli.bills import CHARGES, put_bills
from tests.cli.conftest import Outlay
from tests.sources.bills.focus_bills import write


@pytest.fixture
def bills(folder: Path, outlay: Outlay) -> Path:
    """A bill that was collected, restated, and then broken."""
    put_bills(folder)
    path = folder / "bills" / "october.csv"
    outlay("collect")
    write(path, *CHARGES[1:], CHARGES[0] | {"BilledCost": "11"})
    outlay("collect")
    outlay("collect")
    write(path, CHARGES[0] | {"BilledCost": "abc"})
    outlay("collect")
    return path


def test_runs(outlay: Outlay, bills: Path) -> None:
    done = outlay("runs")

    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].split() == ["started", "span", "rows", "seconds", "result"]
    assert lines[2].endswith(f"{bills}:2: BilledCost is no amount: 'abc'")
    assert lines[3].endswith("unchanged")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d +files everything +6 +\d\.\d +1,246\.13 USD, 7\.50 EUR", lines[4])
    assert len(lines) == 6


def test_runs_as_json(outlay: Outlay, bills: Path) -> None:
    runs = json.loads(outlay("runs", "--format", "json", "--limit", "3").out)

    assert [run["unchanged"] for run in runs] == [False, True, False]
    assert runs[0]["error"].startswith(str(bills))
    assert runs[2] | {"seconds": 0, "started_at": ""} == {
        "source": "files",
        "span": "files everything",
        "started_at": "",
        "seconds": 0,
        "rows": 6,
        "totals": {"EUR": "7.5", "USD": "1246.125000000000000001"},
        "unchanged": False,
        "paid_calls": 0,
        "error": None,
        "code": None,
        "note": None,
    }


def test_restatements(outlay: Outlay, bills: Path) -> None:
    [row] = json.loads(outlay("restatements", "--format", "json").out)

    assert row | {"observed_at": ""} == {
        "observed_at": "",
        "source": "files",
        "day": "2026-10-01",
        "currency": "USD",
        "before": "10.625",
        "after": "11.125",
    }
    lines = outlay("restatements").out.splitlines()
    assert lines[0].split() == ["observed", "source", "day", "before", "after", "change", "currency"]
    assert lines[2].split()[2:] == ["files", "2026-10-01", "10.62", "11.12", "+0.50", "USD"]


def test_restatements_of_some_days(outlay: Outlay, bills: Path) -> None:
    assert outlay("restatements", "--start-date", "2026-10-02").err == "no day was restated\n"
    done = outlay("restatements", "--start-date", "2026-10-01", "--end-date", "2026-10-01", "--source", "files")
    assert len(done.out.splitlines()) == 3
    assert max(map(len, done.out.splitlines())) <= 80
    wrong = outlay("restatements", "--curve", "--start-date", "2026-10-01")
    assert (wrong.code, wrong.err) == (2, "outlay: --curve is measured over all days: leave out --start-date\n")


def put_curve(folder: Path) -> None:
    """Eight days that were half known on the next day and whole on the one after, as two sources tell."""
    today = datetime.now(UTC).date()
    with closing(State(f"sqlite:///{folder}/data/state.db")) as state, pytest.MonkeyPatch.context() as patch:
        for number in range(9, -1, -1):
            day = today - timedelta(days=number)
            at = datetime.combine(day, time(6), UTC)
            patch.setattr(ledgered, "now", lambda at=at: at.replace(tzinfo=None))
            known = [DayChange(day - timedelta(days=1), "USD", None, Decimal(50))]
            whole = [DayChange(day - timedelta(days=2), "USD", Decimal(50), Decimal(100))] if number < 9 else []
            state.record_run(Run("aws", f"aws {day - timedelta(days=20)}..{day}", at, 1.0), [*known, *whole])
        state.record_run(Run("gcp", "gcp 2026-11", datetime.now(UTC), 1.0))
        history.measure(state, 1)


def test_the_settling_curve(outlay: Outlay, folder: Path) -> None:
    assert outlay("restatements", "--curve").err.startswith("nothing is measured yet: ")
    put_curve(folder)

    done = outlay("restatements", "--curve", "--source", "aws")

    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert " ".join(lines[0]) == "source after days measured median 9 in 10 worst"
    assert [" ".join(line) for line in lines[2:5]] == [
        "aws 1 9 50.0 % 50.0 % 50.0 %",
        "aws 2 8 100.0 % 100.0 % 100.0 %",
        "aws 3 7 100.0 % 100.0 % 100.0 %",
    ]
    since = datetime.now(UTC).date() - timedelta(days=2)
    assert done.err == f"aws: provisional from {since}, 2 days before the last look\n"
    aws, gcp = json.loads(outlay("restatements", "--curve", "--format", "json").out)
    assert (aws["settled_after_days"], aws["provisional_from"]) == (2, since.isoformat())
    assert aws["curve"][0] == {"age_days": 1, "days": 9, "median": "0.5", "most": "0.5", "worst": "0.5"}
    assert (gcp["settled_after_days"], gcp["curve"]) == (None, [])


def test_nothing_happened_yet(outlay: Outlay, folder: Path) -> None:
    put_bills(folder)

    for command, said in (("runs", "no runs yet"), ("restatements", "no day was restated")):
        done = outlay(command)
        assert (done.code, done.out) == (0, "")
        assert done.err.startswith(said)
        assert json.loads(outlay(command, "--format", "json").out) == []


def test_of_one_source(outlay: Outlay, bills: Path) -> None:
    assert len(json.loads(outlay("runs", "--source", "files", "--format", "json").out)) == 4
    assert json.loads(outlay("runs", "--source", "other", "--format", "json").out) == []


def test_readings(outlay: Outlay, folder: Path) -> None:
    assert outlay("readings").err == "no readings: sources such as heroku have them, once collected\n"
    october = Period(date(2026, 10, 1), date(2026, 11, 1))
    readings = [
        Reading("heroku_invoice_total", Decimal("12.50"), "USD", {"team": "core"}, october),
        Reading("aws_savings_plans_utilization", Decimal("0.5"), "ratio"),
    ]
    with closing(State(f"sqlite:///{folder}/data/state.db")) as state:
        state.record_readings("heroku", date(2026, 11, 2), readings)

    found = json.loads(outlay("readings", "--format", "json", "--name", "heroku_").out)
    assert found == [
        {
            "source": "heroku",
            "day": "2026-11-02",
            "name": "heroku_invoice_total",
            "value": "12.5",
            "unit": "USD",
            "labels": {"team": "core"},
            "start": "2026-10-01",
            "end": "2026-10-31",
        }
    ]
    table = outlay("readings", "--source", "heroku").out
    assert "team=core" in table
    assert "2026-11-02" in table
    assert json.loads(outlay("readings", "--source", "aws", "--format", "json").out) == []
