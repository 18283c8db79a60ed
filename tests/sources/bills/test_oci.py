from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.core.errors import BillError
from outlay.sources._bills import oci
from tests.clouds.oci_reports import COST, TENANCY, cost_line, focus_line, packed
from tests.sources.bills.focus_bills import read, utc

DAY = date(2026, 10, 3)


def collected(folder: Path, *rows: dict[str, str], header: str = COST) -> list[dict[str, Any]]:
    path = folder / "0001000000601379-00001.csv.gz"
    path.write_bytes(packed(rows, header))
    return read(path)


def one(folder: Path, cost: str = "1.5", header: str = COST, **columns: str) -> dict[str, Any]:
    [row] = collected(folder, cost_line(DAY, cost, **columns), header=header)
    return row


def total(rows: list[dict[str, Any]]) -> Decimal:
    return sum((row["billed_cost"] for row in rows), Decimal(0))


def test_a_line_is_mapped_as_oracle_maps_it_to_focus(tmp_path: Path) -> None:
    row = one(
        tmp_path,
        cost_unitPrice="0.75",
        usage_billedQuantity="2",
        cost_skuUnitDescription="OCPU Hours",
        cost_productSku="B97384",
        product_Description="Standard - E5",
        product_availabilityDomain="qqjL:PHX-AD-3",
    )
    expected = {
        "provider": "oci",
        "provider_name": "Oracle",
        "billing_account_id": "7001",
        "sub_account_id": TENANCY,
        "service_name": "COMPUTE",
        "service_category": "Compute",
        "region_id": "eu-frankfurt-1",
        "availability_zone": "qqjL:PHX-AD-3",
        "resource_type": "instance",
        "billed_cost": Decimal("1.5"),
        "effective_cost": Decimal("1.5"),
        "contracted_cost": Decimal("1.5"),
        "contracted_unit_price": Decimal("0.75"),
        "list_cost": None,
        "pricing_quantity": Decimal(2),
        "consumed_unit": "OCPU Hours",
        "sku_id": "B97384",
        "charge_description": "Standard - E5",
        "charge_category": "Usage",
        "charge_class": None,
        "charge_date": DAY,
        "charge_period_start": utc(2026, 10, 3),
        "charge_period_end": utc(2026, 10, 3, 1),
        "billing_period_start": utc(2026, 10, 1),
        "billing_period_end": utc(2026, 11, 1),
        "tags": {"oci_CompartmentName": "prod"},
    }
    assert {name: row[name] for name in expected} == expected


def test_corrections_are_added_and_told_apart(tmp_path: Path) -> None:
    """A line is rolled back, amended, and the amendment is amended: each row adds its own part."""
    correcting = {"lineItem_isCorrection": "true"}
    rows = collected(
        tmp_path,
        cost_line(DAY, "10", lineItem_referenceNo="a"),
        cost_line(DAY, "-10", lineItem_referenceNo="b", lineItem_backreferenceNo="a", **correcting),
        cost_line(DAY, "8.25", lineItem_referenceNo="c", lineItem_backreferenceNo="b", **correcting),
        cost_line(DAY, "-0.25", lineItem_referenceNo="d", lineItem_backreferenceNo="c", **correcting),
    )
    assert total(rows) == 8
    assert sorted((row["billed_cost"], row["charge_category"], row["charge_class"]) for row in rows) == [
        (Decimal("-10"), "Adjustment", "Correction"),
        (Decimal("-0.25"), "Adjustment", "Correction"),
        (Decimal("8.25"), "Adjustment", "Correction"),
        (Decimal("10"), "Usage", None),
    ]


def test_overage_and_attributed_costs_are_parts_of_the_cost_and_are_not_added(tmp_path: Path) -> None:
    header = f"{COST},cost/attributedCost"
    row = one(tmp_path, "5", header, cost_myCostOverage="2", cost_overageFlag="Y", cost_attributedCost="5")
    assert row["billed_cost"] == row["effective_cost"] == 5


@pytest.mark.parametrize("cost", ["0.000000000000000001", "12345678901234567.123456789", "1.2E-7", "-3", "0"])
def test_amounts_are_exact(tmp_path: Path, cost: str) -> None:
    assert one(tmp_path, cost)["billed_cost"] == Decimal(cost)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-10-03T22:00Z", "2026-10-03T23:00Z", (22, 23)),
        ("2026-10-03T22:00:00.000Z", "2026-10-03T23:00:00.000Z", (22, 23)),
        ("2026-10-03T22:00Z", "2026-10-03T22:59Z", (22, 23)),
        ("2026-10-03T22:00Z", "2026-10-03T22:59:59.999Z", (22, 23)),
        ("2026-10-03T20:00Z", "2026-10-03T22:59:59Z", (20, 23)),
        ("2026-10-03T22:00Z", "", (22, 23)),
        ("2026-10-03T22:00Z", "2026-10-03T22:00Z", (22, 23)),
    ],
)
def test_ends_are_exclusive_whether_they_were_or_not(
    tmp_path: Path, start: str, end: str, hours: tuple[int, int]
) -> None:
    row = one(tmp_path, lineItem_intervalUsageStart=start, lineItem_intervalUsageEnd=end)
    first, last = hours
    assert (row["charge_period_start"], row["charge_period_end"]) == (utc(2026, 10, 3, first), utc(2026, 10, 3, last))


def test_the_last_hour_of_a_month_is_of_that_month(tmp_path: Path) -> None:
    times = {
        "lineItem_intervalUsageStart": "2026-10-31T23:00Z",
        "lineItem_intervalUsageEnd": "2026-10-31T23:59:59.999Z",
    }
    row = one(tmp_path, **times)
    assert row["charge_date"] == date(2026, 10, 31)
    assert row["charge_period_end"] == row["billing_period_end"] == utc(2026, 11, 1)
    assert row["billing_period_start"] == utc(2026, 10, 1)


def test_columns_are_found_in_any_spelling(tmp_path: Path) -> None:
    header = COST.replace("tenantId", "TenantId").replace("product/D", "product/d").replace("backr", "backR")
    line = cost_line(DAY, "1.5", product_description="Standard - E5", lineItem_backReferenceNo="a")
    line["lineItem/TenantId"] = line.pop("lineItem/tenantId")
    line["lineItem/isCorrection"] = "TRUE"
    [row] = collected(tmp_path, line, header=header)
    assert row["sub_account_id"] == TENANCY
    assert row["charge_description"] == "Standard - E5"
    assert row["charge_class"] == "Correction"


def test_tags_are_those_of_the_columns_that_are_filled(tmp_path: Path) -> None:
    header = f"{COST},tags/Team,tags/team,tags/free form,TAGS/upper"
    columns = {"tags/Oracle-Tags.CreatedBy": "ann", "tags/Team": "core", "tags/free form": "", "TAGS/upper": "it's"}
    [row] = collected(tmp_path, cost_line(DAY, "1") | columns, header=header)
    assert row["tags"] == {
        "oci_CompartmentName": "prod",
        "Oracle-Tags.CreatedBy": "ann",
        "Team": "core",
        "upper": "it's",
    }


@pytest.mark.parametrize(
    ("service", "category"),
    [
        ("BLOCK_STORAGE", "Storage"),
        ("Object Storage", "Storage"),
        ("NETWORK", "Networking"),
        ("Autonomous Database", "Databases"),
        ("SOMETHING_NEW", "Other"),
    ],
)
def test_a_service_keeps_its_name_and_gets_a_category(tmp_path: Path, service: str, category: str) -> None:
    row = one(tmp_path, product_service=service)
    assert (row["service_name"], row["service_category"]) == (service, category)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"cost_myCost": "1,5"}, r"\.csv\.gz:3: cost/myCost is no amount: '1,5'"),
        ({"cost_myCost": ""}, r"\.csv\.gz:3: a charge has no BilledCost"),
        ({"cost_currencyCode": ""}, r"\.csv\.gz:3: a charge has no BillingCurrency"),
        ({"lineItem_intervalUsageStart": "soon"}, r"\.csv\.gz:3: .*'soon'"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(tmp_path: Path, columns: dict[str, str], words: str) -> None:
    with pytest.raises(BillError, match=words):
        collected(tmp_path, cost_line(DAY, "1"), cost_line(DAY, "1", **columns))


@pytest.mark.parametrize("column", ["cost/myCost", "cost/currencyCode", "lineItem/intervalUsageStart"])
def test_a_report_with_a_column_renamed_is_none(tmp_path: Path, column: str) -> None:
    with pytest.raises(BillError, match=r"no known billing layout \(.*OCI cost report"):
        collected(tmp_path, header=COST.replace(column, f"{column}2"))


def test_a_usage_report_is_no_cost_report() -> None:
    usage = ["lineItem/referenceNo", "lineItem/intervalUsageStart", "product/service", "usage/consumedQuantity"]
    assert oci.is_usage(usage)
    assert not oci.matches(usage)
    assert not oci.is_usage(COST.split(","))


def test_a_focus_report_of_oracle_ends_exclusively(tmp_path: Path) -> None:
    """FOCUS 1.0-preview: inclusive ends of billing periods, charge periods without seconds, old names."""
    path = tmp_path / "focus.csv.gz"
    path.write_bytes(packed([focus_line(date(2026, 8, 16), "0.012", UsageQuantity="8", UsageUnit="GB Hours")]))
    [row] = read(path)
    assert row["billing_period_start"] == utc(2026, 8, 1)
    assert row["billing_period_end"] == utc(2026, 9, 1)
    assert row["charge_period_start"] == utc(2026, 8, 16)
    assert row["charge_period_end"] == utc(2026, 8, 16, 1)
    assert (row["provider"], row["region_id"], row["tags"]) == ("oci", "eu-frankfurt-1", {"team": "core"})
    assert (row["consumed_quantity"], row["consumed_unit"]) == (8, "GB Hours")
