"""What a month bills besides the usage of its days: taxes, fees, credits, corrections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from outlay.core.span import Period
from outlay.sources.demo.bill import invoice, periods
from outlay.sources.demo.charges import Layout
from outlay.sources.demo.commitments import COMMITMENTS
from outlay.sources.demo.company import AWS, AZURE, BY_PROVIDER, CLOUDS, GCP, HEROKU, Account
from outlay.sources.demo.lines import account_columns, dice, service_columns
from outlay.sources.demo.services import Meter, meter


def rows(plan: Layout, month: Period, usual: Iterable[Sequence[int]]) -> Iterator[dict[str, Any]]:
    """The rows of the whole month, for the usage of each line on each of its days."""
    yield from _taxes(plan, month, usual)
    yield from _fees(plan, month)
    yield _subscription(month)
    yield from _credits(plan, month)
    yield from _corrections(plan, month)


def _taxes(plan: Layout, month: Period, usual: Iterable[Sequence[int]]) -> Iterator[dict[str, Any]]:
    """Tax on what the month's usage costs, dated on its first day as providers do."""
    sums = _billed(plan, usual)
    for cloud in CLOUDS:
        for account in cloud.accounts if cloud.tax else ():
            tax = sums[account.id] * cloud.tax // 1000
            yield _row(account, month.start, month, tax) | {
                **periods(month.start, month.end, month),
                "charge_category": "Tax",
                "charge_frequency": "Recurring",
                "charge_description": f"Tax {Decimal(cloud.tax).scaleb(-1)}%",
                "service_name": "Tax",
                "service_category": "Other",
                "service_subcategory": "Other (Other)",
            }


def _billed(plan: Layout, usual: Iterable[Sequence[int]]) -> dict[str, int]:
    """What each sub account is billed for the usage of some days, in 10^-10 of the currency."""
    prices = plan.factors["billed_cost"].to_pylist()
    owners = [charge.columns["sub_account_id"] for charge in plan.charges]
    sums = dict.fromkeys(owners, 0)
    for usage in usual:
        for owner, count, price in zip(owners, plan.quantities(usage), prices, strict=True):
            sums[owner] += count * price
    return sums


def _fees(plan: Layout, month: Period) -> Iterator[dict[str, Any]]:
    for each in COMMITMENTS:
        if each.monthly:
            units = plan.promised[each.id] * len(month)
            yield _row(each.account, month.start, month, units * each.unit_price) | {
                **each.fee_columns(),
                "effective_cost": Decimal(0),
                "pricing_currency_effective_cost": Decimal(0),
                "commitment_discount_quantity": Decimal(units).scaleb(-4),
            }


def _subscription(month: Period) -> dict[str, Any]:
    return _row(AWS.account("platform-tools"), month.start, month, 2_490 * 10**10) | {
        "charge_category": "Purchase",
        "charge_frequency": "Recurring",
        "charge_description": "Fogline Observability, monthly subscription",
        "publisher_name": "Fogline Observability",
        "service_name": "AWS Marketplace",
        "service_category": "Management and Governance",
        "service_subcategory": "Observability",
        "pricing_category": "Standard",
    }


def _credits(plan: Layout, month: Period) -> Iterator[dict[str, Any]]:
    for cloud, name, key, usual, reason in (
        (AWS, "data-lake-prod", "s3", 1_800, "Migration programme credit"),
        (GCP, "Vision", "vertex", 400, "Promotional credit"),
    ):
        row = _row(cloud.account(name), month.start, month, -_about(plan, month, reason, usual))
        yield row | _once("Credit", reason, meter(cloud.provider, key))


def _corrections(plan: Layout, month: Period) -> Iterator[dict[str, Any]]:
    """A refund of something charged in the month before, and adjustments that belong to no usage."""
    before = month.start - timedelta(days=8)
    refund = "Refund of requests billed twice"
    amount = -_about(plan, month, refund, 260)
    yield _row(AWS.account("data-lake-prod"), before, month, amount) | {
        **_once("Usage", refund, meter("aws", "s3-requests")),
        "charge_class": "Correction",
    }
    fifth = month.start + timedelta(days=4)
    for cloud, name, key, usual, reason in (
        (AZURE, "portal-prod", "appservice", 120, "Service level credit"),
        (HEROKU, "Labs", "web", 35, "Goodwill adjustment"),
    ):
        row = _row(cloud.account(name), fifth, month, -_about(plan, month, reason, usual))
        yield row | _once("Adjustment", reason, meter(cloud.provider, key))


def _once(category: str, description: str, of: Meter) -> dict[str, str]:
    return {
        **service_columns(of),
        "charge_category": category,
        "charge_frequency": "One-Time",
        "charge_description": description,
    }


def _about(plan: Layout, month: Period, what: str, usual: int) -> int:
    """About so many units of the currency, in 10^-10 of it: another amount each month."""
    return usual * dice(plan.seed, month.start, what).randrange(8_000_000_000, 12_000_000_000)


def _row(account: Account, day: date, month: Period, amount: int) -> dict[str, Any]:
    """A row of a day without its category. `amount` is in 10^-10 of the currency."""
    cost = Decimal(amount).scaleb(-10)
    return {
        **account_columns(BY_PROVIDER[account.provider], account),
        **periods(day, day + timedelta(days=1), month),
        "invoice_id": invoice(account.provider, month),
        "billed_cost": cost,
        "contracted_cost": cost,
        "list_cost": cost,
        "pricing_currency_effective_cost": cost,
        "tags": {},
    }
