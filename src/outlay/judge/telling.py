"""What channels are told: verdicts as messages, messages as what the state keeps, and handing them over."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from outlay.core.errors import OutlayError
from outlay.core.message import Message, Severity
from outlay.core.money import text
from outlay.judge.verdicts import Verdict
from outlay.state.alerts import Seen, Told
from outlay.state.lifecycle import Step

if TYPE_CHECKING:
    from outlay.core.ports import Notifier
    from outlay.state import Deliveries
    from outlay.state.deliveries import Delivery

FAILURES_MAX = 3  # then a channel is left alone until the next time: each may take a minute

log = logging.getLogger(__name__)


def seen(verdict: Verdict, at: datetime, url: str | None = None) -> Seen:
    """A verdict as the state has it. `url`: where to look."""
    message = replace(message_of(verdict, at), url=url)
    return Seen(verdict.severity, verdict.title, verdict.text, verdict.facts, as_json(message))


def message_of(verdict: Verdict, at: datetime) -> Message:
    """What channels are told of a verdict, should they be."""
    severity: Severity = verdict.severity or "resolved"
    return Message(
        key=f"{verdict.rule}/{verdict.subject}" if verdict.subject else verdict.rule,
        severity=severity,
        title=verdict.title,
        text=verdict.text,
        at=at,
        facts=(("Rule", verdict.rule), *verdict.facts),
        series=verdict.series,
        currency=verdict.currency,
    )


def as_json(message: Message) -> dict[str, Any]:
    """What the state keeps of a message."""
    return {
        "key": message.key,
        "severity": message.severity,
        "title": message.title,
        "text": message.text,
        "at": message.at.isoformat(),
        "facts": [list(each) for each in message.facts],
        "series": [[day.isoformat(), text(amount)] for day, amount in message.series],
        "currency": message.currency,
        "url": message.url,
    }


def worded(told: Told) -> dict[str, Any]:
    """What is kept for channels: a reminder says that it is one."""
    message = dict(told.seen.message or {})
    return message | {"title": f"Still {message['title']}"} if told.step is Step.REPEAT else message


def from_json(kept: Mapping[str, Any]) -> Message:
    """The message that was kept."""
    return Message(
        key=kept["key"],
        severity=kept["severity"],
        title=kept["title"],
        text=kept["text"],
        at=datetime.fromisoformat(kept["at"]),
        facts=tuple((name, value) for name, value in kept["facts"]),
        series=tuple((date.fromisoformat(day), Decimal(amount)) for day, amount in kept["series"]),
        currency=kept["currency"],
        url=kept["url"],
    )


def hand_over(deliveries: Deliveries, notifiers: Sequence[Notifier], at: datetime) -> int:
    """Hand over what is due for these channels, to all at a time; how many messages were taken.

    What fails is kept with its error, and logged.
    """
    if not notifiers or not deliveries.waiting([each.name for each in notifiers], at):
        return 0
    with ThreadPoolExecutor(len(notifiers)) as pool:
        return sum(pool.map(lambda channel: _hand_over(deliveries, channel, at), notifiers))


def _hand_over(deliveries: Deliveries, channel: Notifier, at: datetime) -> int:
    done = failed = 0
    while failed < FAILURES_MAX and (delivery := deliveries.claim([channel.name], at)):
        if error := _sent(channel, delivery):
            failed += 1
            deliveries.failed(delivery, _now(), error)
            log.warning("alert %d was not delivered by %s: %s", delivery.alert, delivery.channel, error)
        else:
            deliveries.delivered(delivery, _now())
            done += 1
    return done


def _sent(channel: Notifier, delivery: Delivery) -> str | None:
    """Why it was not taken; None when it was. Of what nobody foresaw only the kind is told: it might hold a secret."""
    try:
        channel.send(from_json(delivery.message))
    except OutlayError as error:
        return str(error).removeprefix(f"{channel.name}: ")  # the name is told beside it
    except Exception as error:
        log.debug("unexpected", exc_info=error)
        return f"unexpected {type(error).__name__}"
    return None


def _now() -> datetime:
    return datetime.now(UTC)
