"""The judge over a real lake and state: told once, whoever looks, kept over restarts, tried again when refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay import judge as judging
from outlay import reports
from outlay.core.errors import NotifyError, UsageError
from outlay.core.message import Message
from outlay.core.settings import Monitoring
from outlay.judge import Judge, telling
from outlay.state import Run, Settling, State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.judge.costs import TODAY, day


class Channel:
    """A channel that keeps what it is sent, or refuses it."""

    def __init__(self, name: str = "chat", refuses: Exception | None = None) -> None:
        self.name = name
        self.refuses = refuses
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        if self.refuses:
            raise self.refuses
        self.sent.append(message)

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(each.severity, each.key) for each in self.sent]


class Clock:
    """The time of the judge and its deliveries."""

    now = datetime(2026, 11, 20, 6, tzinfo=UTC)

    def __call__(self) -> datetime:
        Clock.now += timedelta(milliseconds=1)
        return Clock.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr(reports, "today", lambda: TODAY)
    monkeypatch.setattr(judging, "_now", Clock())
    monkeypatch.setattr(telling, "_now", Clock())
    Clock.now = datetime(2026, 11, 20, 6, tzinfo=UTC)
    return Clock


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found = Lake(path=str(tmp_path / "lake"))
    found.prepare()
    return found


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with closing(State(f"sqlite:///{tmp_path}/state.db")) as found:
        yield found


def spend(lake: Lake, amount: str, on: date | None = None, **more: Any) -> None:
    """Make this all there is of November."""
    put(lake, [charge(on or day(19), amount, **more)])


DAILY = {"thresholds": {"daily": {"warning": 100, "critical": 200}}}


def rules(**more: Any) -> Monitoring:
    """A threshold of 100 and 200 a day, or what is told."""
    return Monitoring.model_validate(more or DAILY)


def test_each_thing_is_told_once(lake: Lake, state: State, clock: type[Clock]) -> None:
    chat = Channel()
    judge = Judge(lake, state, rules(), [chat])
    for amount in ("50", "150", "160", "250", "150", "50", "50"):
        spend(lake, amount)
        judge.run()
        judge.run()
        clock.now += timedelta(hours=1)
    assert chat.told == [("warning", "daily/USD"), ("critical", "daily/USD"), ("resolved", "daily/USD")]
    first, worse, over = chat.sent
    assert first.title == "150.00 USD on 2026-11-19, over 100 (daily)"
    assert worse.facts[:2] == (("Rule", "daily"), ("Threshold", "200.00 USD"))
    assert worse.series[-1] == (day(19), Decimal(250))
    assert (worse.title, over.title) == (
        "250.00 USD on 2026-11-19, over 200 (daily)",
        "50.00 USD on 2026-11-19, within 100 (daily)",
    )
    assert over.text == "Costs: 50.00 USD on 2026-11-19, not above 100.00 USD."
    assert {each.status for each in state.deliveries.newest()} == {"delivered"}


def test_a_restart_tells_nothing_again(lake: Lake, state: State) -> None:
    spend(lake, "150")
    before, after = Channel(), Channel()
    Judge(lake, state, rules(), [before]).run()
    Judge(lake, state, rules(), [after]).run()
    assert (len(before.sent), after.sent) == (1, [])


def test_of_several_at_once_one_tells(lake: Lake, tmp_path: Path) -> None:
    spend(lake, "150")
    url = f"sqlite:///{tmp_path}/several.db"
    states = [State(url) for _ in range(4)]
    channels = [Channel() for _ in states]
    judges = [Judge(lake, state, rules(), [chat]) for state, chat in zip(states, channels, strict=True)]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            list(pool.map(Judge.run, judges))
    assert sum(len(each.sent) for each in channels) == 1
    for state in states:
        state.close()


def test_it_is_repeated_after_a_while(lake: Lake, state: State, clock: type[Clock]) -> None:
    spend(lake, "150")
    chat = Channel()
    judge = Judge(lake, state, rules(**DAILY, repeat_hours=6), [chat])
    for _ in range(14):
        judge.run()
        clock.now += timedelta(hours=1)
    assert [severity for severity, _ in chat.told] == ["warning"] * 3
    title = "150.00 USD on 2026-11-19, over 100 (daily)"
    assert [each.title for each in chat.sent] == [title, f"Still {title}", f"Still {title}"]


def test_days_that_may_still_change_are_not_told(lake: Lake, state: State) -> None:
    put(lake, [charge(day(17), "1"), charge(day(19), "500")])
    state.past.record_settling("prod", Settling(2, day(18)))
    chat = Channel()
    Judge(lake, state, rules(), [chat]).run()
    assert chat.sent == []
    provisional = {"daily": {"warning": 100, "provisional": True}}
    Judge(lake, state, rules(thresholds=provisional), [chat]).run()
    assert chat.told == [("warning", "daily/USD")]


def test_of_days_that_settle_together_none_is_passed_over(lake: Lake, state: State) -> None:
    put(
        lake,
        [charge(day(number), amount) for number, amount in {15: "1", 16: "1", 17: "500", 18: "1", 19: "1"}.items()],
    )
    state.past.record_settling("prod", Settling(2, day(17)))
    chat = Channel()
    judge = Judge(lake, state, rules(), [chat])
    judge.run()
    assert chat.sent == []
    state.past.record_settling("prod", Settling(2, day(20)))
    judge.run()
    judge.run()
    assert [each.title for each in chat.sent] == [
        "500.00 USD on 2026-11-17, over 200 (daily)",
        "1.00 USD on 2026-11-19, within 100 (daily)",
    ]
    assert chat.told == [("critical", "daily/USD"), ("resolved", "daily/USD")]


def test_estimates_of_the_provider_are_not_told(lake: Lake, state: State) -> None:
    put(lake, [charge(day(17), "1"), charge(day(19), "500", provisional=True)])
    chat = Channel()
    Judge(lake, state, rules(), [chat]).run()
    assert chat.sent == []


def test_a_refused_message_goes_out_later(lake: Lake, state: State, clock: type[Clock]) -> None:
    spend(lake, "150")
    chat, mail = Channel(), Channel("mail", NotifyError("mail.example.com: no answer"))
    judge = Judge(lake, state, rules(), [chat, mail])
    judge.run()
    assert len(chat.sent) == 1
    (kept,) = state.deliveries.unfinished()
    assert (kept.channel, kept.error, kept.attempts) == ("mail", "mail.example.com: no answer", 1)
    mail.refuses = None
    judge.deliver()
    assert mail.sent == []
    clock.now += timedelta(minutes=1, seconds=1)
    judge.deliver()
    judge.deliver()
    assert mail.told == [("warning", "daily/USD")]


def test_a_channel_that_fails_holds_up_no_other_and_is_soon_left_alone(
    lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, [charge(day(19), "150", service_name=f"service {number}") for number in range(9)])
    rule = {"kind": "threshold", "name": "each", "warning": 5, "group_by": ["service"]}
    chat, hanging, calls = Channel(), Channel("mail"), []
    told = threading.Event()

    def hang(_: Message) -> None:
        calls.append(1)
        assert told.wait(20)
        raise NotifyError("mail.example.com: no answer")

    def send(message: Message) -> None:
        chat.sent.append(message)
        if len(chat.sent) == 9:
            told.set()

    monkeypatch.setattr(hanging, "send", hang)
    monkeypatch.setattr(chat, "send", send)
    Judge(lake, state, rules(rules=[rule]), [hanging, chat]).run()
    assert (len(chat.sent), len(calls)) == (9, telling.FAILURES_MAX)
    assert {each.status for each in state.deliveries.unfinished()} == {"to be tried again", "waiting"}


def test_what_nobody_foresaw_is_told_by_its_kind_alone(lake: Lake, state: State) -> None:
    spend(lake, "150")
    Judge(lake, state, rules(), [Channel("mail", ValueError("password=hunter2"))]).run()
    assert [each.error for each in state.deliveries.unfinished()] == ["unexpected ValueError"]


def test_faults_of_the_judge_fail_nothing_else(
    lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Gone:
        def query(self, _: object) -> None:
            raise RuntimeError("the store is gone")

    chat = Channel()
    never = rules(thresholds=DAILY["thresholds"], rules=[{"kind": "stale", "name": "stale", "warning": 24}])
    state.record_run(Run("prod", "prod 2026-11", datetime(2026, 11, 1, tzinfo=UTC), 1.0))
    Judge(Gone(), state, never, [chat]).run()  # type: ignore[arg-type] # that is the point
    assert "alerts stay as they are" in caplog.text
    assert chat.told == [("warning", "stale/prod")]  # what needs no store is judged


def test_processes_with_other_rules_leave_each_others_alerts_alone(
    lake: Lake, state: State, clock: type[Clock]
) -> None:
    spend(lake, "150")
    chat = Channel()
    mine = Judge(lake, state, rules(), [chat])
    others = Judge(lake, state, rules(rules=[{"kind": "new", "name": "services"}]), [chat])
    for _ in range(20):
        mine.run()
        others.run()
        clock.now += timedelta(hours=12)
    assert {severity for severity, _ in chat.told} == {"warning"}


def test_a_rule_that_nobody_judges_any_more_is_over_after_a_week(lake: Lake, state: State, clock: type[Clock]) -> None:
    spend(lake, "150")
    chat = Channel()
    Judge(lake, state, rules(), [chat]).run()
    later = Judge(lake, state, rules(repeat_hours=1), [chat])
    for _ in range(8):
        later.run()
        clock.now += timedelta(days=1)
    assert [severity for severity, _ in chat.told] == ["warning", "resolved"]
    assert chat.sent[-1].title == "Ended: 150.00 USD on 2026-11-19, over 100 (daily)"


def test_an_alert_without_a_rule_is_ended_by_hand(lake: Lake, state: State) -> None:
    put(lake, [charge(day(19), "150"), charge(day(19), "150", billing_currency="EUR")])
    chat = Channel()
    judge = Judge(lake, state, rules(), [chat])
    judge.run()
    with pytest.raises(UsageError, match=r"^alert 1 is of daily, which is judged"):
        judge.end(1)
    assert Judge(lake, state, rules(repeat_hours=1), [chat]).end(1).rule == "daily"
    assert [severity for severity, _ in chat.told] == ["warning", "warning", "resolved"]
    assert [each.id for each in state.alerts.standing()] == [2]
    with pytest.raises(UsageError, match=r"^no alert 1 stands; there are: 2$"):
        judge.end(1)


def test_sources_of_other_processes_are_left_alone(lake: Lake, state: State, clock: type[Clock]) -> None:
    stale = rules(rules=[{"kind": "stale", "name": "stale", "warning": 24}])
    for source in ("aws", "gcp"):
        state.record_run(Run(source, source, clock.now - timedelta(hours=30), 1.0))
    chat = Channel()
    for _ in range(2):
        for source in ("aws", "gcp"):
            Judge(lake, state, stale, [chat], [source]).run()
    assert chat.told == [("warning", "stale/aws"), ("warning", "stale/gcp")]
    with pytest.raises(UsageError, match=r"^alert 1 is of stale, which is judged"):
        Judge(lake, state, stale, [chat], ["aws"]).end(1)
    clock.now += timedelta(days=8)
    Judge(lake, state, stale, [chat], ["aws"]).run()
    assert ("resolved", "stale/gcp") in chat.told  # nobody has that source any more


def test_groups_are_told_apart(lake: Lake, state: State) -> None:
    put(lake, [charge(day(19), "150", service_name="EC2"), charge(day(19), "9", service_name=None),
               charge(day(19), "500", service_name="S3", provider="Microsoft")])  # fmt: skip
    rule = {
        "kind": "threshold",
        "name": "each",
        "warning": 5,
        "group_by": ["service"],
        "filters": {"provider": ["aws"]},
    }
    chat = Channel()
    Judge(lake, state, rules(rules=[rule]), [chat]).run()
    assert sorted(key for _, key in chat.told) == ["each/(none)/USD", "each/EC2/USD"]


def test_what_calls_cost_and_what_is_stale(lake: Lake, state: State, clock: type[Clock]) -> None:
    from outlay.state import Limits

    state.books("prod", Limits()).pay("GetCostAndUsage", Decimal("0.50"))
    state.record_run(Run("prod", "prod 2026-11", clock.now - timedelta(hours=30), 1.0))
    state.record_run(Run("prod", "prod", clock.now, 1.0, error="no", code="auth"))
    state.record_run(Run("other", "other", clock.now, 1.0, error="no", code="auth"))
    chat = Channel()
    own = [
        {"kind": "stale", "name": "stale", "warning": 24, "critical": 72},
        {"kind": "api-spend", "name": "calls", "warning": "0.25"},
    ]
    Judge(lake, state, rules(rules=own), [chat], ["prod"]).run()
    assert chat.told == [("warning", "stale/prod"), ("warning", "calls/USD")]
    assert chat.sent[0].text.startswith("prod was last refreshed 30 hours ago; its numbers stay as they were. The last")
    assert chat.sent[1].title == "0.50 USD for calls of providers this month, over 0.25 (calls)"


def test_it_goes_on_beside_the_server(lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "DELIVER_SECONDS", 0.01)
    monkeypatch.setattr(judging, "JUDGE_SECONDS", 0.02)
    spend(lake, "150")
    chat, stopping = Channel(), threading.Event()
    thread = threading.Thread(target=Judge(lake, state, rules(), [chat]).keep_on, args=[stopping])
    thread.start()
    wait_for(lambda: bool(chat.sent))
    stopping.set()
    thread.join(10)
    assert not thread.is_alive()


def wait_for(is_so: Callable[[], bool]) -> None:
    """Until something is so, 20 seconds at most."""
    for _ in range(2000):
        if is_so():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never was")
