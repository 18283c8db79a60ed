from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from tests.clouds.aws_export import BUCKET, AwsExportCloud, start
from tests.clouds.cloud import Charge
from tests.clouds.faults import FaultProxy

OCTOBER = [
    Charge(date(2026, 10, 3), "AmazonEC2", "eu-west-1", Decimal("10.000000000000000001")),
    Charge(date(2026, 10, 4), "AmazonS3", "us-east-1", Decimal("-2.5"), "Credit"),
    Charge(date(2026, 10, 4), "AmazonS3", "us-east-1", Decimal("-0.25"), "Adjustment"),
    Charge(date(2026, 10, 31), "AmazonS3", "", Decimal("0.000000001"), "Tax"),
]
SEPTEMBER = [Charge(date(2026, 9, 30), "AmazonEC2", "eu-west-1", Decimal(7))]


@pytest.fixture(scope="package")
def running() -> Iterator[AwsExportCloud]:
    cloud = start()
    yield cloud
    cloud.close()


@pytest.fixture
def cloud(running: AwsExportCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsExportCloud]:
    """An S3 in which October and September are delivered."""
    for variable in ("AWS_PROFILE", "AWS_REGION", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    running.give([*OCTOBER, *SEPTEMBER])
    yield running
    for entry in running.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        running.s3.delete_object(Bucket=BUCKET, Key=entry["Key"])


@pytest.fixture
def proxy(cloud: AwsExportCloud) -> Iterator[FaultProxy]:
    proxy = FaultProxy(cloud.url)
    yield proxy
    proxy.close()
