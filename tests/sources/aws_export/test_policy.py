"""The policy on the source's page is sufficient, and only reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from outlay.core.errors import AuthError
from outlay.sources.aws_export import AwsExport
from tests.clouds.aws_export import BUCKET, PREFIX, AwsExportCloud
from tests.sources.aws_export.conftest import OCTOBER
from tests.sources.aws_export.test_bucket import rows

PAGE = Path(__file__).parents[3] / "docs" / "sources" / "aws-export.md"
SETTING_UP = 40  # calls that moto answers whoever asks


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsExportCloud]:
    """A cloud that looks at who asks, once `keys` were made."""
    monkeypatch.setenv("INITIAL_NO_AUTH_ACTION_COUNT", str(SETTING_UP))
    cloud = AwsExportCloud()
    yield cloud
    cloud.close()


def keys(cloud: AwsExportCloud, *actions: str) -> dict[str, str]:
    """The keys of a user with these actions of the page's policy, the last that anybody could make."""
    policy = json.loads(re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)[0])
    policy["Statement"] = [each for each in policy["Statement"] if set(each["Action"]) & set(actions)]
    iam = boto3.client(
        "iam",
        endpoint_url=cloud.url,
        region_name="us-east-1",
        aws_access_key_id="anybody",
        aws_secret_access_key="anything",
    )
    iam.create_user(UserName="outlay")
    iam.put_user_policy(UserName="outlay", PolicyName="bills", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="outlay")["AccessKey"]
    with pytest.raises(ClientError, match="403"):
        _use_up(cloud)
    return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}


def _use_up(cloud: AwsExportCloud) -> None:
    for _ in range(SETTING_UP):
        cloud.s3.head_bucket(Bucket=BUCKET)


def source(cloud: AwsExportCloud, made: dict[str, str]) -> AwsExport:
    return AwsExport.model_validate({**cloud.settings(), **made, "attempts": 1})


def test_it_is_sufficient_and_only_reads(guarded: AwsExportCloud) -> None:
    guarded.give(OCTOBER)
    made = keys(guarded, "s3:ListBucket", "s3:GetObject")

    assert len(rows(source(guarded, made))) == len(OCTOBER)
    names = {f"aws_{name}": key for name, key in made.items()}
    s3: Any = boto3.client("s3", endpoint_url=guarded.url, region_name="us-east-1", **names)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}/x", Body=b"")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=BUCKET, Key=f"{PREFIX}/x")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (
            "s3:ListBucket",
            r"Manifest\.json: access is denied; it takes s3:GetObject on arn:aws:s3:::\S+/costs/\*\. AWS",
        ),
        ("s3:GetObject", r"access is denied; it takes s3:ListBucket on arn:aws:s3:::billing-exports\. AWS says: Acc"),
    ],
)
def test_what_is_missing_is_told(guarded: AwsExportCloud, action: str, words: str) -> None:
    guarded.give(OCTOBER)

    with pytest.raises(AuthError, match=words):
        source(guarded, keys(guarded, action)).test()
