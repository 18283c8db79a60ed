"""BigQuery, by an emulator with a billing export in it. It lives in a venv of its own, as it pins an old DuckDB."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.clouds.cloud import Charge
from tests.sources.gcp.exports import ACCOUNT, DETAILED, detailed

ROOT = Path(__file__).parents[2]
PROJECT, DATASET = "outlay-billing", "billing"
START_SECONDS_MAX = 60.0
LISTENS = re.compile(r"running on (http://127\.0\.0\.1:\d+)")
# The emulator looks for DuckDB's extension on the internet unless it is at home, so it gets a home that has it.
SETTLE_IN = "import duckdb, duckdb_extensions as e; e.import_extension('spatial', con=duckdb.connect())"


class Gcp:
    """A running emulator."""

    plugin = "gcp"

    def __init__(self) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="bigquery-")
        try:
            self._process, self.url = _started(Path(self._home.name))
        except BaseException:
            self._home.cleanup()
            raise
        with self.client() as client:
            client.create_dataset(DATASET)

    def give(self, charges: Sequence[Charge]) -> None:
        """One detailed export, made anew, as the emulator does not tell when a table was changed."""
        self.load(
            f"gcp_billing_export_resource_v1_{ACCOUNT}", DETAILED, (line for each in charges for line in _lines(each))
        )

    def settings(self, url: str | None = None) -> Mapping[str, Any]:
        """The source's settings."""
        return {"project_id": PROJECT, "dataset": DATASET, "endpoint_url": url or self.url, "anonymous": True}

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(timeout=20)
        self._home.cleanup()

    def load(
        self,
        table: str,
        schema: Sequence[Mapping[str, Any]],
        lines: Iterable[Mapping[str, Any]],
        partition: str | None = "export_time",
    ) -> None:
        """Make these all lines of a table, partitioned by day of a column ('' is the load time, None is not)."""
        from google.cloud import bigquery

        fields = [bigquery.SchemaField.from_api_repr(dict(field)) for field in schema]
        found = bigquery.Table(f"{PROJECT}.{DATASET}.{table}", schema=fields)
        if partition is not None:
            found.time_partitioning = bigquery.TimePartitioning(field=partition or None)
        text = "\n".join(json.dumps(line) for line in lines).encode()
        config = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON", schema=fields)
        with self.client() as client:
            client.delete_table(found, not_found_ok=True)
            client.create_table(found)
            if text:
                # Without a size Google's client uploads resumably, the one way that the emulator takes.
                client.load_table_from_file(io.BytesIO(text), found.reference, job_config=config).result()

    def empty(self) -> None:
        """Take all tables away."""
        with self.client() as client:
            for table in client.list_tables(DATASET):
                client.delete_table(table)

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Google's client."""
        from google.api_core.client_options import ClientOptions
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        options = ClientOptions(api_endpoint=self.url)
        client: Any = bigquery.Client(PROJECT, AnonymousCredentials(), client_options=options)  # type: ignore[no-untyped-call]
        try:
            yield client
        finally:
            client.close()


def start() -> Gcp:
    """Start the emulator. Raises RuntimeError that tells how to install it."""
    return Gcp()


def _started(home: Path) -> tuple[subprocess.Popen[bytes], str]:
    venv = Path(os.environ.get("OUTLAY_BIGQUERY_VENV") or ROOT / ".venv" / "bigquery")
    if not (venv / "bin" / "bqemulator").exists():
        raise RuntimeError(
            f"the BigQuery emulator is not in {venv}; `make test` puts it there from requirements/bigquery.txt,"
            " or set OUTLAY_BIGQUERY_VENV to a virtual environment that has these packages"
        )
    surroundings = {"HOME": str(home), "PATH": os.defpath, "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false"}
    subprocess.run([venv / "bin" / "python", "-c", SETTLE_IN], env=surroundings, cwd=home, check=True, timeout=120)
    log = home / "log"
    options = ["--rest-port", "0", "--grpc-port", "0", "--log-level", "info", "--log-format", "console"]
    with log.open("wb") as file:
        command = [str(venv / "bin" / "bqemulator"), "start", *options]
        process = subprocess.Popen(command, env=surroundings, cwd=home, stdout=file, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        if found := LISTENS.search(log.read_text(errors="replace")):
            return process, found[1]
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise RuntimeError(f"the BigQuery emulator did not start: {log.read_text(errors='replace')[-2000:]}")


def _lines(charge: Charge) -> Iterator[dict[str, Any]]:
    """The export's lines of one charge."""
    kinds = {"Usage": "regular", "Tax": "tax", "Adjustment": "adjustment", "Credit": "regular"}
    for part in doubles(charge.amount):
        is_credit = charge.category == "Credit"
        credit = {"name": "Promotion", "amount": part, "full_name": "Promotion", "id": "p", "type": "PROMOTION"}
        yield detailed(
            charge.day,
            0.0 if is_credit else part,
            service=charge.service,
            region=charge.region,
            cost_type=kinds[charge.category],
            credits=[credit] if is_credit else [],
        )


def doubles(amount: Decimal) -> Iterator[float]:
    """FLOAT64s whose texts add up to the amount: one of them holds 15 to 17 digits."""
    while amount:
        part = float(amount)
        yield part
        amount -= Decimal(repr(part))
