"""A BigQuery that does as it is told: what the emulator cannot do (bytes, refusals, jobs that fail, odd pages)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

from outlay.sources.gcp.standard import CREDIT, NESTED, TEXTS
from tests.clouds.serving import QuietHandler, Serving
from tests.sources.gcp.exports import ACCOUNT, DETAILED, Fields

DETAILED_NAME = f"gcp_billing_export_resource_v1_{ACCOUNT}"


@dataclass
class Told:
    """What it answers.

    `tables`     the schema of each table of the dataset
    `details`    more of each table's metadata
    `bytes`      what a dry run tells
    `error`      the error that a finished job has
    `schema`     of the answer
    `pages`      rows of the answer as BigQuery writes them, page by page
    `tokens`     the token that each page names for the next one
    `total`      how many rows there are said to be
    `running`    how often a job is not done yet
    `cut_inserts`  how often the connection is closed on the way of the answer about a new job, which is there
    """

    tables: Mapping[str, Fields] = field(default_factory=lambda: {DETAILED_NAME: DETAILED})
    details: Mapping[str, Any] = field(default_factory=dict)
    bytes: int = 0
    error: Mapping[str, str] | None = None
    schema: Fields = field(default_factory=list)
    pages: Sequence[Sequence[Any]] = ((),)
    tokens: Sequence[str | None] = (None,)
    total: int | None = None
    running: int = 0
    cut_inserts: int = 0
    location: str = "EU"
    jobs: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


class FakeBigQuery:
    """Listening on 127.0.0.1 until `close()`."""

    def __init__(self) -> None:
        self.told = Told()
        self._serving = Serving(type("Answering", (_Answering,), {"fake": self}))
        self.url = self._serving.url

    def settings(self) -> dict[str, Any]:
        """The source's settings."""
        return {"project_id": "asking", "dataset": "given.billing", "endpoint_url": self.url, "anonymous": True}

    def answers(self, costs: Sequence[tuple[date, Any]]) -> None:
        """Answer with one page of rows: groups of one line each, of these days and costs."""
        columns = [
            "day",
            *TEXTS,
            "rate",
            *NESTED,
            "is_credit",
            *(f"credit_{name}" for name in CREDIT if name != "amount"),
        ]
        kinds = {"day": "DATE", "is_credit": "BOOLEAN"}
        line = {"name": "lines", "type": "RECORD", "mode": "REPEATED", "fields": [{"name": "cost", "type": "FLOAT"}]}
        self.told.schema = [*({"name": name, "type": kinds.get(name, "STRING")} for name in columns), line]
        known = {"is_credit": "false", "currency": "USD", "cost_type": "regular", "service": "Compute Engine"}
        self.told.pages = [
            [
                [*({**known, "day": day.isoformat()}.get(name) for name in columns), [{"v": {"f": [{"v": cost}]}}]]
                for day, cost in costs
            ]
        ]

    @property
    def query(self) -> str:
        """What was asked last, in one line."""
        text: str = self.told.jobs[-1]["configuration"]["query"]["query"]
        return " ".join(text.split())

    def close(self) -> None:
        """Stop listening."""
        self._serving.close()


class _Answering(QuietHandler):
    fake: FakeBigQuery

    def do_GET(self) -> None:
        path, told = urlsplit(self.path).path.removeprefix("/bigquery/v2/projects/"), self.fake.told
        told.asked.append(f"GET {path}")
        if path.endswith("/tables"):
            tables = [{"tableReference": _reference(name), "type": "TABLE"} for name in told.tables]
            return self._say({"tables": tables, "totalItems": len(tables)})
        if match := re.search(r"/tables/(\w+)$", path):
            return self._table(match[1])
        if "/datasets/" in path:
            reference = {"projectId": "given", "datasetId": "billing"}
            return self._say({"datasetReference": reference, "location": told.location})
        if "/jobs/" in path:
            return self._job(told.jobs[-1])
        return self._rows(parse_qs(urlsplit(self.path).query))

    def do_POST(self) -> None:
        told, body = self.fake.told, json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        told.asked.append("POST job")
        is_dry = bool(body["configuration"].get("dryRun"))  # of which BigQuery keeps nothing
        is_known = not is_dry and any(job["jobReference"] == body["jobReference"] for job in told.jobs)
        told.jobs.append(body)
        if told.cut_inserts and not is_dry:
            told.cut_inserts -= 1
            self.close_connection = True
        elif is_known:
            self._say({"error": {"code": 409, "message": "Already Exists: Job"}}, 409)
        else:
            self._job(body)

    def _table(self, name: str) -> None:
        told = self.fake.told
        if name not in told.tables:
            return self._say({"error": {"code": 404, "message": f"Not found: Table given:billing.{name}"}}, 404)
        times = {"creationTime": "1790000000000", "lastModifiedTime": "1790000001000", "numRows": "7"}
        partitioning = {"timePartitioning": {"type": "DAY"}}
        schema = {"schema": {"fields": told.tables[name]}, "type": "TABLE", **times, **partitioning}
        return self._say({"tableReference": _reference(name), **schema, **told.details})

    def _job(self, job: Mapping[str, Any]) -> None:
        told, is_dry = self.fake.told, job["configuration"].get("dryRun")
        done = is_dry or told.running <= 0
        told.running -= 0 if is_dry else 1
        failed = {"errorResult": told.error, "errors": [told.error]} if told.error and done and not is_dry else {}
        statistics = {"query": {"totalBytesProcessed": str(told.bytes), "statementType": "SELECT"}}
        status = {"state": "DONE" if done else "RUNNING", **failed}
        self._say({**job, "status": status, "statistics": {**statistics, "totalBytesProcessed": str(told.bytes)}})

    def _rows(self, asked: Mapping[str, list[str]]) -> None:
        told = self.fake.told
        page = int(asked.get("pageToken", ["0"])[0].lstrip("p"))
        rows = [{"f": [{"v": value} for value in row]} for row in told.pages[page]]
        total = sum(map(len, told.pages)) if told.total is None else told.total
        answer = {"jobComplete": True, "totalRows": str(total), "rows": rows, "schema": {"fields": told.schema}}
        token = told.tokens[page]
        self._say({**answer, "jobReference": told.jobs[-1]["jobReference"], **({"pageToken": token} if token else {})})

    def _say(self, answer: Mapping[str, Any], status: int = 200) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _reference(name: str) -> dict[str, str]:
    return {"projectId": "given", "datasetId": "billing", "tableId": name}
