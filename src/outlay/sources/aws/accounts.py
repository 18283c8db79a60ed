"""Accounts: those of the settings, and those of the organisation that an account pays for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from outlay.core.errors import SourceError
from outlay.sources._aws import DENIED, Access, Credentials, code_of
from outlay.sources.aws.pages import FREE, Desk, Operation, Refusal

ACCOUNTS = Operation("ListAccounts", ("Accounts",), FREE, "NextToken")
ACCOUNT_PAGES_MAX = 5000  # of some accounts each; they cost nothing, but they have to end
NOT_TOLD = DENIED | {"AWSOrganizationsNotInUseException"}


class Account(Credentials):
    """One of several accounts: who asks it, what it is called, and labels that appear as tags of its charges."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9._-]+$")]
    region: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Organisation:
    """What AWS Organizations tells an account.

    `payer`  the account that pays; None where Organizations does not tell, as it tells none but payers and delegates
    `names`  of all accounts, the payer's too, by their id
    """

    payer: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def members(self, account: str) -> frozenset[str]:
        """The accounts whose costs `account` sees, itself not among them: none unless it is the payer."""
        return frozenset(self.names) - {account} if account == self.payer else frozenset()

    def said(self, account: str) -> str:
        """In words, for people."""
        if self.payer is None:
            return "Organizations tells it no accounts (if it pays for others, allow organizations:ListAccounts)"
        if account != self.payer:
            return f"account {self.payer} pays for it"
        return f"it pays for {len(self.members(account))} accounts more (LINKED_ACCOUNT in group_by tells them apart)"


def own_account(access: Access) -> str | None:
    """The account that the credentials belong to; None where asking is denied."""
    with access.plain_errors():
        sts = access.client("sts")
        try:
            return str(sts.get_caller_identity()["Account"])
        except sts.exceptions.ClientError as error:
            if code_of(error) in DENIED:
                return None
            raise


def organisation(desk: Desk) -> Organisation:
    """The organisation, if this account may see it. Its accounts' ARNs name the payer."""
    payer, names = None, {}
    try:
        for answer in desk.pages(ACCOUNTS, {}, known=NOT_TOLD):
            for one in answer["Accounts"]:
                names[str(one["Id"])] = str(one.get("Name") or one["Id"])
                payer = str(one["Arn"]).split(":")[4]
    except Refusal:
        return Organisation()
    return Organisation(payer, names)


def several(block: Any) -> list[Any]:
    """One source for each account of a block: all of the block's settings, but the account's own where it has them."""
    return [type(block)(**_settings(block, account)) for account in block.accounts]


def _settings(block: Any, account: Account) -> dict[str, Any]:
    shared = {name: getattr(block, name) for name in type(block).model_fields}
    who = {name: getattr(account, name) for name in Credentials.model_fields}
    if not account.start_anew:  # by the credentials of the block, and from its last role on
        who = {name: shared[name] for name in Credentials.model_fields}
        who |= {"role_chain": (*block.roles, *account.roles), "role_arn": None, "external_id": None}
    return {
        **shared,
        **who,
        "name": f"{block.name}.{account.name}",
        "accounts": (),
        "account_name": account.name,
        "region": account.region or block.region,
        "labels": {**block.labels, **account.labels},
    }


def has_cost_explorer(access: Access) -> None:
    """Raises SourceError for a partition that has no Cost Explorer."""
    if access.endpoint_url is None and not access.regions_of("ce"):
        raise SourceError(
            f"{access.name}: there is no Cost Explorer in {access.partition} (region {access.region}). The costs of"
            " AWS GovCloud are those of the account that it is linked with: collect that one, or exports of its bill"
        )
