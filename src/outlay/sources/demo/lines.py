"""Lines: every resource of the invented company, what it is called and how much of it is used on a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

from outlay.sources.demo.company import CLOUDS, COST_CENTERS, Account, Cloud
from outlay.sources.demo.services import RHYTHMS, ROLES, Meter, meter

GROWTH_START = date(2024, 1, 1)
MILLION = 1_000_000
SMALLEST_GROWTH = 400_000  # a demo set decades back still has something to show


@dataclass(frozen=True, slots=True)
class Line:
    """One resource and what is charged for it.

    `columns` are the FOCUS columns that stay the same every day. `quantity` is the usual one in 1/10 000 of
    the meter's unit, `price` the contracted one in millionths per unit.
    """

    cloud: Cloud
    account: Account
    meter: Meter
    columns: Mapping[str, Any]
    tags: Mapping[str, str]
    quantity: int
    price: int


def dice(*parts: object) -> Random:
    """Chance that is the same for the same parts, on every machine and in every process."""
    return Random(":".join(map(str, parts)))  # noqa: S311 - a demo's noise guards nothing


def build(seed: int) -> tuple[Line, ...]:
    """All lines of the company, in an order of their own."""
    return tuple(line for cloud in CLOUDS for account in cloud.accounts for line in _of_account(seed, cloud, account))


def usual(lines: Sequence[Line], seed: int, day: date) -> list[int]:
    """The day's quantity of each line, before anything goes wrong: growth, weekday and some noise."""
    chance = dice(seed, day)
    days, weekday = (day - GROWTH_START).days, day.weekday()
    return [_quantity(line, days, weekday, chance.getrandbits(12)) for line in lines]


def account_columns(cloud: Cloud, account: Account) -> dict[str, Any]:
    """The FOCUS columns that every charge of a sub account has."""
    return {
        "billing_account_id": cloud.billing_account_id,
        "billing_account_name": cloud.billing_account_name,
        "billing_account_type": cloud.billing_account_type,
        "billing_currency": cloud.currency,
        "pricing_currency": cloud.currency,
        "invoice_issuer_name": cloud.issuer,
        "provider_name": cloud.provider_name,
        "publisher_name": cloud.provider_name,
        "sub_account_id": account.id,
        "sub_account_name": account.name,
        "sub_account_type": cloud.sub_account_type,
    }


def service_columns(of: Meter) -> dict[str, Any]:
    """The FOCUS columns that every charge of a meter has."""
    return {
        "service_name": of.service,
        "service_category": of.category,
        "service_subcategory": of.subcategory,
    }


def unit_price(millionths: int) -> Decimal:
    """A price per unit, from millionths."""
    return Decimal(millionths).scaleb(-6)


def _quantity(line: Line, days: int, weekday: int, noise: int) -> int:
    if line.meter.trait == "dormant":
        return 0
    growth = max(SMALLEST_GROWTH, MILLION + line.meter.slope * days)
    # 12 bits of noise are worth 6 percent either way, and less than one for what just runs.
    spread = 4 if line.meter.rhythm == "steady" else 30
    scale = RHYTHMS[line.meter.rhythm][weekday] * (MILLION + (noise - 2048) * spread)
    return line.quantity * growth * scale // (100 * MILLION * MILLION)


def _of_account(seed: int, cloud: Cloud, account: Account) -> Iterator[Line]:
    for n, key in enumerate(ROLES[cloud.provider][account.role].split(), start=1):
        yield _line(cloud, account, meter(cloud.provider, key), n, dice(seed, account.id, key, n))


def _line(cloud: Cloud, account: Account, of: Meter, n: int, chance: Random) -> Line:
    quantity = of.daily * account.size * chance.randrange(75, 126) * MILLION // of.price
    price = of.price * (100 - cloud.discount) // 100
    region = next(iter(cloud.regions)) if chance.randrange(10) < 7 else list(cloud.regions)[-1]
    columns = {
        **account_columns(cloud, account),
        **service_columns(of),
        **_price_columns(of, price),
        "availability_zone": f"{region}a" if cloud.provider == "aws" and of.unit == "Hours" else None,
        "region_id": region,
        "region_name": cloud.regions[region],
    }
    if of.resource:
        words = {
            "account": account.id,
            "app": account.app,
            "env": account.env,
            "region": region,
            "here": f"{region}:{account.id}",
            "name": f"{account.app}-{account.env}-{of.key}-{n}",
            "hex": f"{chance.getrandbits(68):017x}",
        }
        columns |= {
            "resource_id": (cloud.resource_prefix + of.resource).format_map(words),
            "resource_name": words["name"],
            "resource_type": of.resource_type,
        }
    tags = {} if of.trait == "dormant" else _tags(cloud, account, chance.randrange(100))
    return Line(cloud, account, of, columns, tags, quantity, price)


def _price_columns(of: Meter, price: int) -> dict[str, Any]:
    sku = f"{of.provider}-{of.key}".upper()
    return {
        "sku_id": sku,
        "sku_price_id": f"{sku}.{of.price}",
        "sku_meter": of.item,
        "consumed_unit": of.unit,
        "pricing_unit": of.unit,
        "list_unit_price": unit_price(of.price),
        "contracted_unit_price": unit_price(price),
        "pricing_currency_list_unit_price": unit_price(of.price),
        "pricing_currency_contracted_unit_price": unit_price(price),
    }


def _tags(cloud: Cloud, account: Account, chance: int) -> dict[str, str]:
    """Most are tagged in full; of a hundred resources eight are not at all and ten lack their cost center."""
    if chance < 8:
        return {}
    every = {
        "team": account.team,
        "env": account.env,
        "cost-center": COST_CENTERS[account.team],
        "app": account.app,
    }
    wanted = [key for key in cloud.tag_keys if not (key == "cost-center" and chance < 18)]
    return {key: every[key] for key in wanted}
