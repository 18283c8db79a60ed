"""Bills for the command line's tests: a few days of October 2026, in two currencies."""

from __future__ import annotations

from pathlib import Path

from tests.sources.bills.focus_bills import charge, write

SETTINGS = "clouds:\n  files: {path: bills}\n"

EC2 = {"ServiceName": "Amazon EC2", "RegionId": "us-east-1", "SubAccountId": "000000000001", "Tags": '{"team": "core"}'}
S3 = {"ServiceName": "Amazon S3", "RegionId": "", "SubAccountId": "000000000002", "Tags": '{"team": "=1+1"}'}
VM = {"ServiceName": "Virtual Machines", "RegionId": "westeurope", "SubAccountId": "sub-1", "Tags": ""}


def day(number: int) -> dict[str, str]:
    """The period of a charge of one day of October 2026."""
    return {"ChargePeriodStart": f"2026-10-{number:02}", "ChargePeriodEnd": f"2026-10-{number:02}T23:59:59"}


CHARGES = (
    charge(**EC2, **day(1), BilledCost="10.5", EffectiveCost="8.25", ListCost="12"),
    charge(**EC2, **day(2), BilledCost="1234.000000000000000001", EffectiveCost="1000", ListCost="1500"),
    charge(**S3, **day(1), BilledCost="0.125", EffectiveCost="0.125", ListCost="0.125"),
    charge(**S3, **day(2), BilledCost="-2", EffectiveCost="-2", ChargeCategory="Credit"),
    charge(**EC2, **day(2), BilledCost="3", EffectiveCost="3", ChargeCategory="Tax"),
    charge(**VM, **day(2), BilledCost="7.5", EffectiveCost="7.5", BillingCurrency="EUR", ProviderName="Microsoft"),
)


def put_bills(folder: Path) -> None:
    """Settings and bills."""
    (folder / "outlay.yaml").write_text(SETTINGS)
    write(folder / "bills" / "october.csv", *CHARGES)
