"""Who is asked: keys, roles, chains, organisations and partitions, by the official client."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from outlay.core.errors import AuthError, SourceError
from outlay.core.ledger import Tally
from outlay.core.ports import Booked, Coverage, Covering, Priced, PricedReadings, Readings, Several
from outlay.sources.aws import Aws
from tests.clouds.aws import AwsCloud, line
from tests.clouds.botocore_server import AwsError
from tests.servers import Response
from tests.sources.aws.support import ACCOUNT, DAYS, JSON, S3, charge, odd, page, rows, source

DEV, PROD = "222222222222", "333333333333"
ROLE = "arn:aws:iam::{}:role/outlay"


@pytest.fixture
def three(cloud: AwsCloud) -> AwsCloud:
    """An AWS that bills ACCOUNT 1, DEV 2 and PROD 3 USD."""
    cloud.costs.lines = [
        line(charge(DAYS.start, S3, "eu-west-1", str(i)), account) for i, account in enumerate((ACCOUNT, DEV, PROD), 1)
    ]
    return cloud


def billed(asked: Aws) -> dict[str | None, Decimal]:
    return {row["sub_account_id"]: row["billed_cost"] for row in rows(asked)}


def test_the_source_is_all_that_the_frame_asks_for(cloud: AwsCloud) -> None:
    asked = source(cloud)
    assert all(isinstance(asked, each) for each in (Booked, Priced, Several, Covering, Readings, PricedReadings))


# Credentials


def test_a_role_is_another_account(three: AwsCloud) -> None:
    three.server.external_ids[ROLE.format(DEV)] = "shared-word"
    asked = source(three, role_arn=ROLE.format(DEV), external_id="shared-word")
    assert billed(asked) == {DEV: 2}
    assert asked.covers() == Coverage(DEV)
    (assumed,) = three.calls("AssumeRole")
    assert assumed.request == {"RoleArn": ROLE.format(DEV), "RoleSessionName": "outlay", "ExternalId": "shared-word"}


def test_a_wrong_external_id_is_told_with_what_is_needed(three: AwsCloud) -> None:
    three.server.external_ids[ROLE.format(DEV)] = "shared-word"
    with pytest.raises(AuthError, match=r"^aws: AssumeRole is denied; it takes sts:AssumeRole .*external_id"):
        source(three, role_arn=ROLE.format(DEV), external_id="guess").test()


def test_roles_are_assumed_one_after_the_other(three: AwsCloud) -> None:
    three.server.external_ids[ROLE.format(PROD)] = "last"
    chain = [ROLE.format(DEV), {"role_arn": ROLE.format(PROD), "external_id": "last"}]
    assert billed(source(three, role_chain=chain)) == {PROD: 3}
    assert [call.account for call in three.calls("AssumeRole")] == [ACCOUNT, DEV]


def test_a_web_identity_assumes_the_role_without_keys(three: AwsCloud, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a.web.token\n", "utf-8")
    settings = {"endpoint_url": three.url, "role_arn": ROLE.format(DEV), "web_identity_token_file": str(token)}
    assert billed(Aws.model_validate(settings)) == {DEV: 2}
    (assumed,) = three.calls("AssumeRoleWithWebIdentity")
    assert assumed.request["WebIdentityToken"] == "a.web.token"
    token.unlink()
    with pytest.raises(AuthError, match=r"web_identity_token_file .*token: No such file"):
        Aws.model_validate(settings).test()


def test_a_profile_is_who_asks(three: AwsCloud, tmp_path: Path) -> None:
    keys = three.settings()
    text = f"[bills]\naws_access_key_id={keys['access_key_id']}\naws_secret_access_key={keys['secret_access_key']}\n"
    (tmp_path / "credentials").write_text(text, "utf-8")
    assert billed(Aws(endpoint_url=three.url, profile="bills")) == {ACCOUNT: 1}


def test_keys_of_a_role_are_kept_for_a_collection(three: AwsCloud) -> None:
    asked = source(three, role_arn=ROLE.format(DEV)).with_ledger(Tally())
    assert rows(asked) == rows(asked)
    assert len(three.calls("AssumeRole")) == 1


@pytest.mark.parametrize("profile", [None, "nobody"])
def test_no_credentials_is_an_error_with_the_choices(profile: str | None) -> None:
    asked = Aws(endpoint_url="http://127.0.0.1:1", attempts=1, profile=profile)
    with pytest.raises(AuthError, match=r"no usable credentials .*AWS_ACCESS_KEY_ID.* AWS_PROFILE.* access_key_id"):
        asked.test()


def test_wrong_keys_are_told(cloud: AwsCloud) -> None:
    with pytest.raises(AuthError, match=r"^aws: AWS does not accept the credentials \(SignatureDoesNotMatch\)"):
        source(cloud, secret_access_key="wrong").test()
    with pytest.raises(AuthError, match=r"^aws: AWS does not accept the credentials \(InvalidClientTokenId\)"):
        source(cloud, access_key_id="AKIANOBODY").test()


def test_an_account_nobody_may_ask_for_is_unknown(cloud: AwsCloud) -> None:
    def denied(request: dict[str, Any]) -> dict[str, Any]:
        raise AwsError("AccessDenied", "no", 403)

    cloud.server.on("sts", "GetCallerIdentity", denied)
    cloud.give([charge(DAYS.start, S3, "eu-west-1", "1")])
    (row,) = rows(source(cloud))
    assert (row["billing_account_id"], row["sub_account_id"]) == (None, None)
    assert "account unknown (sts:GetCallerIdentity is denied)" in source(cloud).test()
    assert source(cloud).covers() is None


# Several accounts


def test_each_account_is_a_source_of_its_own(three: AwsCloud) -> None:
    three.server.external_ids[ROLE.format(PROD)] = "word"
    block = source(
        three,
        labels={"team": "core", "cost": "shared"},
        accounts=[
            {"name": "main"},
            {"name": "dev", "role_arn": ROLE.format(DEV), "labels": {"team": "dev"}},
            {"name": "prod", "role_chain": [ROLE.format(DEV)], "role_arn": ROLE.format(PROD), "external_id": "word"},
        ],
    )
    main, dev, prod = block.each()
    assert [each.name for each in (main, dev, prod)] == ["aws.main", "aws.dev", "aws.prod"]
    assert [billed(each) for each in (main, dev, prod)] == [{ACCOUNT: 1}, {DEV: 2}, {PROD: 3}]
    assert [list(each.each()) for each in (main, dev)] == [[main], [dev]]
    (row,) = rows(dev)
    assert (row["source"], row["sub_account_name"], dict(row["tags"])) == (
        "aws.dev",
        "dev",
        {"team": "dev", "cost": "shared"},
    )


def test_accounts_start_from_the_role_of_the_block_unless_they_have_keys(cloud: AwsCloud) -> None:
    block = source(
        cloud,
        role_arn=ROLE.format(DEV),
        external_id="hub",
        accounts=[
            {"name": "prod", "role_arn": ROLE.format(PROD), "external_id": "word", "region": "cn-north-1"},
            {"name": "old", "access_key_id": "AKIAOLD", "secret_access_key": "old"},
            {"name": "desk", "profile": "desk", "role_arn": ROLE.format(PROD)},
        ],
    )
    prod, old, desk = block.each()
    assert [(role.role_arn, role.external_id) for role in prod.roles] == [
        (ROLE.format(DEV), "hub"),
        (ROLE.format(PROD), "word"),
    ]
    assert (prod.region, old.region) == ("cn-north-1", "us-east-1")
    assert (old.roles, old.profile) == ((), None)
    assert (desk.profile, desk.access_key_id, len(desk.roles)) == ("desk", None, 1)


def test_one_account_that_fails_leaves_the_others_alone(three: AwsCloud) -> None:
    three.server.external_ids[ROLE.format(DEV)] = "word"
    accounts = [{"name": "dev", "role_arn": ROLE.format(DEV)}, {"name": "prod", "role_arn": ROLE.format(PROD)}]
    dev, prod = source(three, accounts=accounts).each()
    with pytest.raises(AuthError, match=r"^aws\.dev: AssumeRole is denied"):
        rows(dev)
    assert billed(prod) == {PROD: 3}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"accounts": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}, "two accounts are named a"),
        ({"accounts": [{"name": "A b"}]}, "accounts.0.name"),
        ({"external_id": "word"}, "external_id belongs to role_arn"),
        ({"accounts": [{"name": "a", "external_id": "word"}]}, "external_id belongs to role_arn"),
        ({"web_identity_token_file": "/token"}, "name it in role_arn"),
        ({"accounts": [{"name": "a", "access_key_id": "x"}]}, "both or neither"),
    ],
)
def test_accounts_that_cannot_be_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Aws.model_validate(settings)


# Organisations


def test_a_payer_tells_its_members_by_name(three: AwsCloud) -> None:
    three.organise({DEV: "dev", PROD: "prod"})
    asked = source(three, group_by=("SERVICE", "LINKED_ACCOUNT"))
    assert asked.covers() == Coverage(ACCOUNT, frozenset({DEV, PROD}))
    assert {(row["sub_account_id"], row["sub_account_name"]) for row in rows(asked)} == {
        (ACCOUNT, "main"),
        (DEV, "dev"),
        (PROD, "prod"),
    }
    assert "it pays for 2 accounts more" in asked.test()


def test_a_payer_does_not_take_its_members_costs_for_its_own(three: AwsCloud) -> None:
    three.organise({DEV: "dev", PROD: "prod"})
    assert billed(source(three)) == {None: 6}


def test_names_come_with_the_answer_where_organizations_is_silent(three: AwsCloud) -> None:
    def denied(request: dict[str, Any]) -> dict[str, Any]:
        raise AwsError("AccessDeniedException", "not authorized to perform: organizations:ListAccounts")

    three.organise({DEV: "dev"})
    three.server.on("organizations", "ListAccounts", denied)
    asked = source(three, group_by=("SERVICE", "REGION", "LINKED_ACCOUNT"))
    found = {(row["cut"], row["sub_account_id"], row["sub_account_name"]) for row in rows(asked)}
    cut = "service,sub_account,sub_account_name"
    assert found == {(cut, ACCOUNT, "main"), (cut, DEV, "dev"), ("service,region", None, None)}
    assert "allow organizations:ListAccounts" in asked.test()
    assert asked.covers() == Coverage(ACCOUNT)


def test_a_member_covers_itself(three: AwsCloud) -> None:
    three.organise({DEV: "dev", PROD: "prod"})
    member = source(three, role_arn=ROLE.format(DEV))
    assert member.covers() == Coverage(DEV)
    assert billed(member) == {DEV: 2}


def test_a_delegate_that_may_see_the_organisation_pays_for_nobody(three: AwsCloud) -> None:
    three.organise({DEV: "dev", PROD: "prod"})
    listed = three._list_accounts

    def for_all(request: dict[str, Any]) -> Any:
        object.__setattr__(three.server.caller, "account", ACCOUNT)
        return listed(request)

    three.server.on("organizations", "ListAccounts", for_all)
    member = source(three, role_arn=ROLE.format(DEV))
    assert member.covers() == Coverage(DEV)
    assert f"account {ACCOUNT} pays for it" in member.test()


def test_accounts_are_asked_for_anew_by_each_collection(three: AwsCloud) -> None:
    asked = source(three)
    assert asked.covers() == Coverage(ACCOUNT)
    three.organise({DEV: "dev"})
    assert asked.with_ledger(Tally()).covers() == Coverage(ACCOUNT, frozenset({DEV}))


def test_an_organisation_without_end_ends() -> None:
    circle = Response(b'{"Accounts": [], "NextToken": "again"}', headers=JSON)
    with odd(page(), organizations=circle) as (asked, _), pytest.raises(SourceError, match="go round in a circle"):
        asked.covers()


# Partitions


@pytest.mark.parametrize(
    ("region", "endpoint"),
    [
        ("eu-central-1", "https://ce.us-east-1.amazonaws.com"),
        ("cn-north-1", "https://ce.cn-northwest-1.amazonaws.com.cn"),
    ],
)
def test_the_region_tells_the_partition(region: str, endpoint: str) -> None:
    asked = Aws.model_validate({"access_key_id": "AKIA", "secret_access_key": "x", "region": region})
    with asked.plain_errors():
        assert asked.client("ce").meta.endpoint_url == endpoint


def test_govcloud_has_no_cost_explorer() -> None:
    asked = Aws.model_validate({"access_key_id": "AKIA", "secret_access_key": "x", "region": "us-gov-west-1"})
    with pytest.raises(SourceError, match=r"no Cost Explorer in aws-us-gov .*the account that it is linked with"):
        asked.test()
