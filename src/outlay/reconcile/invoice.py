"""An invoice: an amount, or a file of lines. What it says of each line tells the kind of charge."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from outlay.core.errors import UsageError
from outlay.core.money import amount, text, totals

# What a column may be called, ours first, then FOCUS's; without regard to case.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "amount": ("amount", "billedcost"),
    "currency": ("currency", "billingcurrency"),
    "category": ("category", "chargecategory"),
    "description": ("description", "chargedescription"),
    "service": ("service", "servicename"),
    "invoice": ("invoice", "invoiceid"),
    "month": ("month", "billingperiodstart"),
    "commitment": ("commitment", "commitmentdiscountid"),
}
TOTAL = "total"

# The first that a line's words match is its kind; else it is usage.
_WORDS = (
    ("tax", r"\b(tax|taxes|vat|gst|hst)\b"),
    ("refunds", r"\b(refunds?|adjustments?)\b"),
    ("credits", r"\b(credits?)\b"),
    ("support", r"support"),
    ("commitment_fees", r"\b(commitments?|savings plans?|reserved|reservations?)\b"),
    ("purchases", r"\b(purchases?|fees?|subscriptions?)\b"),
)
_NUMBER = r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d*)(?:\.\d+|(?<=\d))"  # 1,234.56, but not 1,5: that is 1.5 to some
_AMOUNT = re.compile(rf"(?:([A-Za-z]{{3}})\s+)?({_NUMBER})(?:\s+([A-Za-z]{{3}}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `currency` and `invoice` (its number) as far as it says so."""

    amount: Decimal
    kind: str = "usage"
    currency: str | None = None
    invoice: str | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """What the provider asks for. `currency` None: it does not say."""

    total: Decimal
    currency: str | None = None
    lines: Sequence[Line] = ()

    @property
    def kinds(self) -> dict[str, Decimal] | None:
        """The lines' sums by kind; None when no line tells another than usage."""
        found = totals((line.kind, line.amount) for line in self.lines)
        return found if found.keys() - {"usage"} else None

    @property
    def numbers(self) -> set[str]:
        """The numbers of the invoices that the lines are on."""
        return {line.invoice for line in self.lines if line.invoice}


def read(given: str, month: date, currency: str | None = None) -> Invoice:
    """The invoice that an amount (`1234.56`, `1234.56 EUR`) or a CSV or JSON file tells.

    Of a file whose lines name months only those of `month` count; of lines in several currencies only those in
    `currency`. Raises UsageError, with the place.
    """
    if found := _AMOUNT.fullmatch(given.strip()):
        before, number, after = found.groups()
        told = (before or after or currency or "").upper() or None
        return _asked(Invoice(amount(number.replace(",", "")), told), currency, given)
    path = Path(given)
    try:
        data = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(
            f"--invoice {given!r} is neither an amount, such as 1234.56 or '1234.56 EUR', nor a file"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {given}: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    rows, whole = _json(data, given) if data.lstrip()[:1] in {"{", "["} else (_csv(data, given), {})
    return _made(rows, whole, given, month, currency)


def _made(
    rows: Sequence[tuple[str, Mapping[str, Any]]], whole: Mapping[str, Any], path: str, month: date, asked: str | None
) -> Invoice:
    told = str(whole.get("currency") or "").upper() or None
    sums: list[tuple[Line, str]] = []
    lines: list[Line] = []
    for place, row in rows:
        if row.get("month") and str(row["month"])[:7] != f"{month:%Y-%m}":
            continue
        line = _line(row, place)
        line = replace(line, currency=line.currency or told)
        if asked and line.currency and line.currency != asked:
            continue
        if str(row.get("category") or "").strip().lower() == TOTAL:
            sums.append((line, place))
        else:
            lines.append(line)
    if TOTAL in whole:
        sums.append((Line(_number(whole[TOTAL], f"{path}: total"), currency=told), f"{path}: total"))
    if not sums and not lines:
        raise UsageError(f"{path} has neither a total nor lines of {month:%Y-%m}{f' in {asked}' if asked else ''}")
    currencies = sorted({line.currency for line in [*lines, *(line for line, _ in sums)] if line.currency})
    if len(currencies) > 1:
        raise UsageError(f"{path} has lines in several currencies: pick one with --currency: {', '.join(currencies)}")
    added = totals(("", line.amount) for line in lines).get("", Decimal(0))
    if lines and sums and sums[0][0].amount != added:
        raise UsageError(f"{sums[0][1]} is {text(sums[0][0].amount)}, but its lines add up to {text(added)}")
    total = sums[0][0].amount if sums else added
    return _asked(Invoice(total, currencies[0] if currencies else asked, tuple(lines)), asked, path)


def _asked(invoice: Invoice, currency: str | None, given: str) -> Invoice:
    if currency and invoice.currency != currency:
        raise UsageError(f"--invoice {given} is in {invoice.currency}, --currency says {currency}")
    return invoice


def _line(row: Mapping[str, Any], place: str) -> Line:
    if row.get("amount") in {None, ""}:
        raise UsageError(f"{place} has no amount")
    return Line(
        _number(row["amount"], place),
        _kind(row),
        str(row.get("currency") or "").strip().upper() or None,
        str(row.get("invoice") or "").strip() or None,
    )


def _number(value: object, place: str) -> Decimal:
    try:
        if isinstance(value, str) and re.fullmatch(_NUMBER, value.strip(), re.ASCII):
            return amount(value.strip().replace(",", ""))
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return amount(value)
    except ValueError:
        pass
    raise UsageError(f"{place} is no amount: {str(value)[:40]!r}; write it as 1234.56")


def _kind(row: Mapping[str, Any]) -> str:
    """What a line's category says, or else its description; a fee may be one of support or of a commitment."""
    category, said = (str(row.get(name) or "").lower() for name in ("category", "description"))
    kind = _match(category) if category else _match(said)
    if kind == "purchases" and row.get("commitment"):
        return "commitment_fees"
    if kind in {"usage", "purchases"}:
        finer = _match(f"{row.get('service') or ''} {said}".lower())
        return (
            finer if finer in {"support", "commitment_fees"} and (kind == "purchases" or finer == "support") else kind
        )
    return kind


def _match(words: str) -> str:
    return next((kind for kind, pattern in _WORDS if re.search(pattern, words)), "usage")


def _csv(data: str, path: str) -> list[tuple[str, dict[str, Any]]]:
    """Each row, with its place."""
    reader = csv.reader(io.StringIO(data, newline=""))
    header = next(reader, [])
    names = _named(header)
    if "amount" not in names.values():
        raise UsageError(f"{path}:1: no column amount (or BilledCost); there are: {', '.join(header)[:200] or 'none'}")
    found = []
    for row in reader:
        if any(cell.strip() for cell in row):
            if len(row) != len(header):
                raise UsageError(f"{path}:{reader.line_num}: {len(row)} values for {len(header)} columns")
            cells = zip(header, row, strict=True)
            found.append((f"{path}:{reader.line_num}", {names[key]: cell for key, cell in cells if key in names}))
    return found


def _json(data: str, path: str) -> tuple[list[tuple[str, dict[str, Any]]], Mapping[str, Any]]:
    """Each line, with its place; and what is told of the whole invoice."""
    try:
        tree = json.loads(data, parse_float=Decimal)
    except ValueError as error:
        raise UsageError(f"{path} is no JSON: {error}") from None
    whole = tree if isinstance(tree, dict) else {"lines": tree}
    lines = whole.get("lines", [])
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise UsageError(f'{path}: lines should be a list such as [{{"amount": "1234.56", "category": "tax"}}]')
    found = []
    for number, line in enumerate(lines, 1):
        names = _named(line)
        found.append((f"{path}: line {number}", {names[key]: value for key, value in line.items() if key in names}))
    return found, whole


def _named(header: Sequence[str] | Mapping[str, Any]) -> dict[str, str]:
    """Our name of each column that we know."""
    known = {word: name for name, words in COLUMNS.items() for word in words}
    found: dict[str, str] = {}
    taken: dict[str, str] = defaultdict(str)
    for key in header:
        name = known.get(key.strip().lower())
        if name and not taken[name]:
            found[key], taken[name] = name, key
    return found
