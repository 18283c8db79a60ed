"""Gauges of the user's own."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from outlay import reports
from outlay.core.config import load
from outlay.core.errors import ConfigError
from outlay.core.gauges import Gauge
from outlay.core.query import CostQuery, Filter
from outlay.core.settings import Metrics
from outlay.core.span import Period
from outlay.serve.metrics import Options, render
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.serve.conftest import TODAY, day
from tests.serve.scrape import families, samples, sums


def shown(**gauge: Any) -> Options:
    return Options(Metrics(gauges=(Gauge(**gauge),)), labels={"prod": {"team": "core"}, "azure": {}})


def told(lake: Lake, state: State, **gauge: Any) -> list[tuple[dict[str, str], float]]:
    return samples(render(lake, state, [], TODAY, options=shown(**gauge)), gauge["name"])


def test_as_the_aws_exporters_have_them(lake: Lake, state: State) -> None:
    found = told(lake, state, name="aws_daily_cost", group_by=["SERVICE"], measure="UnblendedCost", top=20)
    account = {"account": "", "account_name": "", "team": "core", "currency": "USD"}
    assert found == [(account | {"service": "Amazon EC2"}, -1.5), (account | {"service": "Amazon S3"}, 2.0)]


def test_of_this_month_with_every_account(lake: Lake, state: State) -> None:
    found = told(lake, state, name="cost_month", period="month", measure="AmortizedCost")
    assert {(said["account"], said["team"], said["currency"]): cost for said, cost in found} == {
        ("", "", "EUR"): 3.25,
        ("", "core", "USD"): 0.5,
        ("1111", "core", "USD"): 10.5,
    }
    assert [cost for _, cost in told(lake, state, name="before", period="previous_month")] == [7.25]


def test_days_filters_and_dollars(lake: Lake, state: State) -> None:
    one = told(lake, state, name="x_usd", days=3, group_by=["TAG:team", "REGION"])
    assert sorted((said["tag_team"], said["region"], cost) for said, cost in one) == [
        ("", "", -1.5),
        ("web", "us-east-1", 2.0),
    ]
    only = told(lake, state, name="x", days=3, filters={"SERVICE": ("Amazon S3",)})
    assert [cost for _, cost in only] == [2.0]
    both = told(lake, state, name="aws_x", days=3, filters={"provider": ("aws", "azure")})
    assert {said["currency"] for said, _ in both} == {"EUR", "USD"}


def test_bounded_by_each_label_and_nothing_is_lost(empty: Lake, state: State) -> None:
    charges = [
        charge(day(2), str(account * 10 + service), sub_account_id=f"a{account}", service_name=f"s{service}")
        for account in range(6)
        for service in range(6)
    ]
    put(empty, charges)
    text = render(empty, state, [], TODAY, options=shown(name="x", group_by=("service",), top=2, period="month"))
    found = sums(text, "x", "account", "service")
    assert {account for account, _ in found} == {"a5", "a4", "__other__"}
    assert {service for _, service in found} == {"s5", "s4", "__other__"}
    query = CostQuery(Period(day(1), day(7)), (), (Filter("provider", ("aws",)),))
    assert sum(found.values()) == reports.costs(empty, query).totals["USD"]
    names = {said["account_name"] for said, _ in samples(text, "x")}
    assert names == {"", "__other__"}


def test_names_of_accounts(empty: Lake, state: State) -> None:
    put(empty, [charge(day(2), "1", sub_account_id="1", sub_account_name="Shop")])
    assert [said["account_name"] for said, _ in told(empty, state, name="x")] == ["Shop"]
    assert families(render(empty, state, [], date(2027, 3, 3), options=shown(name="x")))["x"].samples == []


def test_written_as_a_list_or_as_a_key(tmp_path: Path) -> None:
    gauge = "{name: aws_daily_cost, group_by: [SERVICE, 'TAG:team'], measure: UnblendedCost, top: 20}"
    found = []
    for text in (f"metrics:\n  - {gauge}\n", f"metrics:\n  gauges:\n    - {gauge}\n"):
        (tmp_path / "outlay.yaml").write_text(text, encoding="utf-8")
        found.append(load(None, {}, tmp_path).metrics)
    assert found[0] == found[1]
    (only,) = found[0].gauges
    assert (only.group_by, only.measure, only.selected) == (("service", "tag:team"), "billed", {"provider": ("aws",)})
    (tmp_path / "outlay.yaml").write_text(f"metrics:\n  - {gauge}\n", encoding="utf-8")
    env = {"OUTLAY__METRICS__TOP": "7", "OUTLAY__METRICS__GAUGES__0__TOP": "3"}
    changed = load(None, env, tmp_path).metrics
    assert (changed.top, changed.gauges[0].top) == (7, 3)


@pytest.mark.parametrize(
    ("gauge", "said"),
    [
        ("{name: outlay_x}", "Outlay has metrics named outlay_x itself; choose another name"),
        ("{name: aws_total_monthly_cost_usd}", "Outlay has metrics named aws_total_monthly_cost_usd itself"),
        ("{name: heroku_invoice_current_total_usd}", "Outlay has metrics named heroku_invoice_current_total_usd"),
        ("{name: 2x}", "metrics.gauges[0].name: String should match pattern"),
        ("{group_by: [SERVICE]}", "metrics.gauges[0].name: is required"),
        ("{name: x, group_by: [servic]}", "no dimension named 'servic'; there are: date, month, source"),
        ("{name: x, group_by: [servic]}", "or as AWS has it: SERVICE, REGION"),
        ("{name: x, group_by: [date]}", "no label can be a date"),
        ("{name: x, group_by: ['tag:a-b', 'tag:a_b']}", "two labels of the gauge would be called tag_a_b"),
        ("{name: x, measure: BlendedCost}", "no measure named 'BlendedCost'; there are: billed, effective"),
        ("{name: x, period: week}", "metrics.gauges[0].period: should be 'day', 'month' or 'previous_month'"),
        ("{name: x, period: day, days: 2}", "has a period and days; name one of them"),
        ("{name: x, filters: {nope: a}}", "no dimension named 'nope'"),
        ("{name: x, filters: {date: a}}", "filters know no date"),
        ("{name: x, tops: 2}", "no such key; did you mean top?"),
        ("{name: x, top: 0}", "should be greater than or equal to 1"),
        ("{name: x}\n  - {name: x}", "two gauges are named x; give each a name of its own"),
    ],
)
def test_what_cannot_be_is_told_with_its_line_and_the_choices(gauge: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "outlay.yaml").write_text(f"metrics:\n  - {gauge}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load(None, {}, tmp_path)
    assert said in str(error.value)
    assert str(error.value).startswith(("outlay.yaml:1: metrics", "outlay.yaml:2: metrics"))
