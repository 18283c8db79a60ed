from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.sources.bills.cur_reports import LEGACY, Row, line, read, read_one, write_csv

ATTRIBUTES = {
    "instance_type": "m5.large",
    "operating_system": 'Red "Hat"',
    "vcpu": "2",
    "memory": "1,952 GiB",
    "tenancy": "Shared",
    "gpu": "NA",
    "storage_class": "",
}
DETAILS = {
    "CoreCount": 2,
    "InstanceType": "m5.large",
    "MemorySize": 1952,
    "OperatingSystem": 'Red "Hat"',
    "x_Operation": "RunInstances",
    "x_Tenancy": "Shared",
    "x_Term": "OnDemand",
}
OTHERS = {"line_item_operation": "RunInstances", "pricing_term": "OnDemand", "pricing_offering_class": ""}


def details(path: Path, row: Row, spelling: dict[str, str]) -> Any:
    write_csv(path, [row], spelling)
    return json.loads(read(path)[0]["sku_price_details"])


def test_details_of_a_price_come_from_columns(tmp_path: Path) -> None:
    spelled = {f"product_{name}": value for name, value in ATTRIBUTES.items()}
    legacy = {"product_instance_type": "product/instanceType", "line_item_operation": "lineItem/Operation"}

    assert details(tmp_path / "legacy.csv", {**line("Usage", "1"), **OTHERS, **spelled}, LEGACY | legacy) == DETAILS


def test_details_of_a_price_come_from_the_map_of_attributes(tmp_path: Path) -> None:
    row = {**line("Usage", "1"), **OTHERS, "product": json.dumps(ATTRIBUTES)}

    assert details(tmp_path / "cur2.csv", row, {}) == DETAILS


def test_without_details_there_are_none(tmp_path: Path) -> None:
    assert read_one(tmp_path)["sku_price_details"] is None
    assert read_one(tmp_path, pricing_term="")["sku_price_details"] is None


@pytest.mark.parametrize(("kind", "bill"), [("Refund", "Anniversary"), ("Usage", "Refund"), ("Refund", "")])
def test_refunds_are_corrections(tmp_path: Path, kind: str, bill: str) -> None:
    row = read_one(tmp_path, line_item_line_item_type=kind, bill_bill_type=bill)

    assert row["charge_class"] == "Correction"


def test_other_lines_are_no_corrections(tmp_path: Path) -> None:
    assert read_one(tmp_path, bill_bill_type="Anniversary")["charge_class"] is None
    assert read_one(tmp_path)["charge_class"] is None


GROUPS = {"product": {"product_name": "EC2", "region": "eu-west-1"}, "resource_tags": {"user_app": "shop"}}


@pytest.mark.parametrize("form", ["map", "struct", "pairs"])
def test_groups_of_columns_in_every_form_that_parquet_has(tmp_path: Path, form: str) -> None:
    rows = {**line("Usage", "1.5")}
    del rows["product_region"]
    arrays: dict[str, Any] = {name: pa.array([value, value]) for name, value in rows.items()}
    for name, values in GROUPS.items():
        pairs = [{"key": key, "value": value} for key, value in values.items()]
        made = {
            "map": pa.array([list(values.items()), None], pa.map_(pa.string(), pa.string())),
            "struct": pa.array([values, None]),
            "pairs": pa.array([pairs, None]),
        }
        arrays[name] = made[form]
    path = tmp_path / "nested.parquet"
    pq.write_table(pa.table(arrays), path)
    first, second = read(path)

    assert (first["service_name"], first["region_id"], first["tags"]) == ("EC2", "eu-west-1", {"app": "shop"})
    assert (second["service_name"], second["tags"]) == ("Amazon Elastic Compute Cloud", {})
    assert first["billed_cost"] == Decimal("1.5")
