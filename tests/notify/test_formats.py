"""Slack's blocks and Teams' cards, within the limits that both publish, whatever a message holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outlay.core.message import Message
from outlay.notify._slack import slack
from outlay.notify._teams import teams
from outlay.notify._words import cut, line, plain, title
from tests.notify.messages import AT, BARE, ODD, USUAL

LONG = "https://costs.example.com/?"

words = st.text(max_size=400) | st.sampled_from(["&" * 5000, "<" * 160, "x" * 9000, "é\u202e\x00 \n"])
messages = st.builds(
    Message,
    key=words,
    severity=st.sampled_from(["critical", "warning", "resolved", "info"]),
    title=words,
    text=words,
    at=st.just(AT),
    facts=st.lists(st.tuples(words, words), max_size=30),
    series=st.lists(st.decimals(-100, 10**9, places=2), max_size=60).map(
        lambda costs: [(date(2026, 1, 1) + timedelta(days=n), cost) for n, cost in enumerate(costs)]
    ),
    currency=st.sampled_from(["USD", ""]),
    url=st.none()
    | words
    | st.sampled_from(["https://costs.example.com/?a=b&c=|d>", "http://[", "HTTPS://X", f"{LONG}{'&' * 9000}"]),
)


def check_slack(document: dict[str, Any]) -> None:
    """What docs.slack.dev says of blocks; beyond it a message is refused as a whole."""
    blocks = document["blocks"]
    assert 1 <= len(blocks) <= 50
    assert 1 <= len(document["text"]) <= 3000
    for block in blocks:
        if block["type"] == "header":
            assert block["text"]["type"] == "plain_text"
            assert 1 <= len(block["text"]["text"]) <= 150
        elif block["type"] == "context":
            assert 1 <= len(block["elements"]) <= 10
            assert all(1 <= len(each["text"]) <= 3000 for each in block["elements"])
        elif "fields" in block:
            assert 1 <= len(block["fields"]) <= 10
            assert all(1 <= len(each["text"]) <= 2000 for each in block["fields"])
        else:
            assert 1 <= len(block["text"]["text"]) <= 3000


def runs(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for block in document["attachments"][0]["content"]["body"]:
        assert block["type"] == "RichTextBlock"
        yield from block["inlines"]


@given(messages)
@example(Message("k", "critical", "😀" * 400, "😀" * 9000, AT, [("😀" * 400,) * 2] * 200, (), "", LONG + "&" * 1900))
def test_any_message_is_within_the_limits(message: Message) -> None:
    check_slack(slack(message))
    document = teams(message)
    assert len(json.dumps(document, ensure_ascii=False).encode()) < 28 * 1024 - 512
    assert all(run["type"] == "TextRun" and run["text"] for run in runs(document))
    assert len(title(message, 140)) <= 140


@pytest.mark.parametrize("message", [USUAL, ODD, BARE], ids=["usual", "odd", "bare"])
def test_messages_as_they_come(message: Message) -> None:
    check_slack(slack(message))
    assert len(json.dumps(teams(message)).encode()) < 28 * 1024


def test_slack_shows_what_happened_and_where_to_look() -> None:
    document = slack(USUAL)
    assert document["text"] == "🔴 2,310.45 USD on aws on 20 October, limit 2,000"
    kinds = [block["type"] for block in document["blocks"]]
    assert kinds == ["header", "section", "section", "context"]
    assert document["blocks"][2]["fields"][0]["text"] == "*Provider*\naws"
    chart, told, link = (each["text"] for each in document["blocks"][3]["elements"])
    assert "█  2026-09-21 to 2026-10-20" in chart
    assert told == "Critical, noticed 2026-10-21 06:04 UTC"
    assert link == "<https://costs.example.com/?provider=aws&amp;days=30|Look at it>"


def test_no_mention_and_no_link_comes_out_of_a_name() -> None:
    document = slack(ODD)
    document["blocks"] = document["blocks"][1:]  # the header is plain text, and there nothing has a meaning
    text = json.dumps(document, ensure_ascii=False)
    assert "<!" not in text
    assert "<http" not in text
    assert "javascript:alert(1)|" not in text
    assert "actions" not in teams(ODD)["attachments"][0]["content"]


def test_teams_shows_what_happened_and_where_to_look() -> None:
    card = teams(USUAL)["attachments"][0]["content"]
    first = card["body"][0]["inlines"][0]
    assert (first["text"], first["color"]) == ("🔴 2,310.45 USD on aws on 20 October, limit 2,000", "Attention")
    assert card["actions"][0]["url"] == USUAL.url


def test_the_amount_is_what_a_locked_phone_shows() -> None:
    assert title(USUAL, 140)[:16] == "🔴 2,310.45 USD on aws"[:16]


def test_lines_hold_what_is_visible_alone() -> None:
    assert line(" a\r\n\tb\x00\u2028c\u202ed\u200b ") == "a b cd"
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdefg", 6) == "abcde…"
    assert cut("&&&", 12, lambda each: "&amp;") == "&amp;&amp;…"


def test_credits_and_days_without_costs_have_a_chart_too() -> None:
    days = [(date(2026, 10, 1), Decimal(-5)), (date(2026, 10, 2), Decimal(0))]
    assert "▁▁  2026-10-01 to 2026-10-02, at last 0.00 USD" in plain(replace(USUAL, series=days))
