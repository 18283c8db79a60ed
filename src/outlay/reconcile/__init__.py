"""The use case "reconcile": what is stored of a month against the provider's invoice, and why they differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from outlay.analysis.reconciling import ROUNDING, Explanation, Part, Sums, explain
from outlay.core.errors import UsageError, choices
from outlay.core.money import amount, text, totals
from outlay.reconcile.invoice import Invoice, read
from outlay.reconcile.stored import Stored, stored

if TYPE_CHECKING:
    from outlay.core.ports import Warehouse
    from outlay.state import State

__all__ = ["Invoice", "Reconciliation", "as_json", "of_readings", "read", "reconcile"]

PRECISION = 60  # digits: a rate and an amount have 38 each at most
WHOLE = frozenset({"CLP", "IDR", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"})  # billed without cents

_TOTAL = re.compile(r"(^|_)invoice(_current|_previous)?_total(_[a-z]{3})?$")


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A month of a source as it is stored, and as it was invoiced.

    `stored`         as stored, in `stored_currency`; `compared`: the same in the invoice's currency
    `other_invoices` what is stored of the month on other invoices than the one compared with, left out
    `explanation`    None when the currencies differ and nobody told a rate; `implied_rate` is then what it would be
    """

    source: str
    month: date
    invoice: Invoice
    currency: str
    stored: Sums
    stored_currency: str
    compared: Sums
    other_invoices: Decimal
    rate: Decimal | None
    implied_rate: Decimal | None
    explanation: Explanation | None

    @property
    def result(self) -> str:
        """`equal`, `explained` or `unexplained`."""
        if self.explanation is None or self.explanation.unexplained:
            return "unexplained"
        return "explained" if self.explanation.difference else "equal"


def of_readings(state: State, source: str, month: date) -> Invoice:
    """The invoices' total of a month among what the source last read. Raises UsageError when there is none."""
    found = [
        each.reading
        for each in state.readings(source)
        if each.reading.days and each.reading.days.start == month and _TOTAL.search(each.reading.name)
    ]
    if not found:
        raise UsageError(
            f"no invoice of {month:%Y-%m} among the readings of {source}; name one: --invoice 1234.56, or a file"
        )
    sums = totals((each.unit, each.value) for each in found)
    if len(sums) > 1:
        raise UsageError(f"the readings of {source} have invoices in several currencies: {', '.join(sums)}")
    [(currency, total)] = sums.items()
    return Invoice(total, currency)


def reconcile(
    warehouse: Warehouse, source: str, month: date, invoice: Invoice, rate: Decimal | None = None
) -> Reconciliation:
    """Compare, and look for why they differ. `rate`: what one unit of the stored currency is in the invoice's.

    Raises UsageError for a source or month of which nothing is stored, and for a currency to choose; StoreError.
    """
    found = stored(warehouse, source, month)
    if not found.amounts:
        raise _nothing(warehouse, source, month)
    ours = _currency(found, invoice)
    theirs = invoice.currency or ours
    if rate is not None and ours == theirs:
        raise UsageError(f"both are in {ours}: leave out --rate")
    numbers = invoice.numbers if invoice.numbers and invoice.numbers <= found.numbers else None
    sums = found.sums(ours, numbers)
    with localcontext(prec=PRECISION):
        others = found.sums(ours).total - sums.total
        compared = _converted(sums, rate) if rate else sums
        implied, explanation = None, None
        if ours != theirs and rate is None:
            implied = round(invoice.total / sums.total, 6) if sums.total else None
        else:
            explanation = _explained(invoice, compared, theirs)
    return Reconciliation(source, month, invoice, theirs, sums, ours, compared, others, rate, implied, explanation)


def _explained(invoice: Invoice, sums: Sums, currency: str) -> Explanation:
    lines, whole = max(len(invoice.lines), 1), currency in WHOLE
    half = Decimal("0.5") if whole else Decimal("0.005")
    found = explain(invoice.total, sums, invoice.kinds, half * lines)
    told = f"rounding, within half a {'unit' if whole else 'cent'} a line"
    parts = [Part(each.category, each.amount, told if each.category == ROUNDING else each.what) for each in found.parts]
    return Explanation(found.difference, parts, found.unexplained, found.also)


def _converted(sums: Sums, rate: Decimal) -> Sums:
    def times(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
        return {kind: amount(cost * rate) for kind, cost in amounts.items()}

    return Sums(times(sums.billed), times(sums.effective))


def _currency(found: Stored, invoice: Invoice) -> str:
    """The currency of the charges to compare: the invoice's, or the only one there is."""
    known = found.currencies
    if invoice.currency in known:
        return str(invoice.currency)
    if len(known) > 1:
        told = "pick one with --currency" if invoice.currency is None else f"none is the invoice's {invoice.currency}"
        raise UsageError(f"what is stored is in several currencies, {', '.join(known)}: {told}")
    return known[0]


def _nothing(warehouse: Warehouse, source: str, month: date) -> UsageError:
    months: dict[str, list[str]] = {}
    for name, each, _ in warehouse.months():
        months.setdefault(name, []).append(f"{each:%Y-%m}")
    if source not in months:
        return UsageError(choices("source", source, [*months]))
    newest = ", ".join(sorted(months[source], reverse=True)[:12])
    return UsageError(f"nothing is stored that {source} billed in {month:%Y-%m}; there is: {newest}")


def as_json(found: Reconciliation) -> dict[str, Any]:
    """The JSON: amounts are decimal strings. `unexplained` is null where no difference can be told."""
    why = found.explanation
    return {
        "source": found.source,
        "month": f"{found.month:%Y-%m}",
        "result": found.result,
        "currency": found.currency,
        "stored": {
            "currency": found.stored_currency,
            "total": text(found.stored.total),
            "categories": {
                kind: {"billed": text(cost), "effective": text(found.stored.effective[kind])}
                for kind, cost in found.stored.billed.items()
            },
            "other_invoices": text(found.other_invoices),
        },
        "rate": None if found.rate is None else text(found.rate),
        "implied_rate": None if found.implied_rate is None else text(found.implied_rate),
        "compared": None if why is None else text(found.compared.total),
        "invoice": {
            "total": text(found.invoice.total),
            "lines": len(found.invoice.lines),
            "categories": {kind: text(cost) for kind, cost in (found.invoice.kinds or {}).items()},
        },
        "difference": None if why is None else text(why.difference),
        "parts": [
            {"category": part.category, "amount": text(part.amount), "what": part.what}
            for part in (why.parts if why else ())
        ],
        "also": [list(each) for each in (why.also if why else ())],
        "unexplained": None if why is None else text(why.unexplained),
    }
