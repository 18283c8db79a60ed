"""Money: decimals with 18 places, their text, and sums that never mix currencies. Never a float."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

PRECISION = 38
SCALE = 18

_QUANTUM = Decimal(1).scaleb(-SCALE)
_CONTEXT = Context(prec=PRECISION, rounding=ROUND_HALF_EVEN)


def amount(value: str | int | Decimal) -> Decimal:
    """The exact decimal of `value`, with 18 places (half-even beyond them).

    Raises ValueError for what is no finite number or does not fit 38 digits, and TypeError for a float:
    it has lost the digits already.
    """
    if isinstance(value, float):
        raise TypeError(f"a float is not money: {value!r}")
    try:
        number = Decimal(value)
        if not number.is_finite():
            raise ValueError(f"not an amount: {value!r}")
        return number.quantize(_QUANTUM, context=_CONTEXT)
    except InvalidOperation:
        raise ValueError(f"not an amount: {value!r}") from None


def text(value: Decimal) -> str:
    """The shortest plain text that reads back as the same number: no exponent, no trailing zeros."""
    plain = format(value, "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain == "-0" else plain


def shown(value: Decimal, currency: str) -> str:
    """`value` for people: two places, thousands apart, the currency behind."""
    return f"{value:,.2f} {currency}"


def totals(pairs: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """Sums of (currency, amount) pairs, one per currency, in the order of their names."""
    sums: dict[str, Decimal] = {}
    for currency, value in pairs:
        sums[currency] = _CONTEXT.add(sums.get(currency, Decimal(0)), value)
    return dict(sorted(sums.items()))
