"""The settings, the months they read, and one source for each team."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from outlay.core import plugins
from outlay.core.config import load
from outlay.core.errors import SourceError
from outlay.core.ports import Booked, Readings, Several
from outlay.core.span import Period, Window
from outlay.sources.heroku import Heroku
from tests.clouds import heroku
from tests.clouds.cloud import Charge
from tests.clouds.heroku import KEY
from tests.sources.heroku.asking import NOVEMBER, OCTOBER, rows, source, today


def test_the_environment_switches_it_on(tmp_path: Path) -> None:
    env = {"HEROKU_API_KEY": KEY, "HEROKU_TEAM_ID": "ops, data"}
    found = [each for each in load(None, env, tmp_path).sources if isinstance(each, Heroku)]
    assert [team for each in found for team in each.teams] == ["ops", "data"]
    assert {each.api_key.get_secret_value() for each in found} == {KEY}
    assert not any(KEY in repr(each) + str(each) + each.model_dump_json() for each in found)


def test_a_block_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "outlay.yaml").write_text(
        f"clouds: {{heroku: {{api_key: {KEY}, teams: [ops, ops], account: true,"
        " reports: [usage], dyno_unit_usd: 25.50, timeout: 5}}\n"
    )
    (found,) = load(None, {}, tmp_path).sources
    assert isinstance(found, Heroku)
    assert found.teams == ("ops",)
    assert found.account
    assert found.reports == frozenset({"usage"})
    assert found.dyno_unit_usd == Decimal("25.50")


@pytest.mark.parametrize(
    "settings",
    [
        {"surprise": 1},
        {"teams": ["../account"]},
        {"teams": [""]},
        {"enterprise_accounts": ["a/b"]},
        {"reports": []},
        {"reports": ["credits"]},
        {"addon_credit_usd": -1},
        {"attempts": 0},
        {"timeout": 0},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Heroku.model_validate({"api_key": KEY, **settings})


def test_it_is_what_the_frame_asks_for() -> None:
    found: Any = plugins.load("sources", "heroku").model_validate({"api_key": KEY})
    assert all(isinstance(found, kind) for kind in (Booked, Readings, Several))
    with pytest.raises(ValidationError, match="frozen"):
        found.name = "other"


def test_each_team_and_account_is_a_source_of_its_own() -> None:
    whole = Heroku.model_validate(
        {"api_key": KEY, "teams": ["Ops", "data"], "enterprise_accounts": ["acme"], "account": True}
    )
    ops, data, acme = whole.each()
    assert [each.name for each in (ops, data, acme)] == ["heroku.ops", "heroku.data", "heroku.acme"]
    assert (ops.teams, ops.account) == (("Ops",), True)
    assert (data.teams, data.enterprise_accounts, data.account) == (("data",), (), False)
    assert (acme.teams, acme.enterprise_accounts, acme.exclude_teams) == ((), ("acme",), ("Ops", "data"))
    alone = Heroku.model_validate({"api_key": KEY, "teams": ["ops"], "account": True})
    assert [*alone.each()] == [alone]


def months(found: Heroku, start: date, end: date, *, asked: bool) -> list[str]:
    return [str(span).removeprefix("heroku ") for span in found.spans(Window(Period(start, end), asked=asked))]


@pytest.mark.parametrize("day", [date(2026, 3, 31), date(2026, 3, 29), date(2026, 3, 1)])
def test_the_month_before_this_one_is_read_again(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    today(monkeypatch, day)
    found = Heroku.model_validate({"api_key": KEY})
    assert months(found, day, date(2026, 4, 2), asked=False) == ["2026-03", "2026-02"]
    assert months(found, day, date(2026, 4, 2), asked=True) == ["2026-03"]
    assert months(found, date(2025, 12, 31), day, asked=True)[-1] == "2025-12"
    assert months(found, date(2025, 11, 5), date(2026, 1, 2), asked=False) == ["2026-01", "2025-12", "2025-11"]


def test_days_that_have_not_come_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    today(monkeypatch, date(2026, 3, 31))
    with pytest.raises(
        SourceError, match=r"heroku: today is 2026-03-31, and none of 2026-04-01\.\.2026-04-30 has come"
    ):
        Heroku.model_validate({"api_key": KEY}).spans(Window(Period(date(2026, 4, 1), date(2026, 5, 1))))


def test_the_cloud_comes_back_as_it_was_given(cloud: heroku.Heroku) -> None:
    given = [
        Charge(date(2026, 11, 3), "EC2", "eu-west-1", Decimal("10.000000000000000001")),
        Charge(date(2026, 10, 31), "EC2", "eu-west-1", Decimal("10.5")),
        Charge(date(2026, 10, 31), "S3", "us-east-1", Decimal("0.000000000000000001")),
        Charge(date(2026, 10, 8), "EC2", "", Decimal("-3.123456789"), "Credit"),
        Charge(date(2026, 10, 9), "EC2", "", Decimal("-2.5"), "Adjustment"),
        Charge(date(2026, 10, 1), "Tax", "", Decimal("1.9"), "Tax"),
    ]
    cloud.give(given)
    asked = source(cloud, account=True)
    found = [row for month in (OCTOBER, NOVEMBER) for row in rows(asked, month)]
    told = [(each.day, each.service, each.category, each.amount) for each in cloud.told(given)]
    assert sorted((r["charge_date"], r["service_name"], r["charge_category"], r["billed_cost"]) for r in found) == (
        sorted(told)
    )
    assert sum(each.amount for each in given) == sum(row["billed_cost"] for row in found)
