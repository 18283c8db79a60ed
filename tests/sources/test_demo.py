"""The demo source: the same every time, inside its spans, every incident to be found in its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from outlay.core import focus
from outlay.core.plugins import load
from outlay.core.span import Period, Span, Window
from outlay.sources.demo import INCIDENTS, Demo, Incident

UNTIL = date(2026, 11, 21)
WINDOW = Window(Period.last(30, UNTIL))
DEMO = Demo(until=UNTIL, months=3)
LATER = Demo(until=UNTIL + timedelta(days=100), months=7)  # the same months, its incidents long after them
MANUAL = Path(__file__).parents[2] / "docs" / "sources" / "demo.md"

Row = dict[str, Any]
# Not every column: Python rows of all sixty take longer than the rest of these tests.
LOOKED_AT = [
    *(column.name for column in focus.CHARGES if column.allowed or not column.nullable),
    *("billing_account_id", "commitment_discount_id", "consumed_quantity", "contracted_cost"),
    *("contracted_unit_price", "list_cost", "list_unit_price", "pricing_quantity", "resource_id"),
    *("service_category", "service_name", "sub_account_id", "sub_account_name", "tags"),
]


def spans(demo: Demo, window: Window = WINDOW) -> list[Span]:
    return list(demo.spans(window))


def batch_of(demo: Demo, first: date) -> pa.RecordBatch:
    """What is billed in the month that begins on `first`."""
    (span,) = [span for span in spans(demo) if span.months.start == first]
    (batch,) = demo.fetch(span)
    return batch


def listed(batch: pa.RecordBatch) -> list[Row]:
    found: list[Row] = batch.select(LOOKED_AT).to_pylist()
    return found


@cache
def bill(first: date) -> list[Row]:
    return listed(batch_of(DEMO, first))


@cache
def rows() -> list[Row]:
    return [row for span in spans(DEMO) for row in bill(span.months.start)]


@cache
def calm_rows() -> list[Row]:
    """The same months, as they would be had nothing gone wrong."""
    found = [row for span in spans(DEMO) for batch in LATER.fetch(span) for row in listed(batch)]
    return [row for row in found if row["charge_date"] < UNTIL]


def costs(found: list[Row], measure: str = "billed_cost") -> Decimal:
    return sum((row[measure] for row in found), Decimal(0))


def test_is_a_plugin_without_settings() -> None:
    demo = load("sources", "demo")()
    today = datetime.now(UTC).date()
    assert demo.name == "demo"
    assert demo.test() in {f"generated data, seed 7, 13 months up to {today - timedelta(days=days)}" for days in (1, 0)}
    with pytest.raises(ValidationError):
        demo.seed = 8


@pytest.mark.parametrize("settings", [{"months": 0}, {"months": 121}, {"until": "1999-12-31"}, {"sed": 7}])
def test_refuses_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Demo.model_validate(settings)


def test_the_schema_is_the_one_of_charges() -> None:
    (batch,) = DEMO.fetch(spans(DEMO)[0])
    assert batch.schema.equals(focus.schema())
    batch.validate(full=True)
    pa.Table.from_batches([batch], schema=focus.schema())


def test_the_same_settings_give_the_same_rows() -> None:
    month = date(2026, 10, 1)
    assert batch_of(Demo(until=UNTIL, months=3), month).equals(batch_of(DEMO, month))
    assert not batch_of(Demo(until=UNTIL, months=3, seed=8), month).equals(batch_of(DEMO, month))


def test_a_month_does_not_depend_on_how_many_there_are() -> None:
    month = date(2026, 11, 1)
    assert batch_of(Demo(until=UNTIL, months=1), month).equals(batch_of(DEMO, month))


def test_a_day_without_incidents_does_not_depend_on_the_end() -> None:
    month = date(2026, 9, 1)
    assert batch_of(LATER, month).equals(batch_of(DEMO, month))


def test_a_version_changes_when_the_rows_do_and_only_then() -> None:
    def versions(demo: Demo) -> dict[date, str | None]:
        return {span.months.start: span.version for span in spans(demo)}

    today, tomorrow = versions(DEMO), versions(Demo(until=UNTIL + timedelta(days=1), months=3))
    assert today[date(2026, 9, 1)] == tomorrow[date(2026, 9, 1)]
    assert today[date(2026, 10, 1)] != tomorrow[date(2026, 10, 1)]
    assert today[date(2026, 11, 1)] != tomorrow[date(2026, 11, 1)]
    assert today[date(2026, 9, 1)] != versions(Demo(until=UNTIL, months=3, seed=8))[date(2026, 9, 1)]


def test_spans_are_whole_months_newest_first_and_do_not_overlap() -> None:
    found = spans(Demo(until=UNTIL))
    assert len(found) == 13
    assert found[0].months == Period(date(2026, 11, 1), date(2026, 12, 1))
    assert found[-1].months == Period(date(2025, 11, 1), date(2025, 12, 1))
    assert all(newer.months.start == older.months.end for newer, older in pairwise(found))
    assert {(span.source, span.days) for span in found} == {("demo", None)}


@pytest.mark.parametrize(
    ("until", "newest"),
    [
        (date(2026, 12, 1), date(2026, 11, 1)),
        (date(2026, 12, 2), date(2026, 12, 1)),
        (date(2026, 1, 1), date(2025, 12, 1)),
    ],
)
def test_the_newest_month_is_the_one_of_the_last_day(until: date, newest: date) -> None:
    assert spans(Demo(until=until, months=2))[0].months.start == newest


def test_days_asked_for_keep_to_their_months() -> None:
    demo = Demo(until=UNTIL)
    asked = Window(Period(date(2026, 8, 31), date(2026, 10, 1)), asked=True)
    assert [span.months.start for span in spans(demo, asked)] == [date(2026, 9, 1), date(2026, 8, 1)]
    assert spans(demo, Window(Period(date(2020, 1, 1), date(2020, 2, 1)), asked=True)) == []


def test_a_span_of_another_time_is_empty() -> None:
    assert list(DEMO.fetch(Span("demo", Period(date(2020, 1, 1), date(2020, 3, 1))))) == []


def test_rows_stay_inside_their_span() -> None:
    named = Demo(name="show", until=UNTIL, months=2)
    for span in spans(named):
        batch = batch_of(named, span.months.start)
        (first,) = batch.column("billing_period_start").unique().to_pylist()
        (end,) = batch.column("billing_period_end").unique().to_pylist()
        assert (first.date(), end.date()) == (span.months.start, span.months.end)
        assert batch.column("source").unique().to_pylist() == ["show"]


def test_nothing_is_charged_from_the_end_on() -> None:
    days = {row["charge_date"] for row in rows()}
    assert max(days) == UNTIL - timedelta(days=1)
    assert days >= set(Period(date(2026, 9, 1), UNTIL).each_day())


def test_some_charges_are_billed_in_a_later_month() -> None:
    late = [row for row in rows() if row["charge_date"].month != row["billing_period_start"].month]
    assert {row["charge_date"] for row in late} >= {date(2026, 10, 31), date(2026, 10, 24)}
    assert {row["charge_class"] for row in late} == {None, "Correction"}
    assert {row["service_name"] for row in late} >= {"BigQuery", "Cloud Logging"}
    assert all(row["billing_period_start"].date() > row["charge_date"] for row in late)


def test_late_usage_is_billed_once() -> None:
    late = [r for r in rows() if r["charge_date"] == date(2026, 10, 31) and r["service_name"] == "BigQuery"]
    assert {row["billing_period_start"].date() for row in late} == {date(2026, 11, 1)}
    assert len({row["resource_id"] for row in late}) == len(late)


def test_the_company_has_five_providers_and_forty_sub_accounts() -> None:
    accounts = {(row["provider"], row["sub_account_id"]) for row in rows()}
    assert {provider for provider, _ in accounts} == {"aws", "azure", "gcp", "heroku", "oci"}
    assert len(accounts) == 40
    assert len({row["billing_account_id"] for row in rows()}) == 5
    assert None not in {row["sub_account_name"] for row in rows()}


def test_azure_is_billed_in_euro_and_the_rest_in_dollars() -> None:
    found = {(row["provider"], row["billing_currency"]) for row in rows()}
    assert {currency for provider, currency in found if provider == "azure"} == {"EUR"}
    assert {currency for provider, currency in found if provider != "azure"} == {"USD"}


def test_a_month_is_of_a_size_to_look_at() -> None:
    october = bill(date(2026, 10, 1))
    assert 9_000 < len(october) < 13_000
    assert 250_000 < costs(october) < 400_000


def test_every_value_is_one_that_focus_allows() -> None:
    assert {row["charge_category"] for row in rows()} == set(focus.CATEGORIES)
    for column in focus.CHARGES:
        found = {row[column.name] for row in rows()} if column.allowed else set()
        assert found <= {*column.allowed, None}, column.name
    assert all(row["service_name"] and row["service_category"] for row in rows())


def test_credits_and_adjustments_are_negative() -> None:
    given = [row for row in rows() if row["charge_category"] in {"Credit", "Adjustment"}]
    assert {row["provider"] for row in given} == {"aws", "azure", "gcp", "heroku"}
    assert all(row["billed_cost"] < 0 for row in given)


def test_taxes_are_a_share_of_the_usage() -> None:
    september = bill(date(2026, 9, 1))
    oci = [row for row in september if row["provider"] == "oci"]
    tax = [row for row in oci if row["charge_category"] == "Tax"]
    assert len(tax) == 5
    assert {row["charge_period_end"] - row["charge_period_start"] for row in tax} == {timedelta(days=30)}
    usage = costs([row for row in oci if row["charge_category"] == "Usage"])
    assert abs(costs(tax) - usage * Decimal("0.081")) < Decimal("0.00000001")


def test_costs_are_the_price_times_the_quantity_to_the_last_digit() -> None:
    used = [row for row in rows() if row["consumed_quantity"] is not None]
    assert len(used) > 20_000
    for row in used:
        assert row["list_cost"] == row["list_unit_price"] * row["pricing_quantity"]
        assert row["contracted_cost"] == row["contracted_unit_price"] * row["pricing_quantity"]
        assert row["billed_cost"] in {row["contracted_cost"], Decimal(0)}


def test_the_fee_of_a_commitment_is_what_is_used_of_it_and_what_is_not() -> None:
    september = bill(date(2026, 9, 1))
    commitments = {row["commitment_discount_id"] for row in september} - {None}
    assert len(commitments) == 3
    for commitment in commitments:
        of_it = [row for row in september if row["commitment_discount_id"] == commitment]
        fees = [row for row in of_it if row["charge_category"] == "Purchase"]
        assert costs(fees) == costs(of_it, "effective_cost") > 0
        assert costs(fees, "effective_cost") == 0
        assert {row["billed_cost"] for row in of_it if row["charge_category"] == "Usage"} == {Decimal(0)}
    assert {row["commitment_discount_status"] for row in september} == {"Used", "Unused", None}


def test_offices_rest_at_the_weekend() -> None:
    def office(day: date) -> Decimal:
        return costs([r for r in rows() if r["charge_date"] == day and r["provider"] == "oci"])

    friday, saturday = date(2026, 9, 11), date(2026, 9, 12)
    assert office(saturday) < office(friday) * Decimal("0.8")


def test_a_year_brings_growth() -> None:
    demo = Demo(until=UNTIL, months=14)
    before, after = (costs(listed(batch_of(demo, date(year, 10, 1)))) for year in (2025, 2026))
    assert after > before * Decimal("1.05")


def test_tags_are_mostly_there() -> None:
    tags = [dict(row["tags"]) for row in rows() if row["resource_id"]]
    assert {key for each in tags for key in each} == {"team", "env", "cost-center", "app"}
    assert 0.03 < sum(not each for each in tags) / len(tags) < 0.2


def test_the_two_newest_days_are_estimates_of_the_providers_that_have_an_api() -> None:
    estimates = {(row["provider"], row["charge_date"]) for row in rows() if row["provisional"]}
    days = [UNTIL - timedelta(days=2), UNTIL - timedelta(days=1)]
    assert estimates == {(provider, day) for provider in ("aws", "azure", "gcp") for day in days}


def struck(found: list[Row], incident: Incident) -> Iterator[Row]:
    """The usage in the incident's account while it lasted."""
    for row in found:
        here = (row["provider"], row["sub_account_name"]) == (incident.provider, incident.account)
        if here and row["charge_category"] == "Usage" and row["charge_date"] in incident.days(UNTIL):
            yield row


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda each: str(each.name))
def test_an_incident_shows(incident: Incident) -> None:
    during, calm = list(struck(rows(), incident)), list(struck(calm_rows(), incident))
    assert during
    if incident.tags_lost:
        for key in incident.tags_lost:
            assert without(during, key) > without(calm, key) * 2
        assert costs(during) == costs(calm)
    else:
        assert costs(during) > costs(calm) + 30 * len(incident.days(UNTIL))


def without(found: list[Row], key: str) -> Decimal:
    """What costs without that tag."""
    return costs([row for row in found if key not in dict(row["tags"])])


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda each: str(each.name))
def test_an_incident_shows_against_the_days_before(incident: Incident) -> None:
    days = incident.days(UNTIL)
    before = Period(days.start - timedelta(days=7), days.start)
    mine = [r for r in rows() if r["sub_account_name"] == incident.account and r["charge_category"] == "Usage"]
    usual = [row for row in mine if row["charge_date"] in before]
    during = [row for row in mine if row["charge_date"] in days]
    if incident.tags_lost:
        assert without(during, "team") / len(days) > 2 * without(usual, "team") / 7
    else:
        assert costs(during) / len(days) > Decimal("1.1") * costs(usual) / 7


def test_nothing_else_goes_wrong() -> None:
    def told(found: list[Row]) -> dict[tuple[Any, ...], Decimal]:
        sums: dict[tuple[Any, ...], Decimal] = {}
        for row in found:
            if not any(list(struck([row], incident)) for incident in INCIDENTS):
                key = (
                    row["charge_date"],
                    row["provider"],
                    row["sub_account_id"],
                    row["billing_period_start"],
                )
                sums[key] = sums.get(key, Decimal(0)) + row["billed_cost"]
        return sums

    assert told(rows()) == told(calm_rows())


def test_the_manual_tells_of_every_incident_and_setting() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    lines = manual.splitlines()
    for incident in INCIDENTS:
        (line,) = [line for line in lines if line.startswith(f"| {incident.name} |")]
        last = "still going on" if incident.ends == 0 else str(incident.ends + 1)
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        where = f"{incident.provider}, `{incident.account}`"
        assert cells == [incident.name, incident.title, where, str(incident.starts), last, incident.cause]
    for setting in Demo.model_fields:
        assert f"| `{setting}` |" in manual
