"""Reports that have discounts in columns instead of lines: what is invoiced are their net costs."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.sources._bills import cur, cur_costs
from tests.sources.bills.cur_reports import LINES, PLAN, RESERVATION, Row, line, names, read, write_csv

NET_NAMES = {
    "reservation_effective_cost": "reservation_net_effective_cost",
    "reservation_unused_recurring_fee": "reservation_net_unused_recurring_fee",
    "reservation_unused_amortized_upfront_fee_for_billing_period": (
        "reservation_net_unused_amortized_upfront_fee_for_billing_period"
    ),
    "savings_plan_savings_plan_effective_cost": "savings_plan_net_savings_plan_effective_cost",
}
COSTS = ("billed_cost", "effective_cost", "contracted_cost", "list_cost")


def discounted(kind: str, gross: str, net: str, discount: str, **more: str) -> Row:
    return line(kind, gross, line_item_net_unblended_cost=net, discount_total_discount=discount, **more)


LINES_WITH_DISCOUNTS = (
    discounted("Usage", "10", "9", "-1", pricing_public_on_demand_cost="11", line_item_net_unblended_rate="4.5"),
    discounted("Usage", "10", "", ""),
    discounted("Usage", "10", "0", "0"),  # without a discount, whatever stands for the net cost
    discounted("Usage", "10", "0", "-10"),
    discounted(
        "DiscountedUsage",
        "0",
        "0",
        "0",
        reservation_reservation_a_r_n=RESERVATION,
        reservation_effective_cost="5",
        reservation_net_effective_cost="4",
    ),
    discounted(
        "RIFee",
        "20",
        "18",
        "-2",
        reservation_reservation_a_r_n=RESERVATION,
        reservation_unused_amortized_upfront_fee_for_billing_period="1",
        reservation_unused_recurring_fee="2",
        reservation_net_unused_amortized_upfront_fee_for_billing_period="0.9",
        reservation_net_unused_recurring_fee="1.8",
    ),
    discounted(
        "SavingsPlanCoveredUsage",
        "3",
        "3",
        "0",
        savings_plan_savings_plan_a_r_n=PLAN,
        savings_plan_savings_plan_effective_cost="2",
        savings_plan_net_savings_plan_effective_cost="1.75",
    ),
    discounted("Tax", "1", "1", ""),
)


def found(path: Path, *rows: Row) -> list[tuple[Any, ...]]:
    write_csv(path, rows, {})
    return [tuple(row[cost] for cost in COSTS) for row in read(path)]


def test_lines_with_a_discount_cost_what_is_left_of_them(tmp_path: Path) -> None:
    # The columns of amortisation are of the whole file.
    rest = {"savings_plan_total_commitment_to_date": "", "savings_plan_used_commitment": ""}
    lines = [{**rest, **each} for each in LINES_WITH_DISCOUNTS]

    assert found(tmp_path / "net.csv", *lines) == [
        tuple(map(Decimal, costs))
        for costs in (
            ("9", "9", "9", "11"),
            ("10", "10", "10", "10"),
            ("10", "10", "10", "10"),
            ("0", "0", "0", "10"),
            ("0", "4", "4", "4"),
            ("18", "2.7", "18", "18"),
            ("3", "1.75", "3", "3"),
            ("1", "1", "1", "1"),
        )
    ]


def test_a_discounted_rate_is_the_net_one(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    write_csv(path, LINES_WITH_DISCOUNTS, {})

    assert read(path)[0]["contracted_unit_price"] == Decimal("4.5")


def test_the_sum_is_that_of_the_net_costs(tmp_path: Path) -> None:
    path = tmp_path / "sum.csv"
    rows = [discounted("Usage", "0.3", f"0.{i:018}", "-0.1") for i in range(50)]
    write_csv(path, rows, {})
    with path.open(newline="", encoding="utf-8") as file:
        expected = sum(Decimal(row["line_item_net_unblended_cost"]) for row in csv.DictReader(file))

    assert sum(row["billed_cost"] for row in read(path)) == expected


@pytest.mark.parametrize("missing", ["line_item_net_unblended_cost", "discount_total_discount"])
def test_without_one_of_the_two_columns_lines_cost_what_is_unblended(tmp_path: Path, missing: str) -> None:
    rows = [{name: value for name, value in each.items() if name != missing} for each in LINES_WITH_DISCOUNTS]

    assert [costs[0] for costs in found(tmp_path / "gross.csv", *rows)][:4] == [Decimal(10)] * 4


def test_net_columns_beside_discounts_that_are_lines_are_not_read(tmp_path: Path) -> None:
    rows = [{**each, "discount_bundled_discount": "-1"} for each in LINES]

    assert [costs[0] for costs in found(tmp_path / "lines.csv", *rows)] == [
        Decimal(each["line_item_unblended_cost"]) for each in LINES
    ]


def test_net_amounts_are_typed_only_where_they_are_read() -> None:
    both = ["line_item_net_unblended_cost", "discount_total_discount"]

    assert [*cur.types(both)] == both
    assert cur.types(both[:1]) == {}


def test_split_cost_allocation_is_not_counted_again(tmp_path: Path) -> None:
    split = {
        "split_line_item_parent_resource_id": "i-1",
        "split_line_item_split_cost": "0.07",
        "split_line_item_unused_cost": "0.03",
        "split_line_item_public_on_demand_split_cost": "0.08",
    }
    task = {**line("Usage", "0", line_item_usage_amount="0", pricing_public_on_demand_cost="0"), **split}
    costs = found(tmp_path / "split.csv", line("Usage", "0.1", pricing_public_on_demand_cost="0.12"), task)

    one, nothing = Decimal("0.1"), (Decimal(0),) * 4
    assert costs == [(one, one, one, Decimal("0.12")), nothing]


def test_every_net_column_is_one_of_the_report() -> None:
    columns = names(LINES_WITH_DISCOUNTS)
    assert set(NET_NAMES.values()) <= set(columns)
    assert {"".join(name.split("_")): "".join(net.split("_")) for name, net in NET_NAMES.items()} == cur_costs.NET
