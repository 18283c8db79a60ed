"""Months of charges that every provider can bill: an ordinary one, one with credits, refunds and taxes, an empty one.

Amounts have whole cents, as some providers tell no more; digits beyond those are each source's own tests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from outlay.core.ports import Warehouse
from outlay.core.query import CostQuery, Filter
from outlay.core.span import Period, month_of
from tests.clouds.cloud import Charge

TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)


def _before(month: date) -> date:
    return month_of(month - timedelta(days=1))


THIS = month_of(YESTERDAY)
MIXED = _before(THIS)
ORDINARY = _before(MIXED)
EMPTY = _before(ORDINARY)
ASKED = Period(EMPTY, TODAY)


def bill() -> list[Charge]:
    """Charges of this month up to yesterday and of the two before; none of the one before those."""
    charges = []
    for days in (Period(ORDINARY, MIXED), Period(MIXED, THIS), Period(THIS, TODAY)):
        for i, day in enumerate(days.each_day()):
            charges += [
                Charge(day, "compute", "one", Decimal("10.25") + i),
                Charge(day, "storage", "two", Decimal("0.01") * (i + 1)),
            ]
    return [
        *charges,
        Charge(MIXED + timedelta(days=3), "compute", "one", Decimal("-7.77"), "Credit"),
        Charge(MIXED + timedelta(days=9), "storage", "two", Decimal("-1.05"), "Adjustment"),
        Charge(MIXED + timedelta(days=9), "compute", "one", Decimal("3.33"), "Tax"),
    ]


def restated(charges: Iterable[Charge]) -> list[Charge]:
    """The same bill with yesterday restated: one service cheaper, the other gone, a third new."""
    kept = [each for each in charges if each.day != YESTERDAY or each.service == "compute"]
    now = [replace(each, amount=each.amount - Decimal("0.75")) if each.day == YESTERDAY else each for each in kept]
    return [*now, Charge(YESTERDAY, "network", "one", Decimal("4.40"))]


Sums = dict[tuple[date, str], Decimal]


def given(charges: Sequence[Charge]) -> Sums:
    """What was billed, by month and charge category; what adds up to nothing is left out."""
    sums: Sums = defaultdict(Decimal)
    for each in charges:
        sums[month_of(each.day), each.category] += each.amount
    return {key: amount for key, amount in sums.items() if amount}


def stored(warehouse: Warehouse, source: str) -> Sums:
    """The same of what a store holds."""
    query = CostQuery(ASKED, ("month", "charge_category"), (Filter("source", (source,)),))
    rows = warehouse.query(query).to_pylist()
    assert {row["currency"] for row in rows} <= {"USD"}
    return {(row["month"], row["charge_category"]): row["cost"] for row in rows if row["cost"]}
