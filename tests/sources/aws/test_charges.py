"""What comes back from Cost Explorer: exact, in its category, and the same money in every cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from outlay.core.span import Period, next_month
from outlay.sources.aws.records import RECORDS, record_of
from tests.clouds.aws import AwsCloud, line
from tests.clouds.cloud import Charge
from tests.sources.aws.support import ACCOUNT, DAYS, EC2, MONTH, S3, charge, rows, source, totals

FIRST, SECOND = DAYS.each_day()


def test_a_month_is_the_charges_it_was_given(cloud: AwsCloud) -> None:
    given = [
        charge(FIRST, EC2, "eu-west-1", "10.1234567891"),
        charge(FIRST, EC2, "", "0.0000000001"),
        charge(FIRST, S3, "us-east-1", "0"),
        charge(FIRST, "Tax", "", "2.05", "Tax"),
        charge(SECOND, EC2, "", "-5.0000000001", "Credit"),
        charge(SECOND, S3, "eu-west-1", "-1", "Adjustment"),
    ]
    cloud.give(given)
    found = rows(source(cloud))
    assert totals(found, "charge_date", "charge_category", "service_name", "region_id") == {
        (FIRST, "Usage", EC2, "eu-west-1"): Decimal("10.1234567891"),
        (FIRST, "Usage", EC2, None): Decimal("0.0000000001"),
        (FIRST, "Tax", "Tax", None): Decimal("2.05"),
        (SECOND, "Credit", EC2, None): Decimal("-5.0000000001"),
        (SECOND, "Adjustment", S3, None): Decimal(-1),
    }
    assert sum(row["billed_cost"] for row in found) == sum(each.amount for each in given)


def test_a_row_says_who_was_charged_for_what_and_when(cloud: AwsCloud) -> None:
    cloud.costs.lines = [line(charge(SECOND, S3, "eu-central-1", "1.5"), amortized=Decimal("1.25"))]
    (row,) = rows(source(cloud, labels={"team": "core"}, account_name="prod"))
    month_end = next_month(SECOND)
    assert {name: value for name, value in row.items() if value is not None} == {
        "source": "aws",
        "provider": "aws",
        "provider_name": "AWS",
        "billing_account_id": ACCOUNT,
        "sub_account_id": ACCOUNT,
        "sub_account_name": "prod",
        "billed_cost": Decimal("1.5"),
        "effective_cost": Decimal("1.25"),
        "billing_currency": "USD",
        "billing_period_start": datetime(SECOND.year, SECOND.month, 1, tzinfo=UTC),
        "billing_period_end": datetime(month_end.year, month_end.month, 1, tzinfo=UTC),
        "charge_period_start": datetime(SECOND.year, SECOND.month, SECOND.day, tzinfo=UTC),
        "charge_period_end": datetime(SECOND.year, SECOND.month, SECOND.day, tzinfo=UTC) + timedelta(days=1),
        "charge_date": SECOND,
        "charge_category": "Usage",
        "charge_frequency": "Usage-Based",
        "service_name": S3,
        "service_category": "Storage",
        "service_subcategory": "Object Storage",
        "region_id": "eu-central-1",
        "tags": [("team", "core")],
        "cut": "service,region",
        "provisional": False,
    }


def test_an_empty_month_has_no_rows(cloud: AwsCloud) -> None:
    assert rows(source(cloud), MONTH) == []


def test_the_same_span_twice_is_the_same(cloud: AwsCloud) -> None:
    cloud.give([charge(day, S3, "eu-west-1", "1.5") for day in DAYS.each_day()])
    asked = source(cloud)
    assert rows(asked) == rows(asked) != []


def test_a_month_on_many_pages_is_whole(cloud: AwsCloud) -> None:
    cloud.costs.groups_per_page = 4
    given = [charge(day, f"Service {i}", "eu-west-1", "0.1") for day in MONTH.months.each_day() for i in range(3)]
    cloud.give(given)
    found = rows(source(cloud), MONTH)
    assert len(found) == len(given)
    assert sum(row["billed_cost"] for row in found) == sum(each.amount for each in given)


def test_china_bills_in_yuan(cloud: AwsCloud) -> None:
    cloud.costs.currency = "CNY"
    cloud.give([charge(FIRST, S3, "cn-north-1", "7")])
    asked = source(cloud, region="cn-north-1")
    assert [row["billing_currency"] for row in rows(asked)] == ["CNY"]
    assert asked.test().startswith(f"account {ACCOUNT} (aws-cn): ")


# Records


KINDS = {
    ("Usage", "Usage-Based"): ["Usage", "DiscountedUsage", "SavingsPlanCoveredUsage", "SavingsPlanNegation"],
    ("Purchase", "Recurring"): ["SavingsPlanRecurringFee", "RIFee", "Recurring reservation fee", "Support"],
    ("Purchase", "One-Time"): ["SavingsPlanUpfrontFee", "Upfront reservation fee", "Out-of-cycle charges", "Fee"],
    ("Tax", "One-Time"): ["Tax"],
    ("Credit", "One-Time"): ["Credit"],
    ("Adjustment", "One-Time"): [
        "Refund",
        "Enterprise Discount Program Discount",
        "Private Rate Discount",
        "Bundled Discount",
        "Solution Provider Program Discount",
        "Other",
        "Gift of the house",
    ],
}


@pytest.mark.parametrize("group_by", [("SERVICE", "REGION"), ("SERVICE",)])
def test_every_record_keeps_its_category(cloud: AwsCloud, group_by: tuple[str, ...]) -> None:
    types = [each for named in KINDS.values() for each in named]
    cloud.costs.lines = [
        line(charge(FIRST, f"Service of {each}", "eu-west-1", "-3.5"), record_type=each) for each in types
    ]
    found = {row["service_name"].removeprefix("Service of "): row for row in rows(source(cloud, group_by=group_by))}
    assert len(found) == len(types)
    for (category, frequency), named in KINDS.items():
        for each in named:
            row = found[each]
            assert (row["charge_category"], row["charge_frequency"]) == (category, frequency), each
            assert row["charge_description"] == (None if category == "Usage" else each)
            assert row["billed_cost"] == Decimal("-3.5")


@pytest.mark.parametrize(
    "spelling", ["SavingsPlanRecurringFee", "Savings Plan Recurring Fee", "SAVINGS_PLAN_RECURRING_FEE"]
)
def test_record_types_are_told_by_their_letters(spelling: str) -> None:
    assert record_of(spelling) == ("Purchase", "Recurring")
    assert all(each.isalpha() and each.islower() for each in RECORDS)


# Cuts


def estate(cloud: AwsCloud) -> Decimal:
    """A payer and two members, with tags, usage types and every kind of record; what it all costs."""
    members = {"222222222222": "dev", "333333333333": "prod"}
    cloud.organise(members)
    lines = []
    for number, account in enumerate((ACCOUNT, *members), 1):
        for i, day in enumerate(DAYS.each_day()):
            amount = Decimal(f"{number}.{i}00000000{number}")
            tags = {"team": f"team-{number}"} if number > 1 else {}
            for service, usage_type in ((S3, "EU-Requests"), (S3, "EU-TimedStorage"), (EC2, "EU-BoxUsage:t3.micro")):
                usage = Charge(day, service, "eu-west-1", amount)
                lines.append(line(usage, account, usage_type=usage_type, tags=tags, amortized=amount / 2))
            for record_type, region in (("Tax", ""), ("Credit", "eu-west-1"), ("Support", ""), ("Refund", "eu-west-1")):
                special = Charge(day, EC2, region, -amount / 3)
                lines.append(line(special, account, record_type=record_type))
    cloud.costs.lines = lines
    return sum((each.unblended for each in lines), Decimal(0)).quantize(Decimal("1e-12"))


EVERY = {"group_by": ("SERVICE", "REGION", "LINKED_ACCOUNT", "USAGE_TYPE"), "tag_keys": ("team", "env")}


def test_every_cut_is_the_same_money_per_day_and_category(cloud: AwsCloud) -> None:
    total = estate(cloud)
    found = rows(source(cloud, **EVERY))
    cuts = {row["cut"] for row in found}
    assert cuts == {
        "service,region",
        "service,sub_account,sub_account_name",
        "service,sku",
        "service,tag:team",
        "service,tag:env",
    }
    by_cut = [
        totals([row for row in found if row["cut"] == cut], "charge_date", "charge_category") for cut in sorted(cuts)
    ]
    assert len(by_cut[0]) == 2 * len({"Usage", "Tax", "Credit", "Purchase", "Adjustment"})
    for other in by_cut:
        assert other.keys() == by_cut[0].keys()
        assert all(abs(other[key] - by_cut[0][key]) < Decimal("1e-15") for key in other)
        assert abs(sum(other.values()) - total) < Decimal("1e-11")


def test_five_cuts_take_seven_questions(cloud: AwsCloud) -> None:
    estate(cloud)
    rows(source(cloud, **EVERY))
    assert [[group["Key"] for group in call.request["GroupBy"]] for call in cloud.calls()] == [
        ["SERVICE", "REGION"],
        ["SERVICE", "LINKED_ACCOUNT"],
        ["SERVICE", "USAGE_TYPE"],
        ["SERVICE", "team"],
        ["SERVICE", "env"],
        ["RECORD_TYPE", "SERVICE"],
        ["RECORD_TYPE", "LINKED_ACCOUNT"],
    ]
    assert all(call.request["Metrics"] == ["UnblendedCost", "AmortizedCost"] for call in cloud.calls())


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, [("SERVICE", "REGION"), ("RECORD_TYPE", "SERVICE")]),
        ({"group_by": ["SERVICE"]}, [("SERVICE", "RECORD_TYPE")]),
        ({"group_by": ["REGION"]}, [("REGION", "RECORD_TYPE")]),
        ({"group_by": ["LINKED_ACCOUNT"]}, [("LINKED_ACCOUNT", "RECORD_TYPE")]),
        (
            {"group_by": ["SERVICE", "LINKED_ACCOUNT"]},
            [("SERVICE", "LINKED_ACCOUNT"), ("RECORD_TYPE", "LINKED_ACCOUNT")],
        ),
        ({"group_by": ["SERVICE"], "tag_keys": ["team"]}, [("SERVICE", "team"), ("RECORD_TYPE", "SERVICE")]),
        ({"group_by": ["USAGE_TYPE", "SERVICE"]}, [("SERVICE", "USAGE_TYPE"), ("RECORD_TYPE", "SERVICE")]),
    ],
)
def test_as_few_questions_as_there_can_be(
    cloud: AwsCloud, settings: dict[str, Any], asked: list[tuple[str, str]]
) -> None:
    total = estate(cloud)
    found = rows(source(cloud, **settings))
    assert abs(sum(row["billed_cost"] for row in found) - total) < Decimal("1e-11")
    assert [tuple(group["Key"] for group in call.request["GroupBy"]) for call in cloud.calls()] == asked


def test_accounts_tags_and_usage_types_are_told(cloud: AwsCloud) -> None:
    estate(cloud)
    found = rows(source(cloud, labels={"owner": "us"}, **EVERY))
    by_account = [row for row in found if row["cut"].startswith("service,sub_account")]
    assert {(row["sub_account_id"], row["sub_account_name"]) for row in by_account} == {
        (ACCOUNT, "main"),
        ("222222222222", "dev"),
        ("333333333333", "prod"),
    }
    assert {row["sub_account_id"] for row in found if row not in by_account} == {None}
    by_tag = [
        dict(row["tags"]) for row in found if row["cut"] == "service,tag:team" and row["charge_category"] == "Usage"
    ]
    assert {tags.get("team") for tags in by_tag} == {None, "team-2", "team-3"}
    assert {tags["owner"] for tags in by_tag} == {"us"}
    used = {row["sku_id"] for row in found if row["cut"] == "service,sku" and row["charge_category"] == "Usage"}
    assert used == {"EU-Requests", "EU-TimedStorage", "EU-BoxUsage:t3.micro"}


def test_net_costs_and_quantities_on_demand(cloud: AwsCloud) -> None:
    estate(cloud)
    asked = ("NetUnblendedCost", "NetAmortizedCost", "UsageQuantity")
    found = rows(source(cloud, metrics=asked))
    assert cloud.calls()[0].request["Metrics"] == [*asked]
    assert found
    assert {row["consumed_quantity"] for row in found} == {None}  # a sum over units is no quantity


def test_without_amortised_costs_the_billed_ones_count(cloud: AwsCloud) -> None:
    cloud.costs.lines = [line(charge(FIRST, S3, "eu-west-1", "2"), amortized=Decimal(1))]
    (row,) = rows(source(cloud, metrics=("UnblendedCost",)))
    assert row["effective_cost"] == row["billed_cost"] == 2


def test_a_restated_month_is_told_anew(cloud: AwsCloud) -> None:
    cloud.give([charge(FIRST, S3, "eu-west-1", "1"), charge(FIRST, EC2, "eu-west-1", "2")])
    asked = source(cloud)
    assert totals(rows(asked), "service_name") == {S3: 1, EC2: 2}
    cloud.give([charge(FIRST, S3, "eu-west-1", "1.5")])
    assert totals(rows(asked), "service_name") == {S3: Decimal("1.5")}


def test_no_months_but_those_of_the_days(cloud: AwsCloud) -> None:
    cloud.give(
        [
            charge(day, S3, "eu-west-1", "1")
            for day in Period(FIRST - timedelta(days=3), SECOND + timedelta(days=9)).each_day()
        ]
    )
    assert {row["charge_date"] for row in rows(source(cloud))} == {FIRST, SECOND}
