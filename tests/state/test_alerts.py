"""Alerts, silences and deliveries as they are kept, on both databases, by several at once."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from outlay.core.errors import UsageError
from outlay.state import State
from outlay.state.alerts import Seen, Told
from outlay.state.deliveries import ATTEMPTS_MAX, BACKOFF, LEASE, Outbox
from outlay.state.lifecycle import Step

NOW = datetime.now(UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
BOX = Outbox(["mail", "chat"])


def seen(severity: str | None, title: str = "12.00 USD") -> Seen:
    """Something amiss, or not any more."""
    return Seen(severity, title, f"{title}.", [("Cost", title)], {"title": title})


def steps(found: Iterable[Told]) -> list[Step]:
    """What became of the alerts."""
    return [each.step for each in found]


def test_an_alert_lives_once(state: State) -> None:
    told = [
        steps(state.alerts.update("daily", {"USD": seen(severity)}, NOW + hours * timedelta(hours=1), DAY, BOX))
        for hours, severity in enumerate(["warning", "warning", "critical", "warning", None, None, "warning"])
    ]
    assert told == [[Step.FIRE], [], [Step.ESCALATE], [], [Step.RESOLVE], [], [Step.FIRE]]
    (alert,) = state.alerts.standing()
    assert (alert.rule, alert.subject, alert.severity, alert.since) == (
        "daily",
        "USD",
        "warning",
        NOW + 6 * timedelta(hours=1),
    )
    assert alert.facts == [("Cost", "12.00 USD")]
    (over,) = state.alerts.over()
    assert (over.told_severity, over.resolved_at) == ("critical", NOW + 4 * timedelta(hours=1))
    sent = [(each.channel, each.severity) for each in reversed(state.deliveries.newest())]
    assert sent == [
        (name, severity) for severity in ("warning", "critical", "resolved", "warning") for name in ("mail", "chat")
    ]


def test_what_nobody_speaks_of_any_more_is_over(state: State) -> None:
    state.alerts.update("daily", {"USD": seen("warning"), "EUR": seen("warning")}, NOW, DAY)
    assert steps(state.alerts.update("daily", {"USD": seen("warning")}, NOW + MINUTE, DAY)) == [Step.RESOLVE]
    assert [each.subject for each in state.alerts.standing()] == ["USD"]


def test_the_worst_comes_first(state: State) -> None:
    state.alerts.update("a", {"1": seen("warning"), "2": seen("critical")}, NOW, DAY)
    assert [each.subject for each in state.alerts.standing()] == ["2", "1"]


def test_who_looked_earlier_and_comes_later_changes_nothing(state: State) -> None:
    state.alerts.update("daily", {"USD": seen("warning")}, NOW, DAY)
    state.alerts.update("daily", {"USD": seen(None)}, NOW + MINUTE, DAY)
    assert state.alerts.update("daily", {"USD": seen("critical")}, NOW + MINUTE / 2, DAY) == []
    assert state.alerts.standing() == []


def test_one_that_is_taken_on_is_not_repeated_until_it_gets_worse(state: State) -> None:
    state.alerts.update("daily", {"USD": seen("warning")}, NOW, DAY)
    (alert,) = state.alerts.standing()
    assert state.alerts.ack(alert.id, "ann").acked_by == "ann"
    assert state.alerts.update("daily", {"USD": seen("warning")}, NOW + 3 * DAY, DAY) == []
    assert steps(state.alerts.update("daily", {"USD": seen("critical")}, NOW + 4 * DAY, DAY)) == [Step.ESCALATE]
    assert state.alerts.standing()[0].acked_by is None
    assert steps(state.alerts.update("daily", {"USD": seen("critical")}, NOW + 5 * DAY, DAY)) == [Step.REPEAT]


def test_only_what_stands_can_be_taken_on(state: State) -> None:
    with pytest.raises(UsageError, match=r"^no alert 7 stands; there are: none$"):
        state.alerts.ack(7, "ann")


def test_silenced_rules_are_told_when_the_silence_is_over(state: State) -> None:
    state.alerts.silence("aws-*", NOW + DAY, "a migration", "ann")
    assert [(each.rule, each.reason, each.made_by) for each in state.alerts.silences()] == [
        ("aws-*", "a migration", "ann")
    ]
    assert state.alerts.update("aws-daily", {"USD": seen("warning")}, NOW, DAY) == []
    assert steps(state.alerts.update("gcp-daily", {"USD": seen("warning")}, NOW, DAY)) == [Step.FIRE]
    assert [(each.rule, each.told_severity) for each in state.alerts.standing()] == [
        ("aws-daily", None),
        ("gcp-daily", "warning"),
    ]
    assert steps(state.alerts.update("aws-daily", {"USD": seen("warning")}, NOW + DAY, DAY)) == [Step.FIRE]


def test_of_many_that_see_the_same_one_tells(url: str) -> None:
    states = [State(url) for _ in range(4)]

    def look(state: State) -> list[Told]:
        return state.alerts.update("daily", {"USD": seen("warning")}, NOW, DAY, BOX)

    with ThreadPoolExecutor(4) as pool:
        told = [each for found in pool.map(look, states) for each in found]
        claimed = list(pool.map(lambda state: state.deliveries.claim(["mail"], NOW), states))
    assert steps(told) == [Step.FIRE]
    assert [each.channel for each in claimed if each] == ["mail"]
    for state in states:
        state.close()


def test_a_refused_message_is_tried_again_later_and_given_up_in_the_end(state: State) -> None:
    state.alerts.update("daily", {"USD": seen("warning")}, NOW, DAY, Outbox(["mail"]))
    now = NOW
    for attempt in range(1, ATTEMPTS_MAX + 1):
        delivery = state.deliveries.claim(["mail"], now)
        assert delivery is not None
        assert delivery.attempts == attempt
        state.deliveries.failed(delivery, now, "the server is away")
        (kept,) = state.deliveries.unfinished()
        assert kept.error == "the server is away"
        if attempt < ATTEMPTS_MAX:
            assert kept.status == "to be tried again"
            assert kept.due_at == now + BACKOFF[attempt - 1]
            assert state.deliveries.claim(["mail"], kept.due_at - MINUTE / 2) is None
            now = kept.due_at
    assert kept.given_up
    assert not state.deliveries.waiting(["mail"], now + 99 * DAY)
    assert [each.seconds // 60 for each in BACKOFF] == [1, 5, 15, 60]


def test_who_died_with_a_message_in_hand_is_followed_by_another(state: State) -> None:
    state.alerts.update("daily", {"USD": seen("warning")}, NOW, DAY, Outbox(["mail"]))
    assert state.deliveries.claim(["mail"], NOW)
    assert state.deliveries.claim(["mail"], NOW + LEASE - MINUTE) is None
    again = state.deliveries.claim(["mail"], NOW + LEASE)
    assert again is not None
    state.deliveries.delivered(again, NOW + LEASE)
    assert state.deliveries.newest()[0].status == "delivered"
    assert state.deliveries.unfinished() == []


def test_messages_about_one_alert_keep_their_order_on_each_channel(state: State) -> None:
    state.alerts.update("daily", {"USD": seen("warning")}, NOW, DAY, BOX)
    first = state.deliveries.claim(["mail"], NOW)
    assert first is not None
    state.deliveries.failed(first, NOW, "away")
    state.alerts.update("daily", {"USD": seen(None)}, NOW + MINUTE / 2, DAY, BOX)
    later = NOW + MINUTE / 2
    told = [each.severity for _ in range(3) if (each := state.deliveries.claim(["mail", "chat"], later))]
    assert told == ["warning"]  # of the chat: its next is not due before this one is done
    assert not [each for each in state.deliveries.unfinished() if each.channel == "mail" and each.attempts > 1]


def test_what_waits_is_not_repeated(state: State) -> None:
    for days in range(3):
        state.alerts.update("daily", {"USD": seen("warning")}, NOW + days * DAY, DAY, Outbox(["mail"]))
    assert len(state.deliveries.newest()) == 1


def test_what_is_over_for_long_is_forgotten(url: str) -> None:
    old = NOW - 500 * DAY
    with closing(State(url)) as state:
        state.alerts.update("daily", {"USD": seen("warning"), "EUR": seen("warning")}, old, DAY, BOX)
        state.alerts.update("daily", {"EUR": seen("warning")}, old + MINUTE, DAY, BOX)
        state.forget()
        assert [each.subject for each in state.alerts.standing()] == ["EUR"]
        assert state.alerts.over() == []
        assert state.deliveries.newest() == []
