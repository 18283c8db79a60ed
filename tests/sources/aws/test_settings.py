"""The settings of AWS, and the policy that its page says is enough."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from outlay.core.plugins import load
from outlay.sources.aws import Aws
from tests.clouds.aws import AwsCloud
from tests.sources.aws.support import ACCOUNT, KEY, SECRET, rows, source

PAGE = Path(__file__).parents[3] / "docs" / "sources" / "aws.md"


def test_the_plugin_is_found_by_name() -> None:
    assert load("sources", "aws") is Aws


def test_the_environment_names_fields_there_are() -> None:
    assert set(Aws.ENVIRONMENT.values()) <= Aws.model_fields.keys()
    assert set(Aws.SWITCH) <= Aws.ENVIRONMENT.keys()


def test_asking_does_not_change_what_the_source_is(cloud: AwsCloud) -> None:
    asked = source(cloud)
    before = asked.model_dump()
    asked.test()
    assert asked.model_dump() == before


@pytest.mark.parametrize(
    "settings",
    [
        {"access_key_id": KEY},
        {"secret_access_key": SECRET},
        {"access_key_id": KEY, "secret_access_key": SECRET, "key": SECRET},
        {"access_key_id": KEY, "secret_access_key": [SECRET]},
        {"endpoint_url": f"ftp://{SECRET}"},
        {"accounts": [{"name": "a", "access_key_id": KEY, "secret_access_key": [SECRET]}]},
        {"accounts": [{"name": "a", "key": SECRET}]},
        {"group_by": []},
        {"group_by": ["OPERATION"]},
        {"metrics": []},
        {"metrics": ["BlendedCost"]},
        {"metrics": ["AmortizedCost"]},
        {"metrics": ["UnblendedCost", "NetUnblendedCost"]},
        {"max_pages": 0},
        {"timeout": 0},
        {"readings": ["everything"]},
    ],
)
def test_wrong_settings_are_refused_and_not_shown(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Aws.model_validate(settings)
    assert [secret for secret in (KEY, SECRET) if secret in str(caught.value)] == []


def blocks() -> list[dict[str, Any]]:
    return [json.loads(each) for each in re.findall(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)]


def test_the_policy_on_the_page_is_what_is_called(cloud: AwsCloud) -> None:
    asked = source(cloud, role_arn=f"arn:aws:iam::{ACCOUNT}:role/outlay", group_by=("SERVICE", "LINKED_ACCOUNT"))
    asked.test()
    asked.covers()
    rows(asked)
    called = {f"{call.service}:{call.operation}" for call in cloud.server.calls}
    policy = blocks()[0]
    assert called - {"sts:AssumeRole"} == {
        action for statement in policy["Statement"] for action in statement["Action"] if not _is_reading(action)
    }
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}


def _is_reading(action: str) -> bool:
    """What only `readings` needs, and their own tests call."""
    return action.startswith("ce:") and action != "ce:GetCostAndUsage"


def test_the_trust_on_the_page_lets_the_role_be_assumed_with_an_external_id() -> None:
    trust = blocks()[1]["Statement"][0]
    assert trust["Action"] == "sts:AssumeRole"
    assert "sts:ExternalId" in trust["Condition"]["StringEquals"]


def test_every_setting_is_on_the_page() -> None:
    text = PAGE.read_text("utf-8")
    assert [name for name in Aws.model_fields if f"| `{name}`" not in text] == []
