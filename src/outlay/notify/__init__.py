"""Channels: one file is one family of them, and what several share has a name with an underscore.

`channels` makes those of the settings; `trial_message` is what `outlay alerts test` sends.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from outlay.core import plugins
from outlay.core.channels import Notifications, several
from outlay.core.errors import ConfigError, UsageError, choices
from outlay.core.message import Message

if TYPE_CHECKING:
    from outlay.core.ports import Notifier


def channels(notifications: Notifications | None) -> tuple[Notifier, ...]:
    """Every channel that the settings name, each with a name of its own. Asks nobody."""
    if notifications is None:
        return ()
    blocks = {"email": several(notifications.email), "webhook": several(notifications.webhook)}
    made = [_made(kind, dict(block)) for kind, listed in blocks.items() for block in listed]
    for url in notifications.urls:
        scheme = url.get_secret_value().partition("://")[0].lower()
        made.append(_made("urls", {"name": _free(scheme, {each.name for each in made}), "url": url}))
    return tuple(made)


def channel_named(every: tuple[Notifier, ...], name: str) -> Notifier:
    """The channel of this name. Raises UsageError with the choices, ConfigError when there are none."""
    if not every:
        raise ConfigError("no channels: name some under `monitoring: {notifications: ...}` in outlay.yaml")
    found = next((each for each in every if each.name == name), None)
    if found is None:
        raise UsageError(choices("channel", name, [each.name for each in every]))
    return found


def trial(channel: Notifier, at: datetime, url: str | None = None) -> str:
    """Send a message that alerts nobody, and say in one line what happened. Raises NotifyError."""
    channel.send(replace(trial_message(at), url=url))
    return f"{channel.name}: a message was handed over to {getattr(channel, 'place', 'it')}"


def trial_message(at: datetime) -> Message:
    """An invented message with all that a message can have."""
    costs = [Decimal(80 + 7 * (day * day % 5)) for day in range(13)] + [Decimal("123.45")]
    return Message(
        key="outlay-test",
        severity="info",
        title="123.45 USD: a test of this channel",
        text="This is a test, and its amounts are invented: nobody spent anything.\n"
        "Alerts look like this: what was spent, since when, against which limit, and where to look.",
        at=at,
        facts=(("Rule", "outlay-test"), ("Limit", "120.00 USD a day")),
        series=[(at.date() - timedelta(days=13 - day), cost) for day, cost in enumerate(costs)],
        currency="USD",
    )


def _made(kind: str, block: dict[str, object]) -> Notifier:
    made: Notifier = plugins.load("notify", kind).model_validate(block)
    return made


def _free(name: str, taken: set[str]) -> str:
    """`name`, or the first of name-2, name-3 ... that no other channel has."""
    numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(each for each in numbered if each not in taken)
