"""Which months there are to fetch, and when a month is taken to have changed."""

from __future__ import annotations

from datetime import date

import pytest

from outlay.core.span import Period, Window
from outlay.sources import gcp
from outlay.sources.gcp import Gcp
from tests.sources.gcp.fake import FakeBigQuery

NOVEMBER_20, NOVEMBER_5 = date(2026, 11, 20), date(2026, 11, 5)


@pytest.fixture
def source(fake: FakeBigQuery) -> Gcp:
    return Gcp.model_validate(fake.settings())


def versions(source: Gcp, window: Window) -> dict[str, str | None]:
    return {f"{span.months.start:%Y-%m}": span.version for span in source.spans(window)}


def at(monkeypatch: pytest.MonkeyPatch, today: date) -> Window:
    """The usual window on a day."""
    monkeypatch.setattr(gcp, "_today", lambda: today)
    return Window(Period.last(2, until=today))


def test_months_that_may_still_change_are_looked_at_again(source: Gcp, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(versions(source, at(monkeypatch, NOVEMBER_20))) == ["2026-11", "2026-10"]
    assert list(versions(source, at(monkeypatch, NOVEMBER_5))) == ["2026-11", "2026-10", "2026-09"]
    assert list(versions(source, at(monkeypatch, date(2026, 11, 1)))) == ["2026-10", "2026-09"]


def test_days_asked_for_bring_the_months_whose_invoice_they_may_be_on(
    source: Gcp, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, NOVEMBER_20)
    middle, first = Period(date(2026, 8, 5), date(2026, 8, 9)), Period(date(2026, 8, 1), date(2026, 8, 2))
    assert list(versions(source, Window(middle, asked=True))) == ["2026-08"]
    assert list(versions(source, Window(first, asked=True))) == ["2026-08", "2026-07"]
    ahead = Period(date(2027, 1, 5), date(2027, 1, 9))
    assert list(versions(source, Window(ahead, asked=True))) == []


def test_an_open_month_changes_with_its_table_and_a_settled_one_does_not(
    source: Gcp, fake: FakeBigQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Window(Period(date(2026, 9, 2), NOVEMBER_20), asked=True)
    at(monkeypatch, NOVEMBER_20)
    before = versions(source, window)
    assert versions(source, window) == before
    fake.told.details = {"lastModifiedTime": "1790000002000"}
    after = versions(source, window)
    assert {month for month in before if before[month] == after[month]} == {"2026-09"}
    fake.told.details = {"creationTime": "1790000000999"}
    assert versions(source, window)["2026-09"] != before["2026-09"]


def test_a_month_is_read_once_more_when_its_invoice_is_out_and_when_it_is_settled(
    source: Gcp, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [date(2026, 11, 10), date(2026, 11, 11), date(2026, 12, 10), date(2026, 12, 11), date(2027, 6, 1)]
    seen = []
    for day in days:
        at(monkeypatch, day)
        seen.append(versions(source, Window(Period(date(2026, 10, 2), date(2026, 10, 3)), asked=True))["2026-10"])
    assert [seen.index(version) for version in seen] == [0, 1, 1, 3, 3]


def test_a_view_does_not_tell_whether_it_changed(
    source: Gcp, fake: FakeBigQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.told.details = {"type": "VIEW", "timePartitioning": None}
    window = at(monkeypatch, NOVEMBER_20)
    assert set(versions(source, window).values()) == {None}


def test_charges_are_provisional_until_the_invoice_is_out(
    source: Gcp, fake: FakeBigQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.answers([(date(2026, 10, 3), "1.5")])
    for today, provisional in ((date(2026, 11, 10), True), (date(2026, 11, 11), False)):
        at(monkeypatch, today)
        (span, *_) = source.spans(Window(Period(date(2026, 10, 5), date(2026, 10, 6)), asked=True))
        (batch,) = source.fetch(span)
        assert batch["provisional"].to_pylist() == [provisional]
