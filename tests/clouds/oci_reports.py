"""Lines of OCI's cost reports, of both formats, and reports of them."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from outlay.core.span import month_of, next_month

TENANCY = "ocid1.tenancy.oc1..aaaaaaaatenancyoftests"
REGION = "eu-frankfurt-1"

FOCUS = (
    "AvailabilityZone,BilledCost,BillingAccountId,BillingAccountName,BillingCurrency,BillingPeriodEnd,"
    "BillingPeriodStart,ChargeCategory,ChargeDescription,ChargeFrequency,ChargePeriodEnd,ChargePeriodStart,"
    "ChargeSubcategory,CommitmentDiscountCategory,CommitmentDiscountId,CommitmentDiscountName,CommitmentDiscountType,"
    "EffectiveCost,InvoiceIssuer,ListCost,ListUnitPrice,PricingCategory,PricingQuantity,PricingUnit,Provider,Publisher,"
    "Region,ResourceId,ResourceName,ResourceType,ServiceCategory,ServiceName,SkuId,SkuPriceId,SubAccountId,"
    "SubAccountName,Tags,UsageQuantity,UsageUnit,oci_ReferenceNumber,oci_CompartmentId,oci_CompartmentName,"
    "oci_OverageFlag,oci_UnitPriceOverage,oci_BilledQuantityOverage,oci_CostOverage,oci_AttributedUsage,"
    "oci_AttributedCost,oci_BackReferenceNumber"
)
COST = (
    "lineItem/referenceNo,lineItem/tenantId,lineItem/intervalUsageStart,lineItem/intervalUsageEnd,product/service,"
    "product/compartmentId,product/compartmentName,product/region,product/availabilityDomain,product/resourceId,"
    "usage/billedQuantity,usage/billedQuantityOverage,cost/subscriptionId,cost/productSku,product/Description,"
    "cost/unitPrice,cost/unitPriceOverage,cost/myCost,cost/myCostOverage,cost/currencyCode,cost/billingUnitReadable,"
    "cost/skuUnitDescription,cost/overageFlag,lineItem/isCorrection,lineItem/backreferenceNo,tags/Oracle-Tags.CreatedBy"
)

Row = Mapping[str, str]


def focus_line(day: date, cost: str, **columns: str) -> dict[str, str]:
    """A line of a FOCUS report: usage of the day's first hour."""
    month = month_of(day)
    last = next_month(day) - timedelta(days=1)
    return {
        "BilledCost": cost,
        "BillingAccountId": "7001",
        "BillingCurrency": "USD",
        "BillingPeriodStart": f"{month}T00:00:00.000Z",
        "BillingPeriodEnd": f"{last}T23:59:59.999Z",
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-based",
        "ChargePeriodStart": f"{day}T00:00Z",
        "ChargePeriodEnd": f"{day}T01:00Z",
        "EffectiveCost": cost,
        "InvoiceIssuer": "Oracle",
        "Provider": "Oracle",
        "Publisher": "Oracle",
        "Region": REGION,
        "ServiceCategory": "Compute",
        "ServiceName": "COMPUTE",
        "SubAccountId": TENANCY,
        "Tags": '{"team":"core"}',
        "oci_CompartmentName": "prod",
    } | columns


def cost_line(day: date, cost: str, **columns: str) -> dict[str, str]:
    """A line of a cost report of Oracle's own: usage of the day's first hour. `_` stands for `/` in names."""
    named = {name.replace("_", "/", 1): value for name, value in columns.items()}
    return {
        "lineItem/referenceNo": f"V2.{day}",
        "lineItem/tenantId": TENANCY,
        "lineItem/intervalUsageStart": f"{day}T00:00Z",
        "lineItem/intervalUsageEnd": f"{day}T01:00Z",
        "product/service": "COMPUTE",
        "product/compartmentName": "prod",
        "product/region": REGION,
        "product/resourceId": "ocid1.instance.oc1.eu-frankfurt-1.abc",
        "usage/billedQuantity": "1",
        "cost/subscriptionId": "7001",
        "cost/myCost": cost,
        "cost/currencyCode": "USD",
        "lineItem/isCorrection": "false",
    } | named


def packed(rows: Sequence[Row], header: str = FOCUS) -> bytes:
    """The rows as a report: gzipped CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, header.split(","), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return gzip.compress(out.getvalue().encode(), mtime=0)
