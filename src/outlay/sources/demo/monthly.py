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
from outlay.sources.demo.lines import account_columns, dice


def rows(plan: Layout, month: Period, usual: Iterable[Sequence[int]]) -> Iterator[dict[str, Any]]:
    """The rows of the whole month, for the usage of each line on each of its days."""
    yield from _taxes(plan, month, usual)
    yield from _fees(plan, month)
    yield _subscription(month)
    yield from _credits(plan, month)
    yield from _corrections(plan, month)


def _taxes(plan: Layout, month: Period, usual: Iterable[Sequence[int]]) -> Iterator[dict[str, Any]]:
    """Tax on what the month's usage costs, dated on its first day as providers do."""
    prices = plan.factors["billed_cost"].to_pylist()
    owners = [charge.columns["sub_account_id"] for charge in plan.charges]
    sums = dict.fromkeys(owners, 0)
    for usage in usual:
        for owner, count, price in zip(owners, plan.quantities(usage), prices, strict=True):
            sums[owner] += count * price
    for cloud in CLOUDS:
        for account in cloud.accounts if cloud.tax else ():
            tax = sums[account.id] * cloud.tax // 1000
            row = _row(account, month.start, month, tax)
            row |= periods(month.start, month.end, month)
            rate = Decimal(cloud.tax).scaleb(-1)
            yield row | {"charge_category": "Tax", "charge_description": f"Tax {rate}%"}


def _fees(plan: Layout, month: Period) -> Iterator[dict[str, Any]]:
    for each in COMMITMENTS:
        if each.monthly:
            fee = plan.promised[each.id] * each.unit_price * len(month)
            row = _row(each.account, month.start, month, fee) | each.fee_columns()
            yield row | {"effective_cost": Decimal(0)}


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
    for cloud, name, usual, reason in (
        (AWS, "data-lake-prod", 1_800, "Migration programme credit"),
        (GCP, "Vision", 400, "Promotional credit"),
    ):
        amount = -_about(plan, month, reason, usual)
        yield _row(cloud.account(name), month.start, month, amount) | _once("Credit", reason)


def _corrections(plan: Layout, month: Period) -> Iterator[dict[str, Any]]:
    """A refund of something charged in the month before, and adjustments that belong to no usage."""
    before = month.start - timedelta(days=8)
    refund = "Refund of requests billed twice"
    amount = -_about(plan, month, refund, 260)
    yield _row(AWS.account("data-lake-prod"), before, month, amount) | {
        **_once("Usage", refund),
        "charge_class": "Correction",
        "service_name": "Amazon Simple Storage Service",
        "service_category": "Storage",
        "service_subcategory": "Object Storage",
    }
    fifth = month.start + timedelta(days=4)
    for cloud, name, usual, reason in (
        (AZURE, "portal-prod", 120, "Service level credit"),
        (HEROKU, "Labs", 35, "Goodwill adjustment"),
    ):
        amount = -_about(plan, month, reason, usual)
        yield _row(cloud.account(name), fifth, month, amount) | _once("Adjustment", reason)


def _once(category: str, description: str) -> dict[str, str]:
    return {
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
        "tags": {},
    }
