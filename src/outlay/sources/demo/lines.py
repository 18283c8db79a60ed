"""Lines: every resource of the invented company, what it is called and how much of it is used on a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

from outlay.sources.demo.company import CLOUDS, COST_CENTERS, Account, Cloud
from outlay.sources.demo.services import METERS, RHYTHMS, ROLES, Meter

GROWTH_START = date(2024, 1, 1)
MILLION = 1_000_000
SMALLEST_GROWTH = 400_000  # a demo set decades back still has something to show


@dataclass(frozen=True, slots=True)
class Line:
    """One resource and what is charged for it.

    `columns` are the FOCUS columns that stay the same every day. `quantity` is the usual one in 1/10 000 of the
    meter's unit, `price` the contracted one in millionths per unit.
    """

    cloud: Cloud
    account: Account
    meter: Meter
    columns: Mapping[str, Any]
    tags: Mapping[str, str]
    quantity: int
    price: int


def random(*parts: object) -> Random:
    """Chance that is the same for the same parts, on every machine and in every process."""
    return Random(":".join(map(str, parts)))  # noqa: S311 - a demo's noise guards nothing


def build(seed: int) -> tuple[Line, ...]:
    """All lines of the company, in an order of their own."""
    return tuple(
        line for cloud in CLOUDS for account in cloud.accounts for line in _of_account(seed, cloud, account)
    )


def usual(lines: Sequence[Line], seed: int, day: date) -> list[int]:
    """The day's quantity of each line, before anything goes wrong: growth, weekday and some noise."""
    chance = random(seed, day)
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


def service_columns(meter: Meter) -> dict[str, Any]:
    """The FOCUS columns that every charge of a meter has."""
    return {
        "service_name": meter.service,
        "service_category": meter.category,
        "service_subcategory": meter.subcategory,
    }


def unit_price(millionths: int) -> Decimal:
    """A price per unit, from millionths."""
    return Decimal(millionths).scaleb(-6)


def _quantity(line: Line, days: int, weekday: int, noise: int) -> int:
    meter = line.meter
    if meter.dormant:
        return 0
    growth = max(SMALLEST_GROWTH, MILLION + meter.slope * days)
    # The noise of 12 bits is worth 3 percent either way.
    scale = RHYTHMS[meter.rhythm][weekday] * (MILLION + (noise - 2048) * 15)
    return line.quantity * growth * scale // (100 * MILLION * MILLION)


def _of_account(seed: int, cloud: Cloud, account: Account) -> Iterator[Line]:
    meters = METERS[cloud.provider]
    for n, key in enumerate(ROLES[cloud.provider][account.role].split(), start=1):
        yield _line(seed, cloud, account, meters[key], n)


def _line(seed: int, cloud: Cloud, account: Account, meter: Meter, n: int) -> Line:
    chance = random(seed, account.id, meter.key, n)
    quantity = meter.daily * account.size * chance.randrange(75, 126) * MILLION // meter.price
    price = meter.price * (100 - cloud.discount) // 100
    region = next(iter(cloud.regions)) if chance.random() < 0.7 else list(cloud.regions)[-1]
    columns = {
        **account_columns(cloud, account),
        **service_columns(meter),
        **_resource_columns(cloud, account, meter, region, n, chance.getrandbits(68)),
        **_price_columns(cloud, meter, price),
        "availability_zone": f"{region}a" if cloud.provider == "aws" and meter.unit == "Hours" else None,
        "region_id": region,
        "region_name": cloud.regions[region],
    }
    tags = {} if meter.dormant else _tags(cloud, account, chance.randrange(100))
    return Line(cloud, account, meter, columns, tags, quantity, price)


def _resource_columns(
    cloud: Cloud, account: Account, meter: Meter, region: str, n: int, number: int
) -> dict[str, Any]:
    if not meter.resource:
        return {}
    name = f"{account.app}-{account.env}-{meter.key}-{n}"
    pattern = cloud.resource_prefix + meter.resource
    words = {"account": account.id, "app": account.app, "env": account.env, "region": region}
    found = pattern.format(name=name, hex=f"{number:017x}", here=f"{region}:{account.id}", **words)
    return {"resource_id": found, "resource_name": name, "resource_type": meter.resource_type}


def _price_columns(cloud: Cloud, meter: Meter, price: int) -> dict[str, Any]:
    sku = f"{cloud.provider}-{meter.key}".upper()
    return {
        "sku_id": sku,
        "sku_price_id": f"{sku}.{meter.price}",
        "sku_meter": meter.item,
        "consumed_unit": meter.unit,
        "pricing_unit": meter.unit,
        "list_unit_price": unit_price(meter.price),
        "contracted_unit_price": unit_price(price),
        "pricing_currency_list_unit_price": unit_price(meter.price),
        "pricing_currency_contracted_unit_price": unit_price(price),
    }


def _tags(cloud: Cloud, account: Account, chance: int) -> dict[str, str]:
    """Most resources are tagged in full; of a hundred, eight are not at all and ten lack their cost center."""
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
