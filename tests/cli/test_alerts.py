"""`outlay alerts`, and alerts after `outlay collect`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outlay.cli.wiring import state_of
from outlay.core.config import load
from outlay.state import State
from outlay.state.alerts import Seen
from outlay.state.deliveries import Outbox
from tests.cli.bills import day
from tests.cli.conftest import Outlay
from tests.sources.bills.focus_bills import charge, write

NOW = datetime.now(UTC)
SETTINGS = """
clouds:
  files: {path: bills}
monitoring:
  thresholds:
    daily: {warning: 100, critical: 1000}
  rules:
    - {name: ec2, kind: threshold, warning: 50, group_by: service}
    - {name: stale, kind: stale, warning: 24}
  budgets:
    - {name: october, amount: 500, start: 2026-10-01, end: 2026-10-31}
"""


@pytest.fixture(autouse=True)
def settings(folder: Path) -> None:
    """Rules over bills of October."""
    (folder / "outlay.yaml").write_text(SETTINGS)
    costs = {1: "10", 2: "150", 3: "1200", 4: "90", 5: "300"}
    bill = [charge(**day(number), ServiceName="Amazon EC2", BilledCost=cost) for number, cost in costs.items()]
    write(folder / "bills" / "october.csv", *bill)


@pytest.fixture
def state(folder: Path) -> State:
    return state_of(load(None, {}, folder))


def amiss(state: State, rule: str = "daily") -> None:
    """Something is, and a channel refused to tell."""
    facts = [("Cost", "150.00 USD")]
    seen = Seen("warning", "150.00 USD on 2026-10-02", "Too much.", facts, {"title": "150.00 USD on 2026-10-02"})
    state.alerts.update(rule, {"USD": seen}, NOW, timedelta(), Outbox(["mail"]))
    if delivery := state.deliveries.claim(["mail"], NOW):
        state.deliveries.failed(delivery, NOW, "mail.example.com: no answer")


def test_nothing_is_amiss(outlay: Outlay) -> None:
    done = outlay("alerts")
    assert (done.code, done.out, done.err) == (0, "", "nothing is amiss\n")
    assert json.loads(outlay("alerts", "list", "--format", "json").out) == {"alerts": [], "silences": []}
    assert outlay("alerts", "deliveries").err == "nobody was told anything yet\n"


def test_what_is_amiss_is_listed_and_taken_on(outlay: Outlay, state: State) -> None:
    amiss(state)
    for done in (outlay("alerts"), outlay("alerts", "list")):
        assert "150.00 USD on 2026-10-02" in done.out
    done = outlay("alerts", "ack", "1", "--by", "ann")
    assert (done.code, done.err) == (0, "taken on by ann: 150.00 USD on 2026-10-02\n")
    (told,) = json.loads(outlay("alerts", "list", "--format", "json").out)["alerts"]
    assert (told["acked_by"], told["facts"], told["told_severity"]) == ("ann", {"Cost": "150.00 USD"}, "warning")
    assert outlay("alerts", "ack", "9").err == "outlay: no alert 9 stands; there are: 1\n"


def test_what_is_over_is_listed_when_asked_for(outlay: Outlay, state: State) -> None:
    amiss(state)
    state.alerts.update("daily", {}, NOW + timedelta(seconds=1), timedelta())
    assert outlay("alerts", "list").out == ""
    assert "150.00 USD" in outlay("alerts", "list", "--all").out


def test_silences(outlay: Outlay) -> None:
    done = outlay("alerts", "silence", "ec*", "--for", "2d", "--reason", "a migration", "--by", "ann")
    assert done.code == 0
    assert "(a migration, ann)" in outlay("alerts").err
    (told,) = json.loads(outlay("alerts", "list", "--format", "json").out)["silences"]
    until = datetime.fromisoformat(told["until"]) - datetime.now(UTC)
    assert timedelta(days=1, hours=23) < until <= timedelta(days=2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("silence nope --for 2d --reason x", "no rule named 'nope'; there are: daily, october, ec2, stale"),
        ("silence daily --for ever --reason x", "'ever' is no length of time; write it as 90m, 36h, 3d or 2w"),
        ("silence daily --reason x", "Missing option '--for'"),
        ("backtest --rule nope --since 2026-10-01", "no rule named 'nope'; there are: daily, october, ec2, stale"),
        ("backtest --rule daily --since 2026-10-02 --until 2026-10-01", "2026-10-02 is after --until 2026-10-01"),
        ("ack all", "'all' is not a valid integer"),
    ],
)
def test_wrong_usage(outlay: Outlay, arguments: str, said: str) -> None:
    done = outlay("alerts", *arguments.split())
    assert done.code == 2
    assert said in done.err


def test_what_was_told_to_whom(outlay: Outlay, state: State) -> None:
    amiss(state)
    done = outlay("alerts", "deliveries")
    assert "to be tried again" in done.out
    assert "mail.example.com: no answer" in done.out
    (told,) = json.loads(outlay("alerts", "deliveries", "--format", "json").out)
    assert (told["channel"], told["status"], told["attempts"]) == ("mail", "to be tried again", 1)


def test_a_rule_is_replayed(outlay: Outlay) -> None:
    outlay("collect")
    done = outlay("alerts", "backtest", "--rule", "daily", "--since", "2026-10-01", "--until", "2026-10-06")
    assert done.err.splitlines() == [
        "fired 2 times with days as they finally were, 2026-10-01..2026-10-06",
        "as believed then: nothing was collected yet",
    ]
    found = json.loads(
        outlay(
            "alerts", "backtest", "--rule", "ec2", "--since", "2026-10-01", "--until", "2026-10-06", "--format", "json"
        ).out
    )
    steps = [(each["day"], each["step"], each["amount"]) for each in found["final"]]
    assert steps == [("2026-10-02", "fire", "150"), ("2026-10-06", "resolve", "0")]
    assert found["believed"] is None


def test_a_rule_about_outlay_itself_is_replayed_by_what_is_kept(outlay: Outlay) -> None:
    asked = ("alerts", "backtest", "--rule", "stale", "--since", "2026-10-01")
    assert outlay(*asked).err.splitlines() == [
        "stale is about Outlay itself: replayed by the runs and calls kept, at the end of each day",
        "as believed then: nothing was collected yet",
    ]
    found = json.loads(outlay(*asked, "--format", "json").out)
    assert (found["final"], found["believed"], found["known_from"]) == (None, [], None)
    outlay("collect")
    today = f"{datetime.now(UTC).date()}"
    assert f"fired 0 times; before {today} nothing was known" in outlay(*asked, "--until", today).err


def test_an_alert_of_a_rule_that_is_not_there_is_marked_and_ended(outlay: Outlay, state: State) -> None:
    amiss(state, "gone")
    assert "150.00 USD on 2026-10-02; not judged by these settings" in outlay("alerts").out
    assert [each["judged_here"] for each in json.loads(outlay("alerts", "list", "--format", "json").out)["alerts"]] == [
        False
    ]
    done = outlay("alerts", "end", "1")
    assert (done.code, done.err.splitlines()[-1]) == (0, "ended: 150.00 USD on 2026-10-02")
    assert outlay("alerts").err == "nothing is amiss\n"
    amiss(state)
    assert "alert 2 is of daily, which is judged" in outlay("alerts", "end", "2").err


def test_a_budget_is_replayed(outlay: Outlay) -> None:
    outlay("collect")
    asked = ("alerts", "backtest", "--rule", "october", "--since", "2026-10-01", "--until", "2026-11-03")
    found = json.loads(outlay(*asked, "--format", "json").out)
    steps = [(each["day"], each["step"], each["severity"]) for each in found["final"]]
    assert steps == [("2026-10-03", "fire", "critical"), ("2026-11-01", "resolve", None)]


def test_rules_are_judged_after_collecting(outlay: Outlay, folder: Path) -> None:
    bill = []
    for ago in range(1, 7):  # the youngest days may still change: they are not told yet
        on = (datetime.now(UTC) - timedelta(days=ago)).date()
        when = {"ChargePeriodStart": f"{on}", "ChargePeriodEnd": f"{on}T23:59:59"}
        bill.append(charge(**when, ServiceName="Amazon EC2", BilledCost="150"))
    write(folder / "bills" / "now.csv", *bill)
    done = outlay("collect")
    assert done.code == 0
    told = json.loads(outlay("alerts", "list", "--format", "json").out)["alerts"]
    assert {(each["rule"], each["subject"]) for each in told} == {("daily", "USD"), ("ec2", "Amazon EC2/USD")}
