"""The invented company whose clouds the demo bills: five clouds, 40 sub accounts, two currencies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    accounts: tuple[Account, ...]
    discount: int = 0
    tax: int = 0
    estimates: bool = False


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
    accounts=(
        Account("210000000101", "checkout-prod", "web", "checkout", "prod", "checkout", 170),
        Account("210000000102", "checkout-staging", "web", "checkout", "staging", "checkout", 35),
        Account("210000000103", "search-prod", "web", "search", "prod", "search", 140),
        Account("210000000104", "search-dev", "dev", "search", "dev", "search", 40),
        Account("210000000105", "mobile-prod", "serverless", "mobile", "prod", "mobile-api", 110),
        Account("210000000106", "mobile-dev", "dev", "mobile", "dev", "mobile-api", 35),
        Account("210000000107", "data-lake-prod", "data", "data", "prod", "lakehouse", 180),
        Account("210000000108", "data-lake-dev", "data", "data", "dev", "lakehouse", 30),
        Account("210000000109", "ml-research", "lab", "ml", "dev", "research", 90),
        Account("210000000110", "ml-serving", "ml", "ml", "prod", "ranking", 120),
        Account("210000000111", "shared-network", "network", "platform", "prod", "backbone", 110),
        Account("210000000112", "platform-tools", "dev", "platform", "prod", "ci", 130),
        Account("210000000113", "security-audit", "audit", "security", "prod", "audit", 90),
        Account("210000000114", "sandbox", "dev", "platform", "dev", "sandbox", 25),
    ),
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
    accounts=(
        Account("5e1f0000-0000-4000-8000-000000000201", "erp-prod", "business", "finance", "prod", "erp", 150),
        Account("5e1f0000-0000-4000-8000-000000000202", "erp-test", "business", "finance", "staging", "erp", 35),
        Account("5e1f0000-0000-4000-8000-000000000203", "assistant-prod", "ai", "ml", "prod", "assistant", 130),
        Account("5e1f0000-0000-4000-8000-000000000204", "assistant-dev", "ai", "ml", "dev", "assistant", 30),
        Account("5e1f0000-0000-4000-8000-000000000205", "portal-prod", "web", "search", "prod", "portal", 110),
        Account("5e1f0000-0000-4000-8000-000000000206", "portal-dev", "web", "search", "dev", "portal", 25),
        Account("5e1f0000-0000-4000-8000-000000000207", "bi-prod", "analytics", "data", "prod", "reports", 120),
        Account("5e1f0000-0000-4000-8000-000000000208", "identity-prod", "hub", "security", "prod", "identity", 80),
        Account("5e1f0000-0000-4000-8000-000000000209", "hub-network", "hub", "platform", "prod", "hub", 100),
    ),
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
    accounts=(
        Account("quillmere-tracking-prod", "Tracking", "cluster", "mobile", "prod", "tracking", 130),
        Account("quillmere-tracking-stg", "Tracking staging", "cluster", "mobile", "staging", "tracking", 30),
        Account("quillmere-routing-prod", "Routing", "cluster", "search", "prod", "routing", 120),
        Account("quillmere-routing-dev", "Routing dev", "cluster", "search", "dev", "routing", 25),
        Account("quillmere-warehouse", "Warehouse", "warehouse", "data", "prod", "warehouse", 160),
        Account("quillmere-events", "Events", "warehouse", "data", "prod", "events", 90),
        Account("quillmere-vision", "Vision", "ai", "ml", "prod", "vision", 100),
        Account("quillmere-vision-lab", "Vision lab", "ai", "ml", "dev", "vision", 35),
    ),
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
    accounts=(
        Account("quillmere-storefront", "Storefront", "apps", "checkout", "prod", "storefront", 130),
        Account("quillmere-partners", "Partners", "apps", "mobile", "prod", "partner-api", 90),
        Account("quillmere-labs", "Labs", "apps", "search", "staging", "labs", 40),
        Account("quillmere-backoffice", "Back office", "apps", "finance", "prod", "backoffice", 70),
    ),
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
    accounts=(
        Account("ocid1.compartment.oc1..aaaaledger", "ledger-prod", "database", "finance", "prod", "ledger", 130),
        Account("ocid1.compartment.oc1..aaaaledgertest", "ledger-test", "database", "finance", "staging", "ledger", 35),
        Account("ocid1.compartment.oc1..aaaacustoms", "customs-prod", "compute", "checkout", "prod", "customs", 100),
        Account("ocid1.compartment.oc1..aaaaarchive", "archive", "compute", "data", "prod", "archive", 80),
        Account("ocid1.compartment.oc1..aaaadr", "disaster-recovery", "database", "platform", "dr", "ledger", 60),
    ),
)

CLOUDS = (AWS, AZURE, GCP, HEROKU, OCI)
