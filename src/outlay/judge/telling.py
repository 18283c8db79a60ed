"""What channels are told: verdicts as messages, messages as what the state keeps, and handing them over."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from outlay.core.errors import OutlayError
from outlay.core.message import Message, Severity
from outlay.core.money import text
from outlay.judge.verdicts import Verdict
from outlay.state.alerts import Seen

if TYPE_CHECKING:
    from outlay.core.ports import Notifier
    from outlay.state import Deliveries
    from outlay.state.deliveries import Delivery

log = logging.getLogger(__name__)


def seen(verdict: Verdict, at: datetime) -> Seen:
    """A verdict as the state has it."""
    message = message_of(verdict, at)
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
    """Hand over what is due for these channels; how many took theirs. What fails is kept with its error, and logged."""
    channels = {each.name: each for each in notifiers}
    done = 0
    while channels and deliveries.waiting([*channels], at) and (delivery := deliveries.claim([*channels], at)):
        if error := _sent(channels[delivery.channel], delivery):
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
        return str(error)
    except Exception as error:
        log.debug("unexpected", exc_info=error)
        return f"unexpected {type(error).__name__}"
    return None


def _now() -> datetime:
    return datetime.now(UTC)
