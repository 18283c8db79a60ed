from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.sources.bills.cur_reports import (
    COMMON,
    LEGACY,
    PLAN,
    line,
    read,
    read_one,
    write_csv,
    write_parquet,
)


def test_an_amount_that_is_none_fails(tmp_path: Path) -> None:
    with pytest.raises(duckdb.Error, match="1,5"):
        read_one(tmp_path, line_item_unblended_cost="1,5")


def test_odd_names_are_only_names(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    odd = {"a": """resourceTags/user:it's "a" key""", "b": "resourceTags/user:empty", "c": "product/ODD'"}
    write_csv(path, [{**line("Usage", "1"), "a": """it's "a" value""", "b": "", "c": "x"}], LEGACY | odd)
    [row] = read(path)

    assert row["tags"] == {"""it's "a" key""": """it's "a" value"""}


def test_a_tag_in_two_spellings_is_one(tmp_path: Path) -> None:
    path = tmp_path / "tags.csv"
    text = '{"user_app": "a", "user:app": "b", "aws_x": "c", "plain": "d", "user_none": null, "user_empty": ""}'
    rows = [
        {**line("Usage", "1"), "resource_tags": text},
        line("Usage", "1"),
        {**line("Usage", "1"), "resource_tags": "{}"},
    ]
    write_csv(path, rows, {})

    assert [row["tags"] for row in read(path)] == [{"app": "a", "aws:x": "c", "plain": "d"}, {}, {}]


def test_tags_that_differ_by_case_are_two(tmp_path: Path) -> None:
    path = tmp_path / "case.csv"
    tags = {"a": "resourceTags/user:Name", "b": "resourceTags/user:name#7", "c": "resourceTags/user:ticket#8"}
    write_csv(path, [{**line("Usage", "1"), "a": "A", "b": "b", "c": "8"}], LEGACY | tags)

    assert read(path)[0]["tags"] == {"Name": "A", "name": "b", "ticket#8": "8"}


def test_a_column_in_two_spellings_is_one(tmp_path: Path) -> None:
    path = tmp_path / "drift.csv"
    write_csv(path, [line("Usage", "1", savings_plan_savings_plan_a_r_n="", savings_plan_savings_plan_arn=PLAN)], {})

    assert read(path)[0]["commitment_discount_id"] == PLAN


def test_doubles_are_the_decimals_they_print_as(tmp_path: Path) -> None:
    path = tmp_path / "doubles.parquet"
    costs = [0.1, 1e-7, -1e-18, 1e15, 123456789012.345, 0.30000000000000004, 1.5e-10]
    write_parquet(path, [line("Usage", repr(cost)) for cost in costs])

    assert [row["billed_cost"] for row in read(path)] == [Decimal(repr(cost)) for cost in costs]


def test_digits_beyond_the_eighteenth_place_are_rounded(tmp_path: Path) -> None:
    row = read_one(tmp_path, line_item_unblended_cost="0.0007458096045417008")

    assert row["billed_cost"] == Decimal("0.000745809604541701")


@pytest.mark.parametrize("kind", [pa.decimal128(20, 10), pa.decimal128(38, 18), pa.string(), pa.int64()])
def test_costs_of_any_type_are_read(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "typed.parquet"
    arrays = {name: pa.array([value]) for name, value in COMMON.items()}
    arrays |= {
        "line_item_line_item_type": pa.array(["Usage"]),
        "line_item_unblended_cost": pa.array(["12"]).cast(kind),
    }
    pq.write_table(pa.table(arrays), path)

    assert read(path)[0]["billed_cost"] == Decimal(12)
