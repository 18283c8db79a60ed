"""A lake in a bucket whose files are large enough to be read from many threads at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import boto3
import pyarrow as pa
import pytest
from pydantic import SecretStr

from outlay.core import focus
from outlay.core.query import CostQuery
from outlay.core.span import Period, Span
from outlay.warehouses.lake import Lake
from tests.charges import charge
from tests.servers import moto_server

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
BATCHES, ROWS = 60, 5_000


@pytest.fixture
def lake() -> Iterator[Lake]:
    with moto_server() as url:
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=url, **keys).create_bucket(Bucket="bills")
        options = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
        secret = {name: SecretStr(value) for name, value in options.items()}
        yield Lake(path="s3://bills/lake", storage_options=secret)


def _rows() -> Iterator[pa.RecordBatch]:
    """Many rows that compress badly: each has a resource of its own."""
    day = charge(date(2026, 10, 5), "0.000000000000000001", source="bill")
    template = focus.batch([day] * ROWS)
    place = template.schema.get_field_index("resource_id")
    for batch in range(BATCHES):
        ids = pa.array([f"i-{(batch * ROWS + row) * 2654435761 % 2**61:016x}" * 4 for row in range(ROWS)])
        yield template.set_column(place, template.schema.field(place), ids)


def test_large_files_in_a_bucket_are_read_right(lake: Lake) -> None:
    lake.prepare()
    done = lake.replace(Span("bill", OCTOBER, version="one"), _rows())
    total = Decimal(BATCHES * ROWS).scaleb(-18)
    assert (done.rows, done.totals) == (BATCHES * ROWS, {"USD": total})
    for _ in range(3):
        assert [row["cost"] for row in lake.query(CostQuery(OCTOBER)).to_pylist()] == [total]
        dearest = lake.query(CostQuery(OCTOBER, ("resource",), limit=5)).to_pylist()
        assert [row["cost"] for row in dearest] == [Decimal("0.000000000000000001")] * 5
