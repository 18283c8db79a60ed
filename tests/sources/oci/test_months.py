"""Which reports make up a month: every line in one month, none lost, none twice, and only what changed read again."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from outlay.core.errors import BillError, NotFoundError
from outlay.core.span import Period, Window, next_month
from outlay.sources.oci import Oci
from tests.clouds import oci as clouds
from tests.clouds.oci_reports import COST, cost_line, focus_line, packed
from tests.sources.oci.asking import BEFORE_LAST, LAST_MONTH, THIS_MONTH, WINDOW, collected, months, rows, totals
from tests.sources.oci.conftest import Make

NOVEMBER, OCTOBER = date(2026, 11, 1), date(2026, 10, 1)
ONE_DAY = timedelta(days=1)


def cost_report(cloud: clouds.Oci, number: int, written: date, *lines: dict[str, str]) -> None:
    cloud.put(f"reports/cost-csv/000100000060{number:04}-00001.csv.gz", packed(lines, COST), written)


def focus_report(
    cloud: clouds.Oci, day: date, *lines: dict[str, str], part: int = 1, written: date | None = None
) -> None:
    name = f"FOCUS Reports/{day:%Y/%m/%d}/0001000001507847-{part:05}.csv.gz"
    cloud.put(name, packed(lines), written or day)


def test_a_line_of_the_last_hours_is_of_its_own_month(cloud: clouds.Oci, source: Make) -> None:
    last_day = THIS_MONTH - ONE_DAY
    cost_report(cloud, 1, THIS_MONTH, cost_line(last_day, "1"), cost_line(THIS_MONTH, "2"))
    found = collected(source())
    assert totals(found, "billing_period_start") == {LAST_MONTH: 1, THIS_MONTH: 2}
    assert totals(found, "charge_date") == {last_day: 1, THIS_MONTH: 2}


def test_a_correction_that_comes_late_is_booked_when_it_comes_and_keeps_its_day(
    cloud: clouds.Oci, source: Make
) -> None:
    day = BEFORE_LAST + timedelta(days=4)
    cost_report(cloud, 1, day, cost_line(day, "10"))
    before = months(source())
    late = cost_line(day, "-4", lineItem_isCorrection="true")
    cost_report(cloud, 2, THIS_MONTH + timedelta(days=8), late, cost_line(THIS_MONTH, "1"))
    found = collected(source())
    assert totals(found, "charge_date") == {day: 6, THIS_MONTH: 1}
    assert totals(found, "billing_period_start") == {BEFORE_LAST: 10, THIS_MONTH: -3}
    assert months(source())[BEFORE_LAST] == before[BEFORE_LAST]  # not read again


def test_within_late_days_a_month_is_read_again(cloud: clouds.Oci, source: Make) -> None:
    day = LAST_MONTH + timedelta(days=4)
    cost_report(cloud, 1, day, cost_line(day, "10"))
    before = months(source())
    cost_report(cloud, 2, THIS_MONTH + timedelta(days=2), cost_line(day, "-4"))
    assert totals(collected(source()), "billing_period_start") == {LAST_MONTH: 6}
    after = months(source())
    assert after[LAST_MONTH] != before[LAST_MONTH]
    assert totals(collected(source(late_days=1)), "billing_period_start") == {LAST_MONTH: 10, THIS_MONTH: -4}
    assert not {*after.values()} & {*months(source(late_days=1)).values()}  # what moves is read again on both sides


def test_only_the_month_with_a_new_report_is_new(cloud: clouds.Oci, source: Make) -> None:
    for number, month in enumerate((BEFORE_LAST, LAST_MONTH, THIS_MONTH)):
        cost_report(cloud, number, month + timedelta(days=9), cost_line(month, "1"))
    before = months(source())
    assert list(before) == [THIS_MONTH, LAST_MONTH, BEFORE_LAST]
    cost_report(cloud, 9, THIS_MONTH + timedelta(days=10), cost_line(THIS_MONTH, "1"))
    after = months(source())
    assert {month for month in after if after[month] != before[month]} == {THIS_MONTH}


def test_focus_reports_are_of_the_day_that_their_folder_names_however_late_they_come(copies: clouds.Oci) -> None:
    focus_report(copies, date(2026, 10, 31), focus_line(date(2026, 10, 31), "1"))
    focus_report(copies, date(2026, 11, 1), focus_line(date(2026, 11, 1), "2"))
    focus_report(copies, date(2026, 10, 31), focus_line(date(2026, 10, 31), "4"), part=2, written=date(2026, 11, 20))
    source = Oci(**copies.settings())
    found = collected(source)
    assert totals(found, "charge_date") == {date(2026, 10, 31): 5, date(2026, 11, 1): 2}
    assert totals(found, "billing_period_start") == {OCTOBER: 5, NOVEMBER: 2}


def test_the_billing_month_that_a_focus_report_names_counts(copies: clouds.Oci) -> None:
    """Oracle has lines of the last hours of a month that are billed in the next."""
    day = date(2026, 9, 30)
    line = focus_line(day, "0.24", BillingPeriodStart="2026-10-01T00:00Z", BillingPeriodEnd="2026-10-31T23:59:59.999Z")
    focus_report(copies, day, line, focus_line(day, "1"))
    found = collected(Oci(**copies.settings()))
    assert totals(found, "billing_period_start") == {OCTOBER: Decimal("0.24"), date(2026, 9, 1): 1}
    assert totals(found, "charge_date") == {day: Decimal("1.24")}


def test_what_oracle_begins_to_delete_is_no_month_any_more(cloud: clouds.Oci, source: Make) -> None:
    old = THIS_MONTH - timedelta(days=365)
    cost_report(cloud, 1, old + timedelta(days=20), cost_line(old + timedelta(days=20), "1"))
    cost_report(cloud, 2, THIS_MONTH + timedelta(days=9), cost_line(THIS_MONTH, "1"))
    assert list(months(source())) == [THIS_MONTH]


def test_copies_are_kept_for_ever(copies: clouds.Oci) -> None:
    day = date(2019, 5, 20)
    focus_report(copies, day, focus_line(day, "1"))
    assert list(months(Oci(**copies.settings()))) == [date(2019, 5, 1)]


def test_copies_without_days_are_one_delivery(copies: clouds.Oci) -> None:
    """A copied cost report tells nowhere when it was written: exact, but read again as a whole."""
    cost_report(copies, 1, THIS_MONTH, cost_line(date(2026, 9, 1), "1"), cost_line(date(2026, 10, 1), "2"))
    source = Oci(**copies.settings())
    [span] = source.spans(WINDOW)
    assert span.is_everything
    assert totals(rows(source, span), "billing_period_start") == {date(2026, 9, 1): 1, OCTOBER: 2}
    asked = Window(Period(date(2026, 10, 5), date(2026, 10, 6)), asked=True)
    assert totals(collected(source, asked), "billing_period_start") == {OCTOBER: 2}


def test_an_asked_window_picks_months(cloud: clouds.Oci, source: Make) -> None:
    for number, month in enumerate((LAST_MONTH, THIS_MONTH)):
        cost_report(cloud, number, month + timedelta(days=9), cost_line(month, "1"))
    asked = Window(Period(LAST_MONTH, LAST_MONTH + ONE_DAY), asked=True)
    assert list(months(source(), asked)) == [LAST_MONTH]


def test_both_formats_are_the_same_money_and_focus_is_preferred(cloud: clouds.Oci, source: Make) -> None:
    focus_report(cloud, THIS_MONTH, focus_line(THIS_MONTH, "5", ChargeDescription="focus"))
    cost_report(cloud, 1, THIS_MONTH, cost_line(THIS_MONTH, "5", product_Description="cost"))
    cloud.put("reports/usage-csv/0001000000601379.csv.gz", b"never read", THIS_MONTH)
    told = {each: totals(collected(source(format=each)), "charge_description") for each in ("auto", "focus", "cost")}
    assert told == {"auto": {"focus": 5}, "focus": {"focus": 5}, "cost": {"cost": 5}}


def test_a_report_that_is_there_twice_is_refused_and_an_empty_one_is_not(cloud: clouds.Oci, source: Make) -> None:
    for part in (1, 2):
        focus_report(cloud, LAST_MONTH + timedelta(days=9), part=part)
    assert collected(source()) == []
    for part in (3, 4):
        focus_report(cloud, LAST_MONTH + timedelta(days=9), focus_line(LAST_MONTH, "1"), part=part)
    with pytest.raises(BillError, match=r"oci://.*-00004\.csv\.gz: the same report as oci://.*-00003\.csv\.gz"):
        collected(source())


def test_corrections_of_focus_reports_are_told_and_effective_zeros_are_not_believed(copies: clouds.Oci) -> None:
    day = date(2026, 10, 3)
    fixed = focus_line(
        day, "-1", ChargeCategory="Adjustment", EffectiveCost="0.00000000000", oci_BackReferenceNumber="V2.abc"
    )
    focus_report(copies, day, focus_line(day, "3", EffectiveCost="2"), fixed)
    found = collected(Oci(**copies.settings()))
    told = {row["billed_cost"]: (row["effective_cost"], row["charge_class"], row["charge_category"]) for row in found}
    assert told == {3: (2, None, "Usage"), -1: (-1, "Correction", "Adjustment")}
    assert {row["tags"]["oci_CompartmentName"] for row in found} == {"prod"}


def test_files_of_this_machine_are_read_by_their_content(tmp_path: Path) -> None:
    day = date(2026, 10, 3)
    (tmp_path / "usage.csv").write_text("lineItem/intervalUsageStart,usage/consumedQuantity\n2026-10-03T00:00Z,1\n")
    (tmp_path / "a.csv.gz").write_bytes(packed([cost_line(day, "1")], COST))
    source = Oci(path=str(tmp_path))
    assert totals(collected(source), "charge_date") == {day: 1}
    assert source.test() == f"1 reports in {tmp_path}: OCI cost report"
    dated = tmp_path / "FOCUS Reports/2026/10/03"
    dated.mkdir(parents=True)
    (dated / "b.csv.gz").write_bytes(packed([focus_line(day, "2")]))
    assert totals(collected(source), "charge_date") == {day: 2}
    assert OCTOBER in months(source)
    assert next_month(OCTOBER) not in months(source)
    assert totals(collected(Oci(path=str(tmp_path), format="cost")), "charge_date") == {day: 1}


def test_a_format_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("lineItem/intervalUsageStart,usage/consumedQuantity\n2026-10-03T00:00Z,1\n")
    with pytest.raises(NotFoundError, match=r"no reports of the format auto .* there are: none"):
        list(Oci(path=str(tmp_path)).spans(WINDOW))
