"""CHARGES: the one table of Outlay, FOCUS 1.2 cost and usage with six columns of our own.

Source of the columns: FinOps Open Cost and Usage Specification (FOCUS) 1.2, CC BY 4.0,
https://focus.finops.org.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from outlay.core.money import PRECISION, SCALE

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["string", "decimal", "timestamp", "date", "boolean", "tags"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in the specification (None for ours), its name here, its kind, its values."""

    spec: str | None
    name: str
    kind: Kind = "string"
    nullable: bool = True
    allowed: tuple[str, ...] = ()


CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")

FOCUS: tuple[Column, ...] = (
    Column("AvailabilityZone", "availability_zone"),
    Column("BilledCost", "billed_cost", "decimal", nullable=False),
    Column("BillingAccountId", "billing_account_id"),
    Column("BillingAccountName", "billing_account_name"),
    Column("BillingAccountType", "billing_account_type"),
    Column("BillingCurrency", "billing_currency", nullable=False),
    Column("BillingPeriodEnd", "billing_period_end", "timestamp", nullable=False),
    Column("BillingPeriodStart", "billing_period_start", "timestamp", nullable=False),
    Column("CapacityReservationId", "capacity_reservation_id"),
    Column("CapacityReservationStatus", "capacity_reservation_status", allowed=("Used", "Unused")),
    Column("ChargeCategory", "charge_category", nullable=False, allowed=CATEGORIES),
    Column("ChargeClass", "charge_class", allowed=("Correction",)),
    Column("ChargeDescription", "charge_description"),
    Column("ChargeFrequency", "charge_frequency", allowed=("One-Time", "Recurring", "Usage-Based")),
    Column("ChargePeriodEnd", "charge_period_end", "timestamp", nullable=False),
    Column("ChargePeriodStart", "charge_period_start", "timestamp", nullable=False),
    Column("CommitmentDiscountCategory", "commitment_discount_category", allowed=("Spend", "Usage")),
    Column("CommitmentDiscountId", "commitment_discount_id"),
    Column("CommitmentDiscountName", "commitment_discount_name"),
    Column("CommitmentDiscountQuantity", "commitment_discount_quantity", "decimal"),
    Column("CommitmentDiscountStatus", "commitment_discount_status", allowed=("Used", "Unused")),
    Column("CommitmentDiscountType", "commitment_discount_type"),
    Column("CommitmentDiscountUnit", "commitment_discount_unit"),
    Column("ConsumedQuantity", "consumed_quantity", "decimal"),
    Column("ConsumedUnit", "consumed_unit"),
    Column("ContractedCost", "contracted_cost", "decimal"),
    Column("ContractedUnitPrice", "contracted_unit_price", "decimal"),
    Column("EffectiveCost", "effective_cost", "decimal", nullable=False),
    Column("InvoiceId", "invoice_id"),
    Column("InvoiceIssuerName", "invoice_issuer_name"),
    Column("ListCost", "list_cost", "decimal"),
    Column("ListUnitPrice", "list_unit_price", "decimal"),
    Column("PricingCategory", "pricing_category", allowed=("Standard", "Dynamic", "Committed", "Other")),
    Column("PricingCurrency", "pricing_currency"),
    Column("PricingCurrencyContractedUnitPrice", "pricing_currency_contracted_unit_price", "decimal"),
    Column("PricingCurrencyEffectiveCost", "pricing_currency_effective_cost", "decimal"),
    Column("PricingCurrencyListUnitPrice", "pricing_currency_list_unit_price", "decimal"),
    Column("PricingQuantity", "pricing_quantity", "decimal"),
    Column("PricingUnit", "pricing_unit"),
    Column("ProviderName", "provider_name", nullable=False),
    Column("PublisherName", "publisher_name"),
    Column("RegionId", "region_id"),
    Column("RegionName", "region_name"),
    Column("ResourceId", "resource_id"),
    Column("ResourceName", "resource_name"),
    Column("ResourceType", "resource_type"),
    Column("ServiceCategory", "service_category"),
    Column("ServiceName", "service_name"),
    Column("ServiceSubcategory", "service_subcategory"),
    Column("SkuId", "sku_id"),
    Column("SkuMeter", "sku_meter"),
    Column("SkuPriceDetails", "sku_price_details"),
    Column("SkuPriceId", "sku_price_id"),
    Column("SubAccountId", "sub_account_id"),
    Column("SubAccountName", "sub_account_name"),
    Column("SubAccountType", "sub_account_type"),
    Column("Tags", "tags", "tags"),
)

OURS: tuple[Column, ...] = (
    Column(None, "source", nullable=False),  # which source of the settings brought the row
    Column(None, "provider", nullable=False),  # short name of the provider: aws, azure, gcp, oci, heroku, ...
    Column(None, "charge_date", "date", nullable=False),  # the UTC day on which the charge starts
    Column(None, "cut", nullable=False),  # which cut of the money: dimensions joined by commas, '' has them all
    Column(None, "provisional", "boolean", nullable=False),  # the provider still calls this day an estimate
)

CHARGES: tuple[Column, ...] = FOCUS + OURS
NAMES: tuple[str, ...] = tuple(column.name for column in CHARGES)
BY_NAME: Mapping[str, Column] = {column.name: column for column in CHARGES}
BY_SPEC: Mapping[str, Column] = {column.spec: column for column in FOCUS if column.spec}

# What bills call the five providers of this house, in lower case, and the short name that stands for each.
PROVIDERS: Mapping[str, str] = {
    "aws": "aws",
    "amazon": "aws",
    "amazon web services": "aws",
    "amazon web services, inc.": "aws",
    "azure": "azure",
    "microsoft": "azure",
    "microsoft azure": "azure",
    "microsoft corporation": "azure",
    "gcp": "gcp",
    "google": "gcp",
    "google cloud": "gcp",
    "google cloud platform": "gcp",
    "oci": "oci",
    "oracle": "oci",
    "oracle cloud": "oci",
    "oracle cloud infrastructure": "oci",
    "heroku": "heroku",
}


def provider_of(provider_name: str) -> str:
    """The short name of a provider: `aws azure gcp oci heroku`, else its own name in lower case."""
    name = provider_name.strip().lower()
    return PROVIDERS.get(name, name)


@cache
def arrow_type(kind: Kind) -> pa.DataType:
    """The Arrow type of a kind: money and quantities decimal128(38,18), times in microseconds UTC."""
    import pyarrow as pa

    return {
        "string": pa.string(),
        "decimal": pa.decimal128(PRECISION, SCALE),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "date": pa.date32(),
        "boolean": pa.bool_(),
        "tags": pa.map_(pa.string(), pa.string()),
    }[kind]


@cache
def schema() -> pa.Schema:
    """The Arrow schema of CHARGES, in its order."""
    import pyarrow as pa

    return pa.schema([pa.field(c.name, arrow_type(c.kind), c.nullable) for c in CHARGES])


def batch(rows: Iterable[Mapping[str, Any]]) -> pa.RecordBatch:
    """Rows as one RecordBatch of CHARGES, for sources that build their rows in Python.

    A row holds what its source knows: `source`, `billed_cost`, `billing_currency`, `charge_category`,
    `provider_name` and the four period bounds (UTC datetimes) at least. Left out, `effective_cost` is the
    billed one, `cut` is '' and `provisional` False; `charge_date` and `provider` are derived. Unknown keys
    raise KeyError.
    """
    import pyarrow as pa

    complete = [_complete(row) for row in rows]
    return pa.RecordBatch.from_pylist(complete, schema=schema())


def _complete(row: Mapping[str, Any]) -> dict[str, Any]:
    unknown = row.keys() - BY_NAME.keys()
    if unknown:
        raise KeyError(f"no FOCUS column of ours: {', '.join(sorted(unknown))}")
    start: datetime = row["charge_period_start"]
    derived = {
        "cut": "",
        "provisional": False,
        "effective_cost": row["billed_cost"],
        "charge_date": start.date(),
        "provider": provider_of(row["provider_name"]),
    }
    return {**dict.fromkeys(NAMES), **derived, **row}
