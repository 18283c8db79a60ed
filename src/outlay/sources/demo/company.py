"""The invented company whose clouds the demo bills: five clouds, 40 sub accounts, two currencies."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

COST_CENTERS: Mapping[str, str] = {
    "checkout": "cc-1100",
    "search": "cc-1200",
    "mobile": "cc-1300",
    "data": "cc-2100",
    "ml": "cc-2200",
    "platform": "cc-3100",
    "security": "cc-3200",
    "finance": "cc-9100",
}


@dataclass(frozen=True, slots=True)
class Account:
    """One sub account. `role` picks its services, `size` their amounts in percent of the usual."""

    provider: str
    id: str
    name: str
    role: str
    team: str
    env: str
    app: str
    size: int


@dataclass(frozen=True, slots=True)
class Cloud:
    """One provider as this company has it.

    `discount` is negotiated, in percent of the list price; `tax` is in tenths of a percent of what is billed;
    `estimates` tells a provider whose newest days are still estimates.
    """

    provider: str
    provider_name: str
    issuer: str
    billing_account_id: str
    billing_account_name: str
    billing_account_type: str
    sub_account_type: str
    currency: str
    resource_prefix: str
    regions: Mapping[str, str]
    tag_keys: tuple[str, ...]
    discount: int = 0
    tax: int = 0
    estimates: bool = False

    @property
    def accounts(self) -> tuple[Account, ...]:
        return tuple(account for account in accounts() if account.provider == self.provider)

    def account(self, name: str) -> Account:
        return next(account for account in self.accounts if account.name == name)


ALL_TAGS = ("team", "env", "cost-center", "app")

AWS = Cloud(
    provider="aws",
    provider_name="AWS",
    issuer="Amazon Web Services, Inc.",
    billing_account_id="210000000100",
    billing_account_name="Quillmere Group",
    billing_account_type="Management Account",
    sub_account_type="Account",
    currency="USD",
    resource_prefix="arn:aws:",
    regions={"us-east-1": "US East (N. Virginia)", "eu-west-1": "Europe (Ireland)"},
    tag_keys=ALL_TAGS,
    discount=6,
    tax=29,
    estimates=True,
)

AZURE = Cloud(
    provider="azure",
    provider_name="Microsoft",
    issuer="Microsoft Ireland Operations Limited",
    billing_account_id="7f3c0001-0000-4000-8000-00000000b111",
    billing_account_name="Quillmere Europe GmbH",
    billing_account_type="Billing Profile",
    sub_account_type="Subscription",
    currency="EUR",
    resource_prefix="/subscriptions/{account}/resourcegroups/rg-{app}-{env}/providers/",
    regions={"westeurope": "West Europe", "germanywestcentral": "Germany West Central"},
    tag_keys=ALL_TAGS,
    discount=8,
    estimates=True,
)

GCP = Cloud(
    provider="gcp",
    provider_name="Google Cloud",
    issuer="Google Cloud EMEA Limited",
    billing_account_id="01A7Q2-C4D5E6-F70819",
    billing_account_name="Quillmere Google billing",
    billing_account_type="Billing Account",
    sub_account_type="Project",
    currency="USD",
    resource_prefix="//",
    regions={"us-central1": "Iowa", "europe-west1": "Belgium"},
    tag_keys=ALL_TAGS,
    discount=5,
    estimates=True,
)

HEROKU = Cloud(
    provider="heroku",
    provider_name="Heroku",
    issuer="Salesforce, Inc.",
    billing_account_id="quillmere",
    billing_account_name="Quillmere Enterprise",
    billing_account_type="Enterprise Account",
    sub_account_type="Team",
    currency="USD",
    resource_prefix="",
    regions={"us": "United States", "eu": "Europe"},
    tag_keys=("env", "app"),  # Heroku has no tags: apps have a name and a pipeline stage
)

OCI = Cloud(
    provider="oci",
    provider_name="Oracle Cloud",
    issuer="Oracle Software (Schweiz) GmbH",
    billing_account_id="ocid1.tenancy.oc1..aaaaquillmere",
    billing_account_name="quillmere",
    billing_account_type="Tenancy",
    sub_account_type="Compartment",
    currency="USD",
    resource_prefix="ocid1.",
    regions={"eu-zurich-1": "Switzerland North (Zurich)", "eu-frankfurt-1": "Germany Central (Frankfurt)"},
    tag_keys=("team", "env", "cost-center"),
    discount=10,
    tax=81,
)

CLOUDS = (AWS, AZURE, GCP, HEROKU, OCI)
BY_PROVIDER: Mapping[str, Cloud] = {cloud.provider: cloud for cloud in CLOUDS}


def table(name: str) -> list[dict[str, str]]:
    """The rows of one of the CSV files beside this one."""
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def accounts() -> tuple[Account, ...]:
    """All sub accounts, as accounts.csv has them."""
    return tuple(Account(size=int(row.pop("size")), **row) for row in table("accounts.csv"))
