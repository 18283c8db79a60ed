"""Amounts as Azure's portals show them to people, `$2,354.00`, back into exact numbers with a currency."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from outlay.core.money import amount

# Signs that stand for one currency. `$` stands for many: which one, the settings say.
SIGNS: Mapping[str, str] = {
    "US$": "USD",
    "A$": "AUD",
    "AU$": "AUD",
    "C$": "CAD",
    "CA$": "CAD",
    "NZ$": "NZD",
    "R$": "BRL",
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
    "₩": "KRW",
    "ZŁ": "PLN",
}

_MINUS = "-\u2212"
_PARTS = re.compile(
    rf"(?P<before>[^\d({_MINUS}]*)(?P<minus>[{_MINUS}(]?)(?P<sign>\D*?)(?P<number>\d[\d.,]*)(?P<after>\D*)"
)
_POINT = re.compile(r"(\d+|\d{1,3}(,\d{2,3})*,\d{3})(\.\d+)?")  # 2,354.00, and India's 1,23,456.00
_COMMA = re.compile(r"(\d{1,3}(\.\d{3})+|\d+),\d{1,2}")  # 2.354,00


def spend_of(shown: Any, dollar: str) -> tuple[Decimal, str]:
    """The amount and its currency; `dollar` is the currency of a bare `$` or of no sign at all.

    A minus anywhere before the digits and parentheses are below zero. Raises ValueError for what is no amount, and for
    a sign that is not known.
    """
    if isinstance(shown, int | Decimal) and not isinstance(shown, bool):
        return amount(shown), dollar
    found = _PARTS.fullmatch(re.sub(r"[\s'\u2019]", "", shown)) if isinstance(shown, str) else None
    if found is None:
        raise ValueError(f"not an amount: {shown!r}")
    return _signed(found, shown) * _number(found["number"], shown), _currency(found, dollar, shown)


def _signed(found: re.Match[str], shown: str) -> int:
    if (found["minus"] == "(") is not found["after"].endswith(")"):
        raise ValueError(f"not an amount, its parentheses do not close: {shown!r}")
    return -1 if found["minus"] else 1


def _number(digits: str, shown: str) -> Decimal:
    if _POINT.fullmatch(digits):
        return amount(digits.replace(",", ""))
    if _COMMA.fullmatch(digits):
        return amount(digits.replace(".", "").replace(",", "."))
    raise ValueError(f"not an amount: {shown!r}")


def _currency(found: re.Match[str], dollar: str, shown: str) -> str:
    sign = "".join(filter(None, (found["before"], found["sign"], found["after"].removesuffix(")")))).upper()
    if sign in {"", "$"}:
        return dollar
    if re.fullmatch("[A-Z]{3}", sign):
        return sign
    if sign not in SIGNS:
        raise ValueError(
            f"a currency that is not known, in {shown!r}; known are $, codes such as EUR, {' '.join(SIGNS)}"
        )
    return SIGNS[sign]
