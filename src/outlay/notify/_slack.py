"""A message as Slack's blocks, within the limits that Slack publishes: what passes one is refused as a whole."""

from __future__ import annotations

from typing import Any

from outlay.core.message import Message
from outlay.notify._words import cut, facts, footnote, paragraphs, spark, title, where

HEADER_MAX = 150
TEXT_MAX = 3000
FIELD_MAX = 2000
NAME_MAX = 200
FIELDS_MAX = 10  # of one section
BLOCKS_MAX = 50
FIELD_SECTIONS_MAX = 8  # more facts than that nobody reads in a chat

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}  # all that Slack asks for: no mention or link comes out of a name


def slack(message: Message) -> dict[str, Any]:
    """What an incoming webhook of Slack takes; `text` is what a notification shows."""
    listed = [_field(name, value) for name, value in facts(message)]
    sections = [listed[at : at + FIELDS_MAX] for at in range(0, len(listed), FIELDS_MAX)]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title(message, HEADER_MAX), "emoji": True}}
    ]
    if paragraphs(message):
        blocks.append({"type": "section", "text": _marked(cut(paragraphs(message), TEXT_MAX, _escaped))})
    blocks += [{"type": "section", "fields": fields} for fields in sections[:FIELD_SECTIONS_MAX]]
    blocks.append({"type": "context", "elements": [_marked(each) for each in _below(message)]})
    return {"text": cut(title(message, HEADER_MAX), TEXT_MAX, _escaped), "blocks": blocks}


def _below(message: Message) -> list[str]:
    """Small print: the chart, how bad and since when, where to look."""
    link = (where(message) or "").replace("&", "&amp;")
    lines = [
        cut(spark(message), TEXT_MAX, _escaped),
        footnote(message),
        f"<{link}|Look at it>" if 0 < len(link) < TEXT_MAX - NAME_MAX else "",
    ]
    return [each for each in lines if each]


def _field(name: str, value: str) -> dict[str, Any]:
    bold = cut(name.replace("*", ""), NAME_MAX, _escaped)
    return _marked(f"*{bold}*\n{cut(value, FIELD_MAX - len(bold) - 3, _escaped)}")


def _marked(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}  # what looks like a link or a channel stays text


def _escaped(character: str) -> str:
    return _ESCAPES.get(character, character)
