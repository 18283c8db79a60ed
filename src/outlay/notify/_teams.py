"""A message as an adaptive card for Microsoft Teams, which takes 28 KB at most.

Everything is in text runs: text blocks and fact sets read Markdown, and a name on a bill could hold some.
"""

from __future__ import annotations

from typing import Any

from outlay.core.message import Message, Severity
from outlay.notify._words import cut, facts, footnote, paragraphs, spark, title, where

TITLE_MAX = 200
TEXT_MAX = 2000
NAME_MAX = 80
VALUE_MAX = 160
FACTS_MAX = 12

_COLORS: dict[Severity, str] = {
    "critical": "Attention",
    "warning": "Warning",
    "resolved": "Good",
    "info": "Accent",
}


def teams(message: Message) -> dict[str, Any]:
    """What a workflow that posts to a channel takes: a message with one card."""
    heading = _run(title(message, TITLE_MAX), weight="Bolder", size="Large", color=_COLORS[message.severity])
    body = [_block(heading)]
    if paragraphs(message):
        body.append(_block(_run(cut(paragraphs(message), TEXT_MAX))))
    for name, value in facts(message)[:FACTS_MAX]:
        body.append(_block(_run(f"{cut(name, NAME_MAX)}: ", weight="Bolder"), _run(cut(value, VALUE_MAX)), close=True))
    if message.series:
        body.append(_block(_run(cut(spark(message), TEXT_MAX), fontType="Monospace")))
    body.append(_block(_run(footnote(message), isSubtle=True, size="Small")))
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    }
    if link := where(message):
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Look at it", "url": link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "summary": title(message, TITLE_MAX), "attachments": [attachment]}


def _block(*runs: dict[str, Any], close: bool = False) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs), **({"spacing": "Small"} if close else {})}


def _run(text: str, **how: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **how}
