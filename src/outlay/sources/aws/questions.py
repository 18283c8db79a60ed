"""What Cost Explorer is asked: the cuts of the money that somebody wants, in as few questions as give each its records.

Cost Explorer groups by two dimensions at most. A cut by two is therefore asked in two parts that have nothing in
common and are together the whole: usage by the cut's dimensions, and every other record (credits, refunds, taxes,
discounts, fees) by its type and one dimension of the cut. Cuts share the second part. A cut by one dimension takes
one question, by that dimension and the type.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from outlay.core.query import TAG
from outlay.core.span import Period
from outlay.sources.aws.records import USAGE

Dimension = Literal["SERVICE", "REGION", "LINKED_ACCOUNT", "USAGE_TYPE"]
Metric = Literal[
    "UnblendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost", "UsageQuantity"
]  # fmt: skip

BASE: tuple[str, ...] = ("SERVICE", "REGION")
EXTRA: tuple[str, ...] = ("LINKED_ACCOUNT", "USAGE_TYPE")
RECORD = "RECORD_TYPE"

# Our dimension words that rows grouped by a dimension of theirs have.
WORDS: Mapping[str, str] = {
    "SERVICE": "service",
    "REGION": "region",
    "LINKED_ACCOUNT": "sub_account,sub_account_name",
    "USAGE_TYPE": "sku",
}
# Which dimension of a cut the other records are asked by: who they are for matters more than what, and that than where.
BESIDE = ("LINKED_ACCOUNT", "SERVICE", "REGION", "USAGE_TYPE")

USAGE_ONLY: Mapping[str, Any] = {"Dimensions": {"Key": RECORD, "Values": [*USAGE]}}
NO_USAGE: Mapping[str, Any] = {"Not": USAGE_ONLY}

Cut = tuple[str, ...]  # one or two dimensions of theirs; a tag key is `tag:<key>`


@dataclass(frozen=True, slots=True)
class Question:
    """One part of the money. `cuts`: what those are called that its rows belong to."""

    group_by: tuple[str, ...]
    filter: Mapping[str, Any] | None = field(default=None, hash=False)
    cuts: tuple[str, ...] = field(default=(), compare=False)

    def request(self, days: Period, metrics: Sequence[str]) -> dict[str, Any]:
        """The first page's request."""
        groups = [
            {"Type": "TAG", "Key": key.removeprefix(TAG)} if key.startswith(TAG) else {"Type": "DIMENSION", "Key": key}
            for key in self.group_by
        ]
        ask: dict[str, Any] = {
            "TimePeriod": {"Start": days.start.isoformat(), "End": days.end.isoformat()},
            "Granularity": "DAILY",
            "Metrics": [*metrics],
            "GroupBy": groups,
        }
        return ask if self.filter is None else ask | {"Filter": self.filter}


def cuts(group_by: Sequence[str], tag_keys: Sequence[str]) -> list[Cut]:
    """The cuts for what was asked for: service x region, and for everything else one more, each with the service."""
    base = tuple(each for each in BASE if each in group_by)
    extras = [each for each in EXTRA if each in group_by] + [TAG + key for key in tag_keys]
    beside = base[:1]
    found: list[Cut] = [(*beside, each) for each in extras]
    return found if len(base) < 2 and found else [base, *found]


def questions(wanted: Iterable[Cut]) -> list[Question]:
    """As few questions as answer all cuts with every record in its category."""
    found: list[Question] = []
    others: dict[str, list[str]] = {}  # by the dimension that the other records of a cut are asked by
    for cut in wanted:
        if len(cut) == 1:
            found.append(Question((*cut, RECORD), None, (name(cut),)))
            continue
        found.append(Question(cut, USAGE_ONLY, (name(cut),)))
        others.setdefault(next(each for each in BESIDE if each in cut), []).append(name(cut))
    return found + [Question((RECORD, key), NO_USAGE, tuple(names)) for key, names in others.items()]


def name(cut: Cut) -> str:
    """What a cut's rows say in `cut`."""
    return ",".join(WORDS.get(each, each) for each in cut)


def key_of(ask: Mapping[str, Any], *beside: str) -> str:
    """A text that is another one for every other request."""
    text = json.dumps([ask, *beside], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
