"""Azure's exports in Blob Storage: Azurite, and what Cost Management puts into a container."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import subprocess
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

from outlay.core.span import month_of, next_month
from tests.clouds.cloud import Charge

# Azurite's own account, which is no secret: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
CONTAINER, EXPORT = "cost-exports", "daily-actual"
SCOPE = "/providers/Microsoft.Billing/billingAccounts/8611537"
CHARGE_TYPES = {"Usage": "Usage", "Purchase": "Purchase", "Credit": "Credit", "Tax": "Tax", "Adjustment": "Refund"}

FOLDER = Path(os.environ.get("OUTLAY_AZURITE") or Path(__file__).parents[2] / ".venv" / "azurite")

Line = Mapping[str, str]


@contextmanager
def azurite(*options: str, folder: Path = FOLDER) -> Iterator[str]:
    """The URL of a blob service that keeps everything in memory."""
    program = folder / "node_modules/azurite/dist/src/blob/main.js"
    if not program.exists():
        raise FileNotFoundError(f"{program}: Azurite is not installed; say make .venv/.clouds, or set OUTLAY_AZURITE")
    where = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]
    # The client speaks a newer version of the API than Azurite knows.
    quiet = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    command = ["node", str(program), *where, *quiet, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        output = iter(process.stdout or ())
        reader = Thread(target=deque, args=(output, 0))  # who does not read a pipe stops its writer once it is full
        try:
            yield _url(output)
        finally:
            reader.start()
            process.kill()
            reader.join()


def line(charge: Charge) -> Line:
    """A line of an enterprise agreement's actual costs."""
    month = month_of(charge.day)
    return {
        "BillingAccountId": "8611537",
        "BillingPeriodStartDate": f"{month:%m/%d/%Y}",
        "BillingPeriodEndDate": f"{next_month(month) - timedelta(days=1):%m/%d/%Y}",
        "SubscriptionId": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "Date": f"{charge.day:%m/%d/%Y}",
        "MeterCategory": charge.service,
        "MeterId": "f31064a2-ed95-4e11-8b69-270f2fc4fbdd",
        "MeterName": f"{charge.service} hours",
        "Quantity": "1",
        "Cost": f"{charge.amount:f}",
        "BillingCurrency": "USD",
        "ResourceLocation": charge.region,
        "Tags": '"env": "prod"',
        "ChargeType": CHARGE_TYPES[charge.category],
        "Frequency": "UsageBased",
        "PublisherType": "Azure",
        "PricingModel": "OnDemand",
    }


def written(lines: Iterable[Line], columns: Iterable[str]) -> bytes:
    """Lines as the CSV that Azure writes, byte order mark and all."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(columns))
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode("utf-8-sig")


class AzureCloud:
    """A storage account with one container and one partitioned export, each run in a folder of its own."""

    plugin = "azure"

    def __init__(self, *options: str, ca: str | None = None) -> None:
        """`options` are Azurite's; `ca` is what signed its certificate, if it has one."""
        self._ca = ca
        self._stack = ExitStack()
        self.url = self._stack.enter_context(azurite(*options))
        self._months: set[date] = {month_of(datetime.now(UTC).date())}
        self._runs = count(1)
        self.container = self._container()

    def give(self, charges: Sequence[Charge]) -> None:
        """Export every month there ever was anew: the months without charges as files without lines."""
        self._months |= {month_of(charge.day) for charge in charges}
        for month in self._months:
            self.export(month, [line(each) for each in charges if month_of(each.day) == month])

    def export(self, month: date, lines: Sequence[Line], name: str = EXPORT, kind: str = "ActualCost") -> str:
        """One run of an export in two parts; its folder."""
        run = f"{next(self._runs):08}-0000-4000-8000-000000000000"
        folder = f"{month_folder(month, name)}/{run}"
        columns = list(line(Charge(month, "", "", Decimal(0))))
        half = len(lines) // 2
        parts = [gzip.compress(written(part, columns), mtime=0) for part in (lines[:half], lines[half:])]
        told = [
            {"blobName": f"{folder}/part_{i}_0001.csv.gz", "byteCount": len(part), "dataRowCount": 1}
            for i, part in enumerate(parts)
        ]
        for each, part in zip(told, parts, strict=True):
            self.put(str(each["blobName"]), part)
        self.put(f"{folder}/manifest.json", json.dumps(manifest(told, name, kind, run)).encode())
        return folder

    def put(self, name: str, body: bytes) -> str:
        """A blob, written anew if it is there; its name."""
        self.container.upload_blob(name, body, overwrite=True)
        return name

    def clear(self) -> None:
        """Remove every blob."""
        for name in [*self.container.list_blob_names()]:
            self.container.delete_blob(name)

    def connection_string(self, url: str | None = None) -> str:
        """What reads and writes everything."""
        blobs = f"{url or self.url}/{ACCOUNT}"
        return (
            f"DefaultEndpointsProtocol={blobs.partition(':')[0]};AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={blobs};"
        )

    def settings(self, url: str | None = None) -> Mapping[str, Any]:
        """The source's settings."""
        return {
            "connection_string": self.connection_string(url),
            "export": {"container": CONTAINER, "path": "exports", "export_name": EXPORT},
        }

    def close(self) -> None:
        """Stop the server."""
        self._stack.close()

    def _container(self) -> Any:
        from azure.storage.blob import ContainerClient

        client = ContainerClient.from_connection_string(
            self.connection_string(), CONTAINER, connection_verify=self._ca or True
        )
        client.create_container()
        return self._stack.enter_context(client)


def month_folder(month: date, name: str = EXPORT) -> str:
    """Where an export puts what it writes for a month."""
    return f"exports/{name}/{month:%Y%m%d}-{next_month(month) - timedelta(days=1):%Y%m%d}"


def manifest(
    blobs: Sequence[Mapping[str, Any]], name: str, kind: str, run: str, scope: str = SCOPE
) -> Mapping[str, Any]:
    """What Cost Management writes last, beside a run's parts."""
    return {
        "manifestVersion": "2024-04-01",
        "byteCount": sum(each["byteCount"] for each in blobs),
        "blobCount": len(blobs),
        "exportConfig": {
            "exportName": name,
            "resourceId": f"{scope}/providers/Microsoft.CostManagement/exports/{name}",
            "dataVersion": "2024-08-01",
            "type": kind,
            "timeFrame": "MonthToDate",
            "granularity": "Daily",
        },
        "deliveryConfig": {"partitionData": True, "fileFormat": "Csv", "compressionMode": "gzip"},
        "runInfo": {"executionType": "Scheduled", "runId": run},
        "blobs": list(blobs),
    }


def start() -> AzureCloud:
    """A new one."""
    return AzureCloud()


def _url(output: Iterator[str]) -> str:
    said = []
    for each in output:
        if found := re.search(r"listens on (https?://127\.0\.0\.1:\d+)", each):
            return found[1]
        said.append(each)
    raise RuntimeError(f"Azurite did not start: {''.join(said)}")
