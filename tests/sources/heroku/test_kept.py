"""What is kept of Heroku's answers: each month with all it takes, though some of it had not changed or was refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from outlay.core.errors import ThrottledError
from tests.clouds.heroku import TEAM, Heroku, team_invoice
from tests.sources.heroku.asking import NOVEMBER, OCTOBER, rows, source, today
from tests.sources.keeping import Keeping

FEBRUARY = date(2026, 2, 1)


@pytest.fixture
def billed(cloud: Heroku) -> Heroku:
    for month in (FEBRUARY, OCTOBER, NOVEMBER):
        cloud.usage[TEAM].add(month, "web", partner=Decimal(1))
        cloud.invoices.setdefault(TEAM, []).append(
            team_invoice(month, addons_total=100, charges_total=100, total=100, platform_total=0)
        )
    return cloud


def test_a_month_is_kept_with_invoices_that_had_not_changed(billed: Heroku) -> None:
    ledger = Keeping()
    one = source(billed).with_ledger(ledger)
    first = [rows(one, month) for month in (NOVEMBER, OCTOBER)]
    assert any(line.endswith("304") for line in billed.asked)
    billed.asked.clear()
    assert [rows(source(billed).with_ledger(ledger), month) for month in (OCTOBER, NOVEMBER)] == first[::-1]
    assert billed.asked == []


def test_readings_are_kept_apart_from_bills(billed: Heroku) -> None:
    ledger = Keeping()
    rows(source(billed).with_ledger(ledger), OCTOBER)
    billed.asked.clear()
    first = [*source(billed).with_ledger(ledger).read(date(2026, 11, 21))]
    assert billed.asked
    billed.asked.clear()
    assert [*source(billed).with_ledger(ledger).read(date(2026, 11, 21))] == first
    assert billed.asked == []


def test_what_was_refused_is_asked_for_again_and_alone(billed: Heroku) -> None:
    billed.daily_from = date(2026, 5, 1)
    ledger = Keeping()
    first = rows(source(billed).with_ledger(ledger), FEBRUARY)
    billed.asked.clear()
    assert rows(source(billed).with_ledger(ledger), FEBRUARY) == first
    [line] = billed.asked
    assert "daily" in line
    assert line.endswith("422")
    assert len(ledger.answers) == 1


def test_the_limit_of_an_hour_ago_is_not_kept(billed: Heroku) -> None:
    ledger = Keeping()
    billed.remaining = 23
    with pytest.raises(ThrottledError):
        rows(source(billed).with_ledger(ledger), OCTOBER)
    assert ledger.answers == {}, "nor is what came before it"
    billed.remaining = 30
    first = rows(source(billed).with_ledger(ledger), OCTOBER)
    billed.remaining = 0
    assert rows(source(billed).with_ledger(ledger), OCTOBER) == first


def test_another_day_asks_anew(billed: Heroku, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Keeping()
    rows(source(billed).with_ledger(ledger), NOVEMBER)
    billed.asked.clear()
    today(monkeypatch, date(2026, 11, 22))
    rows(source(billed).with_ledger(ledger), NOVEMBER)
    assert any("end=2026-11-22" in line for line in billed.asked)
    assert len(billed.asked) > 1
