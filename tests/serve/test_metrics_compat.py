"""The names of other exporters: exactly theirs, from the same numbers, and dollars alone where they say so."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from outlay.core.gauges import Compat, is_ours
from outlay.core.reading import Reading
from outlay.core.settings import Metrics
from outlay.serve.metrics import Options, render
from outlay.sources.heroku import Heroku
from outlay.state import Limits, Run, State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.clouds import heroku as cloud
from tests.serve.conftest import TODAY, day
from tests.serve.scrape import families, samples, sums

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
ALL = Options(Metrics(compat=Compat(heroku=True, aws=True, azure=True, gcp=True, cloud_cost=True)))
INVOICE = {
    "total_usd": {"payment_status", "state", "period_end"},
    "charges_total_usd": {"period_end"},
    "credits_total_usd": {"period_end"},
    "addons_total_usd": {"period_end"},
    "database_total_usd": {"period_end"},
    "platform_total_usd": {"period_end"},
    "dyno_units": {"period_end"},
    "weighted_dyno_hours": {"period_end"},
}
USAGE = {"usd": {"team_name", "app_name", "type", "month"}, "dyno_units": {"team_name", "app_name", "month"}}


def invoices(account: str) -> list[Reading]:
    """What the source heroku reads of the invoices of one team."""
    end = {"account": account, "period_end": "2026-10-31"}
    found = []
    for which in ("current", "previous"):
        for name, labels in INVOICE.items():
            said = end | {"payment_status": "Pending", "state": "0"} if "state" in labels else end
            unit = "USD" if name.endswith("usd") else "units"
            found.append(Reading(f"heroku_invoice_{which}_{name}", Decimal("1.25"), unit, said))
    return found


def usage(apps: int = 2) -> list[Reading]:
    """What it reads of a team's usage: of each app data for 1, partners for 2, others for 4 and three dyno units."""
    found = []
    for which in ("current", "previous"):
        prefix = f"heroku_team_usage_{which}"
        for app, times in [("_team_total", apps), *((f"app{n}", 1) for n in range(apps))]:
            said = {"team_name": "web", "app_name": app, "month": "2026-10"}
            for kind, cost in (("data", 1), ("partner", 2), ("other", 4)):
                found.append(Reading(f"{prefix}_usd", Decimal(cost * times), "USD", {**said, "type": kind}))
            found.append(Reading(f"{prefix}_addons_usd", Decimal(7 * times), "USD", said))
            found.append(Reading(f"{prefix}_dyno_units", Decimal(3 * times), "units", said))
            found.append(Reading(f"{prefix}_connect_rows", Decimal(99), "rows", said))
    return found


@pytest.fixture
def heroku(state: State) -> State:
    """A state with Heroku's readings."""
    state.record_readings("heroku.web", TODAY, [*invoices("web"), *usage()])
    state.record_readings("heroku.core", TODAY, invoices("core"))
    return state


def test_the_heroku_exporters_twenty_gauges(lake: Lake, heroku: State) -> None:
    text = render(lake, heroku, [], TODAY, options=ALL)
    expected = {
        f"heroku_invoice_{which}_{name}": labels
        for which in ("current", "previous")
        for name, labels in INVOICE.items()
    }
    expected |= {
        f"heroku_team_usage_{which}_{name}": labels
        for which in ("current", "previous")
        for name, labels in USAGE.items()
    }
    assert len(expected) == 20
    found = {name: family for name, family in families(text).items() if name.startswith("heroku_")}
    assert {name: set(family.samples[0].labels) for name, family in found.items()} == expected
    assert {family.type for family in found.values()} == {"gauge"}


def test_herokus_numbers(lake: Lake, heroku: State) -> None:
    text = render(lake, heroku, [], TODAY, options=ALL)
    assert samples(text, "heroku_invoice_current_total_usd") == [
        ({"payment_status": "Pending", "period_end": "2026-10-31", "state": "0"}, 2.5)
    ], "two teams with the same labels are one sum"
    used = sums(text, "heroku_team_usage_current_usd", "app_name", "type")
    assert used == {
        ("_team_total", "addons"): 14,
        ("_team_total", "data"): 2,
        ("_team_total", "partner"): 4,
        **{
            (app, kind): cost for app in ("app0", "app1") for kind, cost in (("addons", 7), ("data", 1), ("partner", 2))
        },
    }
    assert sums(text, "heroku_team_usage_previous_dyno_units", "app_name")["_team_total",] == 6


def test_from_herokus_own_answers_to_its_exporters_gauges(lake: Lake, state: State) -> None:
    with closing(cloud.start()) as there:
        there.invoices[cloud.TEAM] = [cloud.team_invoice(date(2026, 9, 1), total=1050, platform_total=950)]
        there.usage[cloud.TEAM].add(day(2), "web", data=Decimal("34.89"), partner=Decimal(2), connect=Decimal(15000))
        state.record_readings(
            "heroku", TODAY, Heroku.model_validate({**there.settings(None), "account": False}).read(TODAY)
        )
    text = render(lake, state, [], TODAY, options=Options(kinds={"heroku": "heroku"}))
    assert sums(text, "heroku_invoice_current_total_usd", "period_end", "state") == {
        ("2026-09-30", "1"): Decimal("10.5")
    }
    assert sums(text, "heroku_invoice_current_platform_total_usd", "period_end") == {("2026-09-30",): Decimal("9.5")}
    used = {
        (said["app_name"], said["type"]): value
        for said, value in samples(text, "heroku_team_usage_current_usd")
        if value
    }
    assert used == {
        (app, kind): cost
        for app in ("_team_total", "web")
        for kind, cost in (("data", 34.89), ("partner", 2.0), ("addons", 36.89))
    }


def test_herokus_apps_are_bounded_and_its_teams_are_not_among_them(lake: Lake, state: State) -> None:
    state.record_readings("heroku", TODAY, usage(apps=9))
    options = Options(Metrics(top=3, compat=Compat(heroku=True)))
    used = sums(render(lake, state, [], TODAY, options=options), "heroku_team_usage_current_usd", "app_name", "type")
    data = {app: cost for (app, kind), cost in used.items() if kind == "data"}
    assert data == {"_team_total": 9, "app0": 1, "app1": 1, "app2": 1, "__other__": 6}


def test_what_is_no_dollar_is_left_out(empty: Lake, state: State) -> None:
    put(
        empty,
        [charge(day(2), "5", service_name="EC2"), charge(day(2), "7", service_name="EC2", billing_currency="EUR")],
    )
    state.record_readings("heroku", TODAY, [Reading("heroku_invoice_current_total_usd", Decimal(9), "EUR", {})])
    text = render(empty, state, [], TODAY, options=ALL)
    assert samples(text, "aws_total_monthly_cost_usd") == [({"service": "EC2"}, 5.0)]
    assert samples(text, "heroku_invoice_current_total_usd") == []
    assert sums(text, "cloud_cost_total", "currency") == {("USD",): 5, ("EUR",): 7}


def test_the_optimisers_of_a_cloud(lake: Lake, state: State) -> None:
    state.books("cloud", Limits()).pay("ListAccounts", Decimal(0), "1111")
    for seconds, code in ((0.5, None), (20.0, "auth"), (4000.0, "auth")):
        error = None if code is None else "no"
        state.record_run(Run("cloud", "cloud", datetime(2026, 10, 6, tzinfo=UTC), seconds, error=error, code=code))
    text = render(
        lake, state, [], TODAY, options=Options(kinds={"prod": "aws", "cloud": "aws-export", "azure": "azure"})
    )
    assert sums(text, "aws_api_calls_total", "service", "operation") == {
        ("cost_explorer", "GetCostAndUsage"): 1,
        ("organizations", "ListAccounts"): 1,
    }
    assert sums(text, "aws_api_errors_total", "service", "error_type") == {("cost_explorer", "auth"): 2}
    assert sums(text, "azure_api_errors_total", "service", "error_type") == {("cost_management", "not-found"): 1}
    took = families(text)["aws_cost_collection_duration_seconds"]
    assert took.type == "histogram"
    steps = {each.labels["le"]: each.value for each in took.samples if each.name.endswith("_bucket")}
    assert (steps["1.0"], steps["5.0"], steps["30.0"], steps["3600.0"], steps["+Inf"]) == (1, 2, 3, 3, 4)
    assert [each.value for each in took.samples if each.name.endswith("_sum")] == [4022.0]
    assert sums(text, "aws_total_monthly_cost_usd", "service") == {("Amazon EC2",): 9, ("Amazon S3",): 2}


def test_the_multi_cloud_monitors(empty: Lake, state: State) -> None:
    put(
        empty,
        [
            charge(day(5), "2", sub_account_id="1", sub_account_name="Shop", service_name="EC2", region_id="eu"),
            charge(day(6), "64", sub_account_id="1"),  # today, which is not over
            charge(day(28, 9), "32"),  # eight days ago
            charge(day(29, 9), "4", source="gcp", provider="Google Cloud", service_name="GCS"),
        ],
    )
    text = render(empty, state, [], TODAY, options=ALL)
    assert sums(text, "cloud_cost_total", "currency") == {("USD",): 6}
    assert sums(text, "cloud_cost_provider_total", "provider", "currency") == {("aws", "USD"): 2, ("gcp", "USD"): 4}
    assert sums(text, "cloud_cost_service_total", "provider", "service") == {("aws", "EC2"): 2, ("gcp", "GCS"): 4}
    assert sums(text, "cloud_cost_region_total", "region") == {("eu",): 2, ("unknown",): 4}
    accounts = sums(text, "cloud_cost_account_total", "provider", "account_id", "account_name")
    assert accounts == {("aws", "1", "Shop"): 2, ("gcp", "unknown", "unknown"): 4}
    assert sums(text, "cloud_cost_daily_total", "date") == {("2026-10-05",): 2, ("2026-09-29",): 4}
    assert sums(text, "cloud_cost_daily_provider_total", "date", "provider")["2026-10-05", "aws"] == 2
    assert samples(text, "cloud_cost_data_range_days") == [({}, 7.0)]
    assert samples(text, "cloud_cost_last_update_timestamp") == [({}, 1791246600.0)]


@pytest.mark.parametrize(
    ("kinds", "compat", "served"),
    [
        ({"demo": "demo", "files": "files"}, None, set()),
        ({"h.one": "heroku"}, None, {"heroku"}),
        ({"prod": "aws-export"}, None, {"aws", "cloud"}),
        ({"s": "azure-sponsorship", "g": "gcp"}, Compat(cloud_cost=False, gcp=False), {"azure"}),
        ({}, Compat(gcp=True), {"gcp"}),
    ],
)
def test_on_where_such_a_source_is_unless_said_otherwise(
    kinds: dict[str, str], compat: Compat | None, served: set[str], lake: Lake, state: State
) -> None:
    text = render(lake, state, [], TODAY, options=Options(Metrics(compat=compat), kinds))
    assert {name.partition("_")[0] for name in families(text)} - {"outlay"} == served


def test_every_name_is_documented_and_no_user_can_take_it(lake: Lake, heroku: State) -> None:
    docs = DOCS.read_text(encoding="utf-8")
    said = {
        name: labels
        for row in re.findall(r"^\| (`[a-z].*?) \| ((?:`\w+` ?)*)\|", docs, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row[0])
        if (labels := re.findall(r"`(\w+)`", row[1])) is not None
    }
    found = families(render(lake, heroku, [], TODAY, options=ALL))
    assert [name for name in found if not is_ours(name)] == []
    compat = {name: family for name, family in found.items() if not name.startswith("outlay_")}
    assert len(compat) == 20 + 3 * 4 + 9
    for name, family in compat.items():
        labels = sorted({label for each in family.samples for label in each.labels})
        assert said[name] == labels or (name in said and not family.samples)
