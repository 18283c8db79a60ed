"""What the accounts use: meters at prices invented near the real ones, and which account has which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from outlay.sources.demo.company import table

# Percent of the usual quantity on each weekday, Monday first.
RHYTHMS: Mapping[str, tuple[int, ...]] = {
    "steady": (100, 100, 100, 100, 100, 100, 100),
    "office": (104, 106, 107, 106, 102, 58, 52),
    "shop": (94, 93, 95, 99, 110, 118, 112),
    "batch": (122, 100, 99, 101, 104, 78, 90),
}


@dataclass(frozen=True, slots=True)
class Meter:
    """One thing a provider charges for.

    `price` is the list price in millionths per `unit`, `daily` the usual cost of one resource and day in
    whole units of the currency, `slope` the growth in millionths of the first day's quantity per day.
    Of the traits, `late` bills what is used on the last day of a month in the next one, `sustained` gives
    part of the cost back as a credit, and `dormant` is used only while an incident lasts.
    """

    provider: str
    key: str
    service: str
    category: str
    subcategory: str
    resource_type: str
    resource: str
    item: str
    unit: str
    price: int
    daily: int
    rhythm: str
    slope: int
    trait: str


@cache
def meter(provider: str, key: str) -> Meter:
    """The meter of that provider and key. Raises KeyError."""
    return _meters()[provider, key]


@cache
def _meters() -> Mapping[tuple[str, str], Meter]:
    found = [
        Meter(price=int(row.pop("price")), daily=int(row.pop("daily")), slope=int(row.pop("slope")), **row)
        for row in table("meters.csv")
    ]
    return {(each.provider, each.key): each for each in found}


# What an account of each role has: a meter named twice is two resources.
ROLES: Mapping[str, Mapping[str, str]] = {
    "aws": {
        "web": "fleet fleet vm ebs ebs rds rds s3 s3-requests nat alb cdn cloudwatch kms",
        "serverless": "lambda lambda lambda dynamodb dynamodb s3 s3-requests cdn cloudwatch kms nat",
        "dev": "vm vm vm ebs rds s3 nat cloudwatch lambda",
        "data": "s3 s3 s3 s3-requests glue glue redshift vm ebs ebs cloudwatch kms",
        "ml": "gpu gpu bedrock s3 s3-requests vm ebs nat cloudwatch",
        "lab": "gpu gpu bedrock s3 s3-requests vm ebs nat cloudwatch training training",
        "network": "transit transit nat nat alb cdn cloudwatch support",
        "audit": "guardduty guardduty s3 s3-requests kms kms cloudwatch lambda",
    },
    "azure": {
        "business": "vm vm sql sql disk disk blob backup monitor bandwidth",
        "ai": "openai openai search appservice blob sql monitor",
        "web": "appservice appservice sql blob bandwidth monitor disk vm",
        "analytics": "fabric fabric sql blob blob monitor backup",
        "hub": "firewall entra bandwidth bandwidth monitor backup vm",
    },
    "gcp": {
        "cluster": "gke gke gce gce cloudsql gcs pubsub logging egress",
        "warehouse": "bigquery bigquery gcs gcs pubsub pubsub gce logging",
        "ai": "vertex vertex gce gcs gcs logging egress",
    },
    "heroku": {"apps": "web web worker worker postgres redis addon"},
    "oci": {
        "database": "autonomous autonomous compute block object fastconnect",
        "compute": "compute compute compute block block object object fastconnect",
    },
}
