"""What all tests of AWS share: no AWS of ours, and one that runs for a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outlay.sources.aws import Aws
from tests.clouds.aws import AwsCloud


@pytest.fixture(autouse=True)
def _no_aws_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*Aws.ENVIRONMENT, "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture
def cloud() -> Iterator[AwsCloud]:
    """An AWS with nothing billed. What its handlers get wrong fails the test."""
    found = AwsCloud()
    yield found
    found.close()
