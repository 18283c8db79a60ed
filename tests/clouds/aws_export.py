"""AWS's exports in S3: moto's S3 server, and what Data Exports and Cost and Usage Reports put into a bucket."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import boto3

from outlay.core.span import month_of, next_month
from tests.clouds.cloud import Charge
from tests.servers import moto_server

BUCKET, PREFIX, EXPORT, ACCOUNT = "billing-exports", "costs", "daily", "210987654321"
KEYS = {"access_key_id": "AKIAEXPORTS", "secret_access_key": "exports-secret"}

Line = Mapping[str, str]


def cur_line(charge: Charge) -> Line:
    """A line of CUR 2.0."""
    kinds = {"Usage": "Usage", "Tax": "Tax", "Credit": "Credit", "Adjustment": "Refund"}
    start, month = charge.day, month_of(charge.day)
    return {
        "bill_billing_period_start_date": f"{month}T00:00:00Z",
        "bill_billing_period_end_date": f"{next_month(month)}T00:00:00Z",
        "bill_invoice_id": "INV-1",
        "bill_payer_account_id": ACCOUNT,
        "line_item_usage_account_id": ACCOUNT,
        "line_item_line_item_type": kinds[charge.category],
        "line_item_usage_start_date": f"{start}T00:00:00Z",
        "line_item_usage_end_date": f"{start + timedelta(days=1)}T00:00:00Z",
        "line_item_product_code": charge.service,
        "line_item_unblended_cost": f"{charge.amount:f}",
        "line_item_currency_code": "USD",
        "product": json.dumps({"product_name": charge.service}),
        "product_region_code": charge.region,
    }


def focus_line(charge: Charge) -> Line:
    """A line of FOCUS 1.0 with AWS columns."""
    month = month_of(charge.day)
    return {
        "BilledCost": f"{charge.amount:f}",
        "EffectiveCost": f"{charge.amount:f}",
        "BillingCurrency": "USD",
        "BillingAccountId": ACCOUNT,
        "BillingPeriodStart": f"{month}T00:00:00.000Z",
        "BillingPeriodEnd": f"{next_month(month)}T00:00:00.000Z",
        "ChargePeriodStart": f"{charge.day}T00:00:00.000Z",
        "ChargePeriodEnd": f"{charge.day + timedelta(days=1)}T00:00:00.000Z",
        "ChargeCategory": charge.category,
        "ProviderName": "AWS",
        "RegionId": charge.region,
        "ServiceName": charge.service,
        "x_ServiceCode": charge.service,
    }


def packed(lines: Iterable[Line], columns: Iterable[str]) -> bytes:
    """Lines as the gzip that AWS delivers."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return gzip.compress(out.getvalue().encode(), mtime=0)


class AwsExportCloud:
    """A bucket with one export that overwrites its files, several files to a month.

    `line`  what a charge is in the export: `cur_line` or `focus_line`
    """

    plugin = "aws-export"

    def __init__(self, line: Callable[[Charge], Line] = cur_line) -> None:
        self._stack = ExitStack()
        self.url = self._stack.enter_context(moto_server())
        self.line = line
        names = {"aws_access_key_id": KEYS["access_key_id"], "aws_secret_access_key": KEYS["secret_access_key"]}
        self.s3: Any = boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", **names)
        self.s3.create_bucket(Bucket=BUCKET)
        self._months: set[date] = {month_of(datetime.now(UTC).date())}
        self._runs = count(1)

    def give(self, charges: Sequence[Charge]) -> None:
        """Deliver every month there ever was anew: the months without charges as files without lines."""
        self._months |= {month_of(charge.day) for charge in charges}
        run = next(self._runs)
        for month in self._months:
            self._deliver(month, [each for each in charges if month_of(each.day) == month], run)

    def put(self, key: str, body: bytes) -> str:
        """An object; its URL."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def settings(self, url: str | None = None) -> Mapping[str, Any]:
        """The source's settings."""
        return {"path": f"s3://{BUCKET}/{PREFIX}", "endpoint_url": url or self.url, **KEYS}

    def close(self) -> None:
        """Stop the server."""
        self.s3.close()
        self._stack.close()

    def _deliver(self, month: date, charges: Sequence[Charge], run: int) -> None:
        root, period = f"{PREFIX}/{EXPORT}", f"BILLING_PERIOD={month:%Y-%m}"
        columns = list(self.line(Charge(month, "", "", Decimal(0))))
        half = len(charges) // 2
        files = [
            self.put(f"{root}/data/{period}/{EXPORT}-{number:05}.csv.gz", packed([self.line(c) for c in part], columns))
            for number, part in enumerate((charges[:half], charges[half:]), start=1)
        ]
        told = {
            "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{ACCOUNT}:export/{EXPORT}-0",
            "executionId": f"{run:08}-0000-4000-8000-000000000000",
            "columns": [{"name": name, "type": "string"} for name in columns],
            "dataFiles": files,
        }
        self.put(f"{root}/metadata/{period}/{EXPORT}-Manifest.json", json.dumps(told).encode())


def start() -> AwsExportCloud:
    """A new one."""
    return AwsExportCloud()
