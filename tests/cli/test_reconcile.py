from __future__ import annotations

import json
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from outlay import reports
from outlay.core.reading import Reading
from outlay.core.span import Period
from outlay.state import State
from tests.cli.bills import put_bills
from tests.cli.conftest import Outlay

USD = ("reconcile", "--source", "files", "--month", "2026-10", "--currency", "USD", "--invoice")


@pytest.fixture(autouse=True)
def _collected(outlay: Outlay, folder: Path) -> None:
    put_bills(folder)
    assert outlay("collect").code == 0


def test_equal(outlay: Outlay) -> None:
    done = outlay(*USD, "1245.625000000000000001")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "equal to the last digit"


def test_explained(outlay: Outlay, folder: Path) -> None:
    (folder / "invoice.csv").write_text("category,amount\n,1244.63\ntax,3\n")
    done = outlay(*USD, "invoice.csv")
    assert (done.code, done.err) == (0, "")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["files", "2026-10", "stored", "USD", "effective", "invoice", "USD"]
    assert lines[2:6] == [
        ["usage", "1,244.63", "1,008.38", "1,244.63"],
        ["tax", "3.00", "3.00", "3.00"],
        ["credits", "-2.00", "-2.00"],
        ["total", "1,245.63", "1,009.38", "1,247.63"],
    ]
    assert done.out.splitlines()[-3:] == [
        "the invoice leaves out credits                        +2.00",
        "rounding, within half a cent a line   +0.004999999999999999",
        "difference                            +2.004999999999999999",
    ]
    assert max(map(len, done.out.splitlines())) <= 80


def test_unexplained_is_exit_code_2_and_told_from_wrong_usage(outlay: Outlay) -> None:
    done = outlay(*USD, "1300")
    assert (done.code, done.err) == (2, "unexplained: +54.374999999999999999 USD\n")
    assert "unexplained" in done.out
    as_json = outlay(*USD, "1300", "--format", "json")
    assert (as_json.code, json.loads(as_json.out)["unexplained"]) == (2, "54.374999999999999999")
    wrong = outlay(*USD, "1,5")
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err.startswith("outlay: --invoice '1,5' is neither an amount")


def test_another_currency(outlay: Outlay, folder: Path) -> None:
    (folder / "data").rename(folder / "old")
    bill = folder / "bills" / "october.csv"
    bill.write_text("".join(line for line in bill.read_text().splitlines(keepends=True) if "EUR" not in line))
    assert outlay("collect").code == 0
    asked = ("reconcile", "--source", "files", "--month", "2026-10", "--invoice", "1145.98 EUR")
    done = outlay(*asked)
    assert done.code == 2
    assert done.err == (
        "unexplained: the invoice is in EUR, what is stored in USD; the rate would be 0.920004."
        " Say --rate RATE to compare\n"
    )
    assert json.loads(outlay(*asked, "--format", "json").out)["unexplained"] is None
    done = outlay(*asked, "--rate", "0.92")
    assert done.code == 0, done.err
    assert "at a rate of 0.92: 1,145.98 EUR stored" in done.out
    assert outlay(*asked, "--rate", "-1").err.endswith("'-1' is no rate; write it as 0.92\n")


def test_the_last_month_and_the_invoice_of_the_readings(
    outlay: Outlay, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "today", lambda: date(2026, 11, 3))
    asked = ("reconcile", "--source", "files")
    assert outlay(*asked).err.startswith("outlay: no invoice of 2026-10 among the readings of files; name one")
    october = Period(date(2026, 10, 1), date(2026, 11, 1))
    with closing(State(f"sqlite:///{folder}/data/state.db")) as state:
        reading = Reading("any_invoice_total", Decimal("7.50"), "EUR", {}, october)
        state.record_readings("files", date(2026, 11, 2), [reading])
    done = outlay(*asked)
    assert (done.code, done.out.splitlines()[-1]) == (0, "equal to the last digit")


def test_a_month_that_is_none(outlay: Outlay) -> None:
    done = outlay("reconcile", "--source", "files", "--month", "october", "--invoice", "1")
    assert done.code == 2
    assert "'october' is no month; write it as 2026-10" in done.err
