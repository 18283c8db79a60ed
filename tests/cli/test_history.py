from __future__ import annotations

import json
import re
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from outlay.core.reading import Reading
from outlay.core.span import Period
from outlay.state import State
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
