"""What is stored of one source's billing month, summed up by what an invoice may count or leave out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from outlay.analysis.reconciling import KINDS, Sums
from outlay.core.money import PRECISION

if TYPE_CHECKING:
    import pyarrow as pa

    from outlay.core.ports import Warehouse

_CATEGORIES: Mapping[str, str] = {"Tax": "tax", "Credit": "credits", "Adjustment": "refunds", "Purchase": "purchases"}
_KEYS = ("charge_date", "cut", "billing_currency", "invoice_id", "kind")

Amounts = tuple[Decimal, Decimal]  # billed, effective


@dataclass(frozen=True, slots=True)
class Stored:
    """Amounts by currency, number of the invoice (None: not known) and kind."""

    amounts: Mapping[tuple[str, str | None, str], Amounts] = field(default_factory=dict)

    @property
    def currencies(self) -> list[str]:
        return sorted({currency for currency, _, _ in self.amounts})

    @property
    def numbers(self) -> set[str]:
        """The numbers of the invoices that the charges are on."""
        return {number for _, number, _ in self.amounts if number}

    def sums(self, currency: str, numbers: set[str] | None = None) -> Sums:
        """The sums in one currency; with `numbers`, of the charges on these invoices alone."""
        billed: dict[str, Decimal] = defaultdict(Decimal)
        effective: dict[str, Decimal] = defaultdict(Decimal)
        with localcontext(prec=PRECISION):
            for (code, number, kind), (one, other) in self.amounts.items():
                if code == currency and (numbers is None or number in numbers):
                    billed[kind] += one
                    effective[kind] += other
        order = [kind for kind in KINDS if kind in billed]
        return Sums({kind: billed[kind] for kind in order}, {kind: effective[kind] for kind in order})


def stored(warehouse: Warehouse, source: str, month: date) -> Stored:
    """What is stored of a source's billing month, to the last digit. Raises StoreError."""
    found: dict[tuple[Any, ...], Amounts] = {}
    with localcontext(prec=PRECISION):
        for batch in warehouse.rows(source, month):
            for row in _summed(batch):
                key = tuple(row[name] for name in _KEYS)
                one, other = found.get(key, (Decimal(0), Decimal(0)))
                found[key] = one + row["billed_cost_sum"], other + row["effective_cost_sum"]
        cuts: dict[date, str] = {}
        for day, cut, *_ in found:
            cuts[day] = min(cuts.get(day, cut), cut, key=_fineness)
        amounts: dict[tuple[str, str | None, str], Amounts] = {}
        for (day, cut, currency, number, kind), (one, other) in found.items():
            if cut == cuts[day]:  # the others are the same money once more
                before = amounts.get((currency, number, kind), (Decimal(0), Decimal(0)))
                amounts[currency, number, kind] = before[0] + one, before[1] + other
    return Stored(amounts)


def _summed(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    import pyarrow as pa

    named = ("charge_date", "cut", "billing_currency", "invoice_id", "billed_cost", "effective_cost")
    table = pa.table({name: batch.column(name) for name in named} | {"kind": _kinds(batch)})
    sums = table.group_by(list(_KEYS)).aggregate([("billed_cost", "sum"), ("effective_cost", "sum")])
    found: list[dict[str, Any]] = sums.to_pylist()
    return found


def _kinds(batch: pa.RecordBatch) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    category = batch.column("charge_category")
    kind = pa.array(["usage"] * batch.num_rows, pa.string())
    for word, name in _CATEGORIES.items():
        kind = pc.if_else(pc.equal(category, word), name, kind)
    commitment = pc.or_(
        pc.is_valid(batch.column("commitment_discount_id")), pc.is_valid(batch.column("commitment_discount_category"))
    )
    kind = pc.if_else(pc.and_(pc.equal(kind, "purchases"), commitment), "commitment_fees", kind)
    support = pc.match_substring(batch.column("service_name"), "support", ignore_case=True)
    bought = pc.is_in(kind, pa.array(["usage", "purchases"]))
    return pc.if_else(pc.and_(bought, pc.fill_null(support, False)), "support", kind)


def _fineness(cut: str) -> tuple[int, int, str]:
    """Sorts the cut first that tells most: '' has every dimension."""
    return bool(cut), -len(cut.split(",")), cut
