"""Message: what an alert tells people, whatever channel it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

Severity = Literal["critical", "warning", "resolved", "info"]


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell, written for people; channels only lay it out.

    `key`       what it is about, the same for all messages about one alert, such as `daily-aws/USD`
    `severity`  how bad; `resolved` when it is over
    `title`     one line without markup, with the amount in it
    `text`      a few sentences: what happened, since when, against what limit
    `facts`     names and values beside it, in order: ("Provider", "aws")
    `series`    costs by day, oldest first, for a small chart; `currency` is theirs
    `at`        when it was noticed (UTC)
    `url`       where to look, if known
    """

    key: str
    severity: Severity
    title: str
    text: str
    at: datetime
    facts: Sequence[tuple[str, str]] = ()
    series: Sequence[tuple[date, Decimal]] = ()
    currency: str = ""
    url: str | None = None
