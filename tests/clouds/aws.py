"""AWS: Cost Explorer over a bill of its own, Organizations and STS, behind botocore's own service models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from tests.clouds.aws_costs import CostExplorer, Line
from tests.clouds.botocore_server import ACCOUNT, AwsError, AwsServer, Call, Key
from tests.clouds.cloud import Charge

KEY = Key(ACCOUNT, "AKIAOUTLAYBILLS", "hush/bills+of+ours", arn=f"arn:aws:iam::{ACCOUNT}:user/bills")
RECORD_TYPES = {"Usage": "Usage", "Credit": "Credit", "Adjustment": "Refund", "Tax": "Tax", "Purchase": "RIFee"}
ORGANIZATION = "o-outlaytest"
ACCOUNTS_PER_PAGE = 2  # AWS gives 20; fewer have the pages of a small organisation followed


class AwsCloud:
    """See clouds.cloud.Cloud. One account, ACCOUNT; the payer of an organisation once it is given one."""

    plugin = "aws"

    def __init__(self) -> None:
        self.costs = CostExplorer(names={ACCOUNT: "main"})
        self.members: dict[str, str] = {}  # names of the accounts that ACCOUNT pays for, itself among them
        self.server = AwsServer()
        self.server.add(KEY)
        self.server.on("ce", "GetCostAndUsage", self._get_cost_and_usage)
        self.server.on("organizations", "ListAccounts", self._list_accounts)

    @property
    def url(self) -> str:
        return self.server.url

    def give(self, charges: Sequence[Charge]) -> None:
        self.costs.lines = [line(charge) for charge in charges]

    def organise(self, names: Mapping[str, str]) -> None:
        """Have ACCOUNT pay for these accounts; their names."""
        self.members = {ACCOUNT: "main", **names}
        self.costs.names |= names

    def settings(self, url: str | None = None) -> Mapping[str, Any]:
        keys = {"access_key_id": KEY.access_key_id, "secret_access_key": KEY.secret_access_key}
        return {"endpoint_url": url or self.url, **keys}

    def close(self) -> None:
        self.server.close()

    def calls(self, operation: str = "GetCostAndUsage") -> list[Call]:
        """The requests for an operation so far."""
        return [call for call in self.server.calls if call.operation == operation]

    def _seen(self) -> Iterable[str]:
        """The accounts whose costs the caller sees."""
        account = self.server.caller.account
        return self.members if self.members and account == ACCOUNT else [account]

    def _get_cost_and_usage(self, request: dict[str, Any]) -> Mapping[str, Any]:
        return self.costs.get_cost_and_usage(request, self._seen())

    def _list_accounts(self, request: dict[str, Any]) -> Mapping[str, Any]:
        if not self.members:
            said = "Your account is not a member of an organization."
            raise AwsError("AWSOrganizationsNotInUseException", said)
        if self.server.caller.account != ACCOUNT:
            raise AwsError("AccessDeniedException", "You don't have permissions to access this resource.")
        names, start = list(self.members.items()), int(request.get("NextToken", "0"))
        end = start + ACCOUNTS_PER_PAGE
        more = {"NextToken": str(end)} if end < len(names) else {}
        return {"Accounts": [_account(*each) for each in names[start:end]]} | more


def start() -> AwsCloud:
    """A running AWS on a free port of 127.0.0.1."""
    return AwsCloud()


def line(
    charge: Charge,
    account: str = ACCOUNT,
    *,
    record_type: str | None = None,
    amortized: Decimal | None = None,
    usage_type: str = "Hours",
    tags: Mapping[str, str] | None = None,
) -> Line:
    """A charge as Cost Explorer has it. A region of '' is none."""
    dimensions = {
        "SERVICE": charge.service,
        "RECORD_TYPE": record_type or RECORD_TYPES[charge.category],
        "USAGE_TYPE": usage_type,
    }
    if charge.region:
        dimensions["REGION"] = charge.region
    effective = charge.amount if amortized is None else amortized
    return Line(account, charge.day, dimensions, charge.amount, effective, tags=tags or {})


def on_day(every: Sequence[Charge], day: date) -> list[Charge]:
    """The same charges on another day."""
    return [replace(charge, day=day) for charge in every]


def _account(account: str, name: str) -> dict[str, Any]:
    return {
        "Id": account,
        "Arn": f"arn:aws:organizations::{ACCOUNT}:account/{ORGANIZATION}/{account}",
        "Email": f"{name}@example.com",
        "Name": name,
        "Status": "ACTIVE",
        "JoinedMethod": "CREATED",
    }
