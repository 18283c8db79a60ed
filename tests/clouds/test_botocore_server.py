from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.clouds.botocore_server import ACCOUNT, KEY, OFF_MODEL, AwsError, AwsServer, Key

RAW = Config(parameter_validation=False, retries={"total_max_attempts": 1})
PERIOD = {"Start": "2026-01-01", "End": "2026-01-02"}
ASK: Mapping[str, Any] = {"TimePeriod": PERIOD, "Granularity": "DAILY", "Metrics": ["UnblendedCost"]}
ANSWER: Mapping[str, Any] = {
    "ResultsByTime": [
        {
            "TimePeriod": PERIOD,
            "Estimated": True,
            "Groups": [{"Keys": ["Amazon S3"], "Metrics": {"UnblendedCost": {"Amount": "0.10", "Unit": "USD"}}}],
        }
    ]
}


@pytest.fixture
def server() -> Iterator[AwsServer]:
    server = AwsServer()
    yield server
    server.close()


def client(server: AwsServer, service: str = "ce", key: Key = KEY) -> Any:
    return boto3.client(service, endpoint_url=server.url, config=RAW, **key.as_settings())


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_an_answer_on_the_model_arrives_as_it_was_given(server: AwsServer) -> None:
    server.on("ce", "GetCostAndUsage", lambda request: ANSWER)
    answer = client(server).get_cost_and_usage(**ASK)
    assert answer["ResultsByTime"] == ANSWER["ResultsByTime"]
    assert [(c.service, c.operation, c.account, c.request) for c in server.calls] == [
        ("ce", "GetCostAndUsage", ACCOUNT, ASK)
    ]


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        ({"TimePeriod": PERIOD, "Granularity": "DAILY"}, "Metrics"),
        ({**ASK, "Nonsense": 1}, "Nonsense"),
        ({**ASK, "Granularity": "WEEKLY"}, "[DAILY, MONTHLY, HOURLY]"),
        ({**ASK, "Metrics": "UnblendedCost"}, "invalid type"),
        ({**ASK, "TimePeriod": {"Start": "first", "End": "last"}}, "pattern"),
        ({**ASK, "Filter": {"Dimensions": {"Key": "COLOUR", "Values": ["red"]}}}, "enum"),
        ({**ASK, "NextPageToken": "x" * 9000}, "8192"),
    ],
)
def test_a_request_off_the_model_is_refused(server: AwsServer, ask: Mapping[str, Any], said: str) -> None:
    server.on("ce", "GetCostAndUsage", lambda request: ANSWER)
    ce = client(server)
    # botocore itself cannot write what is off its model.
    ce.meta.events.register("before-call", lambda params, **_: params.update(body=json.dumps(ask).encode()))
    with pytest.raises(ClientError) as refused:
        ce.get_cost_and_usage(**ASK)
    assert code(refused) == "ValidationException"
    assert said.lower() in str(refused.value).lower()
    assert [call.error for call in server.calls] == ["ValidationException"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"Results": []}, "Unknown parameter"),
        ({"ResultsByTime": {}}, "Invalid type"),
        ({"ResultsByTime": [{"Total": {"UnblendedCost": {"Amount": 0.1, "Unit": "USD"}}}]}, "Invalid type"),
        ({"ResultsByTime": [{"TimePeriod": {"Start": "2026-01-01"}}]}, "Missing required"),
    ],
)
def test_an_answer_off_the_model_is_a_fault_of_the_test(server: AwsServer, answer: Any, said: str) -> None:
    server.on("ce", "GetCostAndUsage", lambda request: answer)
    with pytest.raises(ClientError) as refused:
        client(server).get_cost_and_usage(**ASK)
    assert code(refused) == OFF_MODEL
    (fault,) = server.faults
    assert said in fault
    with pytest.raises(AssertionError, match="GetCostAndUsage"):
        server.close()
    server.faults.clear()


def test_handlers_that_fail_or_lack_are_faults_too(server: AwsServer) -> None:
    server.on("ce", "GetTags", lambda request: {"Tags": request["nothing"]})
    with pytest.raises(ClientError, match=OFF_MODEL):
        client(server).get_tags(TimePeriod=PERIOD)
    with pytest.raises(ClientError, match=OFF_MODEL):
        client(server).get_cost_and_usage(**ASK)
    assert len(server.faults) == 2
    server.faults.clear()


def test_handlers_raise_errors_of_aws(server: AwsServer) -> None:
    def denied(request: Any) -> dict[str, Any]:
        raise AwsError("AccessDeniedException", f"not for {server.caller.access_key_id}")

    server.on("ce", "GetCostAndUsage", denied)
    with pytest.raises(ClientError, match=f"not for {KEY.access_key_id}") as refused:
        client(server).get_cost_and_usage(**ASK)
    assert code(refused) == "AccessDeniedException"


def test_organizations_answer_with_times(server: AwsServer) -> None:
    joined = datetime(2020, 1, 2, tzinfo=UTC)
    member = {"Id": "111111111111", "Name": "prod", "Status": "ACTIVE", "JoinedTimestamp": joined}
    server.on("organizations", "ListAccounts", lambda request: {"Accounts": [member]})
    (account,) = client(server, "organizations").list_accounts()["Accounts"]
    assert account == member


def test_keys_tell_the_account(server: AwsServer) -> None:
    other = server.add(Key("222222222222", "AKIAOTHER", "other secret"))
    assert client(server, "sts").get_caller_identity()["Account"] == ACCOUNT
    assert client(server, "sts", other).get_caller_identity()["Account"] == "222222222222"


def test_roles_give_keys_of_their_account(server: AwsServer) -> None:
    role = "arn:aws:iam::333333333333:role/outlay"
    server.external_ids[role] = "known"
    server.on("ce", "GetCostAndUsage", lambda request: ANSWER)
    sts = client(server, "sts")
    with pytest.raises(ClientError) as refused:
        sts.assume_role(RoleArn=role, RoleSessionName="outlay")
    assert code(refused) == "AccessDenied"
    keys = sts.assume_role(RoleArn=role, RoleSessionName="outlay", ExternalId="known")["Credentials"]
    assert keys["Expiration"] > datetime.now(UTC)
    given = Key("333333333333", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    client(server, "ce", given).get_cost_and_usage(**ASK)
    assert server.calls[-1].account == "333333333333"


def test_a_web_identity_needs_no_key(server: AwsServer) -> None:
    from botocore import UNSIGNED

    role = "arn:aws:iam::444444444444:role/outlay"
    sts = boto3.client(
        "sts", endpoint_url=server.url, region_name="us-east-1", config=Config(signature_version=UNSIGNED)
    )
    answer = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="outlay", WebIdentityToken="t" * 20)
    assert answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::444444444444:assumed-role/outlay/outlay"


@pytest.mark.parametrize(
    ("key", "of_ce", "of_sts"),
    [
        (Key(ACCOUNT, "AKIANOBODY"), "UnrecognizedClientException", "InvalidClientTokenId"),
        (Key(ACCOUNT, KEY.access_key_id, "wrong"), "InvalidSignatureException", "SignatureDoesNotMatch"),
    ],
)
def test_wrong_keys_are_refused(server: AwsServer, key: Key, of_ce: str, of_sts: str) -> None:
    with pytest.raises(ClientError) as refused:
        client(server, "ce", key).get_cost_and_usage(**ASK)
    assert code(refused) == of_ce
    with pytest.raises(ClientError) as refused:
        client(server, "sts", key).get_caller_identity()
    assert code(refused) == of_sts
    assert not server.calls


def test_lists_in_forms_are_read_and_validated(server: AwsServer) -> None:
    sts = client(server, "sts")
    role = "arn:aws:iam::333333333333:role/outlay"
    sts.assume_role(
        RoleArn=role, RoleSessionName="outlay", Tags=[{"Key": "team", "Value": "core"}], DurationSeconds=900
    )
    assert server.calls[-1].request["Tags"] == [{"Key": "team", "Value": "core"}]
    with pytest.raises(ClientError, match="ValidationException"):
        sts.assume_role(RoleArn=role, RoleSessionName="outlay", DurationSeconds=1)
