"""COMMITMENTS: what the invented company has promised to use, for a lower price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outlay.sources.demo.company import BY_PROVIDER, Account, Cloud
from outlay.sources.demo.lines import Line, account_columns, service_columns
from outlay.sources.demo.services import Meter, meter


@dataclass(frozen=True, slots=True)
class Commitment:
    """A promise to use a meter, for every account of a provider.

    `price` is in percent of the list price, `cover` how much of the usual quantity is promised, in percent.
    The fee is billed every day or, `monthly`, on the first of each month, to the account `holder`.
    """

    id: str
    name: str
    type: str
    category: str
    provider: str
    meter: str
    holder: str
    price: int
    cover: int
    monthly: bool

    @property
    def cloud(self) -> Cloud:
        return BY_PROVIDER[self.provider]

    @property
    def account(self) -> Account:
        return self.cloud.account(self.holder)

    @property
    def metered(self) -> Meter:
        return meter(self.provider, self.meter)

    @property
    def unit_price(self) -> int:
        """What a unit costs within the promise, in millionths."""
        return self.metered.price * self.price // 100

    def covers(self, line: Line) -> bool:
        return (line.cloud.provider, line.meter.key) == (self.provider, self.meter)

    def units(self, lines: Sequence[Line]) -> int:
        """What is promised for a day, in 1/10 000 of the meter's unit."""
        return sum(line.quantity for line in lines if self.covers(line)) * self.cover // 100

    def columns(self, status: str | None) -> dict[str, Any]:
        """The FOCUS columns that tell of the promise, for a charge it covers or is the fee of."""
        return {
            "commitment_discount_category": self.category,
            "commitment_discount_id": self.id,
            "commitment_discount_name": self.name,
            "commitment_discount_status": status,
            "commitment_discount_type": self.type,
            "commitment_discount_unit": self.cloud.currency if self.category == "Spend" else self.metered.unit,
            "pricing_category": "Committed",
        }

    def own_columns(self, status: str | None) -> dict[str, Any]:
        """The FOCUS columns of a charge of the promise itself, not of a resource it covers."""
        return {
            **account_columns(self.cloud, self.account),
            **service_columns(self.metered),
            **self.columns(status),
            "resource_id": self.id,
            "resource_name": self.name,
            "resource_type": self.type,
            "region_id": next(iter(self.cloud.regions)),
            "sku_id": f"{self.provider}-{self.meter}-commitment".upper(),
            "tags": {},
        }

    def fee_columns(self) -> dict[str, Any]:
        """The FOCUS columns of its fee."""
        return {
            **self.own_columns(None),
            "charge_category": "Purchase",
            "charge_frequency": "Recurring",
            "charge_description": f"{self.name}, recurring fee",
        }


COMMITMENTS = (
    Commitment(
        id="arn:aws:savingsplans::210000000111:savingsplan/6c1f0c2e-0000-4000-8000-00000000c001",
        name="Compute Savings Plan 2024",
        type="Compute Savings Plan",
        category="Spend",
        provider="aws",
        meter="fleet",
        holder="shared-network",
        price=72,
        cover=92,
        monthly=False,
    ),
    Commitment(
        id="arn:aws:rds:us-east-1:210000000111:ri:rds-2024",
        name="rds-2024",
        type="Reserved Instance",
        category="Usage",
        provider="aws",
        meter="rds",
        holder="shared-network",
        price=65,
        cover=104,
        monthly=False,
    ),
    Commitment(
        id="/providers/microsoft.capacity/reservationorders/9b1d0000-0000-4000-8000-00000000c003",
        name="D8as v5 West Europe",
        type="Reservation",
        category="Usage",
        provider="azure",
        meter="vm",
        holder="hub-network",
        price=63,
        cover=40,
        monthly=True,
    ),
)


def use(lines: Sequence[Line], usage: Sequence[int], promised: Mapping[str, int]) -> tuple[list[int], list[int]]:
    """How much of each line is covered, and how much of each commitment nobody uses."""
    left = dict(promised)
    covered = [0] * len(lines)
    for commitment in COMMITMENTS:
        for i, line in enumerate(lines):
            if commitment.covers(line):
                covered[i] = min(usage[i], left[commitment.id])
                left[commitment.id] -= covered[i]
    return covered, list(left.values())
