"""What the published schema of the Heroku Platform API says of its answers about money, and a check of answers by it.

The facts are those of the schema of version 3, as github.com/heroku/heroku-go ships it in v6/schema.json. It is strict:
what it does not name must not be there. It requires nothing; we require what a real answer was seen to have, which is
all of it but for `connect`, of which days and apps have none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

Shape = Mapping[str, Any]  # of each field: a kind below, or a list that holds the shape of its items

_USED: Shape = {"addons": "number", "data": "number", "dynos": "number", "partner": "number"}
_APP: Shape = {"app_name": "app", **_USED}
_TEAM: Shape = {"id": "uuid", "name": "string", "space": "number", "apps": [_APP], **_USED}
_ACCOUNT: Shape = {"id": "uuid", "name": "string", "space": "number", "teams": [_TEAM], **_USED}

TEAM_DAILY: Shape = {"date": "date", **_TEAM}
TEAM_MONTHLY: Shape = {"month": "month", "connect": "number", **_TEAM}
ACCOUNT_DAILY: Shape = {"date": "date", **_ACCOUNT}
ACCOUNT_MONTHLY: Shape = {
    "month": "month",
    "connect": "number",
    **_ACCOUNT,
    "teams": [{"connect": "number", **_TEAM}],
}
INVOICE: Shape = {
    **dict.fromkeys(("charges_total", "credits_total", "total"), "number"),
    **dict.fromkeys(("created_at", "updated_at"), "time"),
    **dict.fromkeys(("period_end", "period_start"), "string"),
    "id": "uuid",
    "number": "integer",
    "state": "integer",
}
TEAM_INVOICE: Shape = {
    **INVOICE,
    **dict.fromkeys(("addons_total", "database_total", "platform_total"), "integer"),
    **dict.fromkeys(("charges_total", "credits_total", "total"), "integer"),
    **dict.fromkeys(("dyno_units", "weighted_dyno_hours"), "number"),
    "payment_status": "string",
}


def check(value: Any, shape: Any, place: str = "answer") -> None:
    """Raise AssertionError where the value is not of the shape."""
    if isinstance(shape, list):
        assert isinstance(value, list), f"{place}: no array"
        for index, item in enumerate(value):
            check(item, shape[0], f"{place}[{index}]")
    elif isinstance(shape, Mapping):
        assert isinstance(value, Mapping), f"{place}: no object"
        assert value.keys() == shape.keys(), f"{place}: differs in {sorted(value.keys() ^ shape.keys())}"
        for name, kind in shape.items():
            check(value[name], kind, f"{place}.{name}")
    else:
        assert _is(value, shape), f"{place}: no {shape}: {value!r}"


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return False
    if kind in {"integer", "number"}:
        return isinstance(value, int if kind == "integer" else int | Decimal)
    if not isinstance(value, str):
        return False
    return kind == "string" or _is_text(value, kind)


def _is_text(value: str, kind: str) -> bool:
    try:
        if kind == "date":
            date.fromisoformat(value)
        elif kind == "time":
            datetime.fromisoformat(value)
        elif kind == "uuid":
            UUID(value)
        else:
            pattern = {"month": r"[0-9]{4}-[0-9]{2}", "app": r"[a-z][a-z0-9-]{1,28}[a-z0-9]"}[kind]
            return re.fullmatch(pattern, value) is not None
    except ValueError:
        return False
    return True
