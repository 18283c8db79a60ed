"""The whole message as JSON. Amounts are text: a number there would lose digits in most readers."""

from __future__ import annotations

from typing import Any

from outlay.core import money
from outlay.core.message import Message
from outlay.notify._words import identity

VERSION = 1


def generic(message: Message) -> dict[str, Any]:
    """The document that docs/notifications.md describes."""
    return {
        "version": VERSION,
        "id": identity(message),
        "key": message.key,
        "severity": message.severity,
        "title": message.title,
        "text": message.text,
        "at": message.at.isoformat(),
        "facts": [{"name": name, "value": value} for name, value in message.facts],
        "series": [{"date": day.isoformat(), "cost": money.text(cost)} for day, cost in message.series],
        "currency": message.currency,
        "url": message.url,
    }
