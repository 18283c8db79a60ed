"""The dashboards in deploy/grafana, and what they ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((DEPLOY / "grafana").glob("*.json"))}


def panels(board: str) -> Iterator[dict[str, Any]]:
    """Every panel with queries, those of folded rows too."""
    for each in BOARDS[board]["panels"]:
        yield from each["panels"] if each["type"] == "row" else [each]


def queries() -> Iterator[Any]:
    """Every query there is, by what it is of."""
    for board in BOARDS:
        for panel in panels(board):
            for target in panel["targets"]:
                name = f"{board}-{panel['title'].split(',')[0]}-{target['refId']}"
                yield pytest.param(target["expr"], id=name.replace(" ", "_"))
