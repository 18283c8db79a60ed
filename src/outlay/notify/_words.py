"""A message as plain words: safe in one line of a header, and short enough for where it is shown."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from decimal import Decimal

from outlay.core.message import Message, Severity
from outlay.core.money import shown

SIGNS: dict[Severity, str] = {"critical": "🔴", "warning": "🟠", "resolved": "🟢", "info": "🔵"}
WORDS: dict[Severity, str] = {
    "critical": "Critical",
    "warning": "Warning",
    "resolved": "Resolved",
    "info": "For information",
}
CHART_DAYS = 31  # at most
URL_MAX = 2000  # longer ones some programs cut, and a chat refuses a message that is too long as a whole
DAYS_LISTED = 7
_STEPS = "▁▂▃▄▅▆▇█"


def title(message: Message, limit: int) -> str:
    """The title in one line, a sign of its severity before it: on a locked phone, the amount is what is seen."""
    return cut(f"{SIGNS[message.severity]} {line(message.title)}", limit)


def line(text: str) -> str:
    """`text` in one line, without what is no visible character: breaks, controls, marks that turn text around."""
    spaced = "".join(" " if unicodedata.category(each) in {"Cc", "Zl", "Zp", "Zs"} else each for each in text)
    return " ".join("".join(each for each in spaced if unicodedata.category(each) not in {"Cf", "Cs"}).split())


def cut(text: str, limit: int, written: Callable[[str], str] = str) -> str:
    """`text` as `written`, its end replaced by an ellipsis if that takes more than `limit` characters."""
    pieces = [written(each) for each in text]
    if sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    room = limit - 1
    kept = 0
    while len(pieces[kept]) <= room:
        room -= len(pieces[kept])
        kept += 1
    return "".join(pieces[:kept]).rstrip() + "…"


def paragraphs(message: Message) -> str:
    """The text, its paragraphs kept, each in one line."""
    return "\n".join(filter(None, (line(each) for each in message.text.splitlines())))


def facts(message: Message) -> list[tuple[str, str]]:
    """Names and values, each in one line, and none without a value."""
    return [(line(name), line(value)) for name, value in message.facts if line(value)]


def where(message: Message) -> str | None:
    """The address to look at, if it is one that a browser opens."""
    url = message.url or ""
    safe = len(url) <= URL_MAX and url.isascii() and url.isprintable() and not set(url) & set(" <>\"'|\\")
    return url if safe and url.startswith(("http://", "https://")) else None


def footnote(message: Message) -> str:
    """How bad it is and when it was noticed; without an address to look at, the command that shows it."""
    told = f"{WORDS[message.severity]}, noticed {message.at:%Y-%m-%d %H:%M} UTC"
    return told if where(message) else f"{told}; all that stands: outlay alerts"


def spark(message: Message) -> str:
    """The series as one line of eight steps, such as ▁▂▁▃█, with its days and the last amount."""
    if not message.series:
        return ""
    days = message.series[-CHART_DAYS:]
    most = max(cost for _, cost in days)
    bars = "".join(_STEPS[height(cost, most, len(_STEPS) - 1)] for _, cost in days)
    first, (last, cost) = days[0][0], days[-1]
    return f"{bars}  {first} to {last}, at last {shown(cost, message.currency)}"


def height(cost: Decimal, most: Decimal, top: int) -> int:
    """How high the bar of a day is, from 0 to `top`, which is that of `most`. Credits have none."""
    return int(max(cost, Decimal(0)) * top / most + Decimal("0.5")) if most > 0 else 0


def plain(message: Message) -> str:
    """The whole message but its title as plain text."""
    parts = [paragraphs(message)]
    parts.append("\n".join(f"{name}: {value}" for name, value in facts(message)))
    days = [f"{day}  {shown(cost, message.currency)}" for day, cost in message.series[-DAYS_LISTED:]]
    parts.append("\n".join([spark(message), *days]))
    parts.append("\n".join(filter(None, [where(message), footnote(message)])))
    return "\n\n".join(part for part in parts if part.strip())


def identity(message: Message) -> str:
    """The same for every attempt to deliver this message, and for no other message."""
    return digest(message.key, message.severity, message.at.isoformat())


def digest(*parts: str) -> str:
    """32 hexadecimal digits of the parts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
