"""Layout: every row that a day can have, laid out once, so that each day only fills in its quantities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from outlay.core import focus
from outlay.sources.demo import lines
from outlay.sources.demo.commitments import COMMITMENTS, Commitment, use
from outlay.sources.demo.lines import MILLION, Line

if TYPE_CHECKING:
    import pyarrow as pa

Factors = Mapping[str, int | None]

SUSTAINED_PERCENT = 15
PRICED = ("_price", "_price_id", "_unit")  # how the columns end that tell what a unit costs
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_YET: Mapping[str, Any] = {
    "source": "",
    "billed_cost": Decimal(0),
    "billing_period_start": _EPOCH,
    "billing_period_end": _EPOCH,
    "charge_period_start": _EPOCH,
    "charge_period_end": _EPOCH,
}


@dataclass(frozen=True, slots=True)
class Charge:
    """One row of a day: what never changes, and by what its quantity is multiplied for each number in it.

    A factor is in millionths per unit: a price, or a million for the quantity itself. None makes a null.
    """

    columns: Mapping[str, Any]
    factors: Factors
    line: Line | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The rows of a seed, in the order of `quantities()`, as Python and as Arrow.

    `promised` is what each commitment promises for a day, in 1/10 000 of a unit.
    """

    seed: int
    lines: tuple[Line, ...]
    promised: Mapping[str, int]
    charges: tuple[Charge, ...]
    batch: pa.RecordBatch
    factors: Mapping[str, pa.Array]

    def usual(self, day: date) -> list[int]:
        """The day's usage of each line before anything goes wrong, in 1/10 000 of a unit."""
        return lines.usual(self.lines, self.seed, day)

    def quantities(self, usage: Sequence[int]) -> list[int]:
        """The quantity of each row, for the usage of each line."""
        covered, unused = use(self.lines, usage, self.promised)
        paid = [used - free for used, free in zip(usage, covered, strict=True)]
        fees = [self.promised[each.id] for each in COMMITMENTS if not each.monthly]
        sustained = [used for used, line in zip(usage, self.lines, strict=True) if _is_sustained(line)]
        return [*paid, *covered, *unused, *fees, *sustained]


@lru_cache(maxsize=4)
def layout(seed: int) -> Layout:
    """The layout of a seed, laid out once."""
    import pyarrow as pa

    known = lines.build(seed)
    charges = tuple(_charges(known))
    names = sorted({name for charge in charges for name in charge.factors})
    return Layout(
        seed=seed,
        lines=known,
        promised={each.id: each.units(known) for each in COMMITMENTS},
        charges=charges,
        batch=focus.batch({**_NOT_YET, **charge.columns} for charge in charges),
        factors={name: pa.array([charge.factors.get(name) for charge in charges], pa.int64()) for name in names},
    )


def _charges(known: Sequence[Line]) -> Iterator[Charge]:
    yield from (_paid(line) for line in known)
    yield from (_covered(line) for line in known)
    yield from (_unused(each) for each in COMMITMENTS)
    yield from (_fee(each) for each in COMMITMENTS if not each.monthly)
    yield from (_credit(line) for line in known if _is_sustained(line))


def _paid(line: Line) -> Charge:
    """What is used of a line at its own price."""
    price = line.price
    return Charge(_usage(line), _measured() | _costs(line.meter.price, price, price, price), line)


def _covered(line: Line) -> Charge:
    """What is used of a line within a commitment, whose fee has paid for it; never any if none covers it."""
    commitment = next((each for each in COMMITMENTS if each.covers(line)), None)
    if commitment is None:
        return _paid(line)
    costs = _costs(line.meter.price, line.price, 0, commitment.unit_price)
    return Charge(_usage(line) | commitment.columns("Used"), _measured() | costs | _promise(commitment), line)


def _unused(commitment: Commitment) -> Charge:
    columns = {
        **commitment.own_columns("Unused"),
        "charge_category": "Usage",
        "charge_frequency": "Usage-Based",
        "charge_description": f"{commitment.name}, unused",
    }
    return Charge(columns, _costs(0, 0, 0, commitment.unit_price) | _promise(commitment))


def _fee(commitment: Commitment) -> Charge:
    price = commitment.unit_price
    return Charge(commitment.fee_columns(), _costs(price, price, price, 0) | _promise(commitment))


def _credit(line: Line) -> Charge:
    """A credit for what runs all month. It has no unit price, so each of its costs is the credit."""
    credit = -line.price * SUSTAINED_PERCENT // 100
    columns = {
        **{name: value for name, value in line.columns.items() if not name.endswith(PRICED)},
        "tags": line.tags,
        "charge_category": "Credit",
        "charge_frequency": "Usage-Based",
        "charge_description": f"Sustained use discount, {line.meter.item}",
    }
    return Charge(columns, _costs(credit, credit, credit, credit), line)


def _is_sustained(line: Line) -> bool:
    return line.meter.trait == "sustained"


def _usage(line: Line) -> dict[str, Any]:
    return {
        **line.columns,
        "tags": line.tags,
        "charge_category": "Usage",
        "charge_frequency": "Usage-Based",
        "charge_description": f"{line.meter.item}, {line.meter.unit}",
        "pricing_category": "Standard",
    }


def _costs(listed: int, contracted: int, billed: int, effective: int) -> dict[str, int | None]:
    return {
        "list_cost": listed,
        "contracted_cost": contracted,
        "billed_cost": billed,
        "effective_cost": effective,
        "pricing_currency_effective_cost": effective,
    }


def _measured() -> dict[str, int | None]:
    return {"consumed_quantity": MILLION, "pricing_quantity": MILLION}


def _promise(commitment: Commitment) -> dict[str, int | None]:
    """What of a commitment is used: money of one to spend, else the quantity."""
    spend = commitment.category == "Spend"
    return {"commitment_discount_quantity": commitment.unit_price if spend else MILLION}
