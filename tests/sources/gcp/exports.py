"""Lines and schemas of Google's billing exports, as BigQuery has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

ACCOUNT = "012345_6789AB_CDEF01"

Fields = list[dict[str, Any]]


def field(
    name: str, kind: str = "STRING", fields: Sequence[Mapping[str, Any]] = (), repeated: bool = False
) -> dict[str, Any]:
    """One column, as BigQuery's API writes it."""
    mode = "REPEATED" if repeated else "NULLABLE"
    return {"name": name, "type": "RECORD" if fields else kind, "mode": mode, "fields": list(fields)}


def texts(*names: str) -> Fields:
    """Columns of text."""
    return [field(name) for name in names]


PAIRS = texts("key", "value")

STANDARD: Fields = [
    field("billing_account_id"),
    field("service", fields=texts("id", "description")),
    field("sku", fields=texts("id", "description")),
    field("usage_start_time", "TIMESTAMP"),
    field("usage_end_time", "TIMESTAMP"),
    field("project", fields=[*texts("id", "number", "name"), field("labels", fields=PAIRS, repeated=True)]),
    field("labels", fields=PAIRS, repeated=True),
    field("system_labels", fields=PAIRS, repeated=True),
    field("location", fields=texts("location", "country", "region", "zone")),
    field("tags", fields=[*PAIRS, field("inherited", "BOOLEAN"), field("namespace")], repeated=True),
    field("export_time", "TIMESTAMP"),
    field("cost", "FLOAT"),
    field("cost_at_list", "FLOAT"),
    field("currency"),
    field("currency_conversion_rate", "FLOAT"),
    field(
        "usage",
        fields=[
            field("amount", "FLOAT"),
            field("unit"),
            field("amount_in_pricing_units", "FLOAT"),
            field("pricing_unit"),
        ],
    ),
    field("credits", fields=[*texts("name", "full_name", "id", "type"), field("amount", "FLOAT")], repeated=True),
    field("invoice", fields=texts("month")),
    field("cost_type"),
    field("adjustment_info", fields=texts("id", "description", "mode", "type")),
]
DETAILED: Fields = [*STANDARD, field("resource", fields=texts("name", "global_name"))]


def standard(
    day: date,
    cost: float | None,
    *,
    service: str = "Compute Engine",
    region: str = "europe-west1",
    hour: int = 5,
    exported: date | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A line of the standard export: one hour's usage of a day, on the invoice of its month unless `more` says else."""
    started = datetime.combine(day, time(hour), UTC)
    return {
        "billing_account_id": ACCOUNT.replace("_", "-"),
        "service": {"id": "6F81-5844-456A", "description": service},
        "sku": {"id": "2E27-4F75-95CD", "description": "N1 Predefined Instance Core running in EMEA"},
        "usage_start_time": _written(started),
        "usage_end_time": _written(started + timedelta(hours=1)),
        "project": {"id": "shop-prod", "number": "42", "name": "Shop", "labels": []},
        "labels": [],
        "system_labels": [],
        "tags": [],
        "location": {"location": region, "country": "BE", "region": region, "zone": f"{region}-b"},
        "export_time": _written(datetime.combine(exported or day, time(23, 30), UTC)),
        "cost": cost,
        "cost_at_list": cost,
        "currency": "USD",
        "currency_conversion_rate": 1.0,
        "usage": {"amount": 3600.0, "unit": "seconds", "amount_in_pricing_units": 1.0, "pricing_unit": "hour"},
        "credits": [],
        "invoice": {"month": f"{day:%Y%m}"},
        "cost_type": "regular",
        "adjustment_info": None,
        **more,
    }


def detailed(day: date, cost: float | None, **more: Any) -> dict[str, Any]:
    """A line of the detailed export."""
    machine = "//compute.googleapis.com/projects/42/zones/europe-west1-b/instance/7"
    return {"resource": {"name": "web-1", "global_name": machine}, **standard(day, cost, **more)}


def credit(kind: str, amount: float, name: str = "a credit") -> dict[str, Any]:
    """One credit of a line."""
    return {"name": name, "full_name": name, "id": "", "type": kind, "amount": amount}


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
