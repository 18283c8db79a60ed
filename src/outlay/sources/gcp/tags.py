"""Labels of every level as tags of one row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from outlay.core.money import text
from outlay.sources.gcp.amounts import exact

# The nearest to what is billed first. A value that a nearer one hides is kept under the prefix of its level.
LEVELS: Mapping[str, str] = {
    "labels": "label/",
    "tags": "tag/",
    "project_labels": "project/",
    "system_labels": "system/",
}
RATE = "x_currency_conversion_rate"


def merged(row: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a group, whose levels are JSON lists of keys and values. Raises ValueError for other JSON."""
    tags: dict[str, str] = {}
    for level, prefix in LEVELS.items():
        for key, value in pairs(row.get(level)):
            if tags.setdefault(key, value) != value:
                tags.setdefault(prefix + key, value)
    rate = row.get("rate")
    if rate and row["currency"] != "USD":
        tags[RATE] = text(exact(rate))
    return tags


def pairs(json_text: str | None) -> list[tuple[str, str]]:
    """Keys and values of a JSON list of objects; a label without a value has an empty one."""
    found = json.loads(json_text) if json_text else None
    if found is not None and not isinstance(found, list):
        raise ValueError(f"no list of labels: {str(json_text)[:100]}")
    return [(str(each["key"]), str(each.get("value") or "")) for each in found or () if each.get("key")]
