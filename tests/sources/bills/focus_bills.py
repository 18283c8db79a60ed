"""FOCUS bills for tests: `charge` is a row of text, `write` makes a file of rows, `read` collects one."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from outlay.core import focus
from outlay.core.span import Period, Window
from outlay.sources.files import Files

Row = Mapping[str, str]
WINDOW = Window(Period(date(2026, 11, 1), date(2026, 11, 3)))


def charge(**columns: str) -> dict[str, str]:
    """A charge of 1.5 USD on 2026-10-03, with these columns set."""
    return {
        "BilledCost": "1.5",
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-10-01T00:00:00Z",
        "BillingPeriodEnd": "2026-11-01T00:00:00Z",
        "ChargePeriodStart": "2026-10-03T00:00:00Z",
        "ChargePeriodEnd": "2026-10-04T00:00:00Z",
        "ChargeCategory": "Usage",
        "ProviderName": "AWS",
    } | columns


def text(*rows: Row, delimiter: str = ",", ends: str = "\n") -> str:
    """The rows as CSV; the columns are those of the first."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ends)
    writer.writerow(rows[0])
    writer.writerows([row.get(name, "") for name in rows[0]] for row in rows)
    return out.getvalue()


def write(path: Path, *rows: Row) -> Path:
    """The rows as a file, packed if its name says so."""
    data = text(*rows).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_parquet(path: Path, columns: Mapping[str, Any] | None = None, **options: Any) -> Path:
    """One charge as Parquet, with these columns (Arrow arrays of one value, or None to leave one out)."""
    arrays: dict[str, Any] = {}
    for name, value in charge().items():
        if name == "BilledCost":
            arrays[name] = pa.array([value]).cast(pa.decimal128(38, 18))
        elif name.endswith(("Start", "End")):
            arrays[name] = pa.array([datetime.fromisoformat(value).replace(tzinfo=None)], pa.timestamp("us"))
        else:
            arrays[name] = pa.array([value])
    made = {name: array for name, array in (arrays | dict(columns or {})).items() if array is not None}
    pq.write_table(pa.table(made), path, **options)
    return path


def read(path: Path | str, **settings: Any) -> list[dict[str, Any]]:
    """Every charge of the files, as a collection without dates sees them. Tags are dictionaries."""
    source = Files(path=str(path), **settings)
    rows = []
    for span in source.spans(WINDOW):
        for batch in source.fetch(span):
            assert batch.schema == focus.schema()
            rows += batch.to_pylist(maps_as_pydicts="strict")
    return rows


def read_one(folder: Path, **columns: str) -> dict[str, Any]:
    """A CSV of one charge with these columns, read."""
    [row] = read(write(folder / "one.csv", charge(**columns)))
    return row


def utc(*numbers: int) -> datetime:
    """A moment in UTC."""
    return datetime(*numbers, tzinfo=UTC)  # type: ignore[arg-type,misc] # year, month, day and so on
