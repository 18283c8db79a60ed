"""Copies of exports in a folder, as AWS lays them out, and how they are read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from outlay.core.span import Period, Window
from outlay.sources.aws_export import AwsExport
from tests.sources.bills.focus_bills import charge, write

WINDOW = Window(Period(date(2026, 11, 1), date(2026, 11, 3)))
BUCKET = "billing-exports"


def billed(month: int, cost: str, **columns: str) -> dict[str, str]:
    """A charge of the third of a month of 2026, billed in that month."""
    bounds = {"BillingPeriodStart": f"2026-{month:02}-01", "BillingPeriodEnd": f"2026-{month + 1:02}-01"}
    days = {"ChargePeriodStart": f"2026-{month:02}-03", "ChargePeriodEnd": f"2026-{month:02}-04"}
    return charge(BilledCost=cost, **bounds | days | columns)


def told(path: Path, manifest: Mapping[str, Any], written: int = 0) -> Path:
    """A manifest, written so many seconds after 2001-09-09."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(manifest))
    os.utime(path, (10**9 + written, 10**9 + written))
    return path


def legacy(bucket: Path, month: int, cost: str, assembly: str | None, *, above: bool = True, written: int = 0) -> Path:
    """A delivery of the report `daily`: a file, the manifest of its assembly and the one above them all."""
    folder = bucket / "cur" / "daily" / f"2026{month:02}01-2026{month + 1:02}01"
    run = folder / assembly if assembly else folder
    file = write(run / "daily-00001.csv.gz", billed(month, cost))
    manifest = {
        "assemblyId": assembly or "0-0",
        "account": "111111111111",
        "billingPeriod": {"start": f"2026{month:02}01T000000.000Z", "end": f"2026{month + 1:02}01T000000.000Z"},
        "bucket": BUCKET,
        "reportKeys": [str(file.relative_to(bucket))],
    }
    if assembly:
        told(run / "daily-Manifest.json", manifest, written)
    if above or not assembly:
        told(folder / "daily-Manifest.json", manifest, written)
    return file


def exported(bucket: Path, month: int, *costs: str, run: str = "", export: str = "focus", written: int = 0) -> Path:
    """A delivery of Data Exports, a file for each cost, in folders of their own if it is named as a run."""
    root, period = bucket / "exports" / export, f"BILLING_PERIOD=2026-{month:02}"
    files = [
        write(root / "data" / period / run / f"{export}-{i:05}.csv.gz", billed(month, cost))
        for i, cost in enumerate(costs, start=1)
    ]
    manifest = {
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:222222222222:export/{export}-1",
        "executionId": run,
        "dataFiles": [f"s3://{BUCKET}/{file.relative_to(bucket)}" for file in files],
    }
    return told(root / "metadata" / period / run / f"{export}-Manifest.json", manifest, written)


def source(path: Path, **settings: Any) -> AwsExport:
    return AwsExport(path=str(path), **settings)


def totals(read: AwsExport, window: Window = WINDOW) -> dict[str, Decimal]:
    """The billed cost of every span."""
    return {str(span).removeprefix("aws-export "): total(read, span) for span in read.spans(window)}


def total(read: AwsExport, span: Any) -> Decimal:
    return sum((cost for batch in read.fetch(span) for cost in costs(batch)), Decimal(0))


def costs(batch: Any) -> Sequence[Decimal]:
    found: list[Decimal] = batch["billed_cost"].to_pylist()
    return found
