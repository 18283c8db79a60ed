from __future__ import annotations

from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.core.money import amount, shown, text, totals

AMOUNTS = st.integers(-(10**38) + 1, 10**38 - 1).map(lambda n: Decimal(n).scaleb(-18, Context(prec=38)))


@pytest.mark.parametrize(
    ("given", "exact"),
    [
        ("1.5", "1.500000000000000000"),
        ("-0.000000000000000001", "-0.000000000000000001"),
        ("1e-7", "0.000000100000000000"),
        ("1E+3", "1000.000000000000000000"),
        (7, "7.000000000000000000"),
        (Decimal("99999999999999999999.999999999999999999"), "99999999999999999999.999999999999999999"),
        ("0.0000000000000000005", "0.000000000000000000"),
        ("0.0000000000000000015", "0.000000000000000002"),
        ("-0.0000000000000000025", "-0.000000000000000002"),
    ],
)
def test_an_amount_has_18_places_rounded_half_even_beyond(given: str | int | Decimal, exact: str) -> None:
    assert format(amount(given), "f") == exact


@pytest.mark.parametrize("bad", ["", "x", "1,5", "NaN", "sNaN", "Infinity", "-inf", "1e20", "100000000000000000000"])
def test_what_is_no_amount_or_too_large_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        amount(bad)


def test_a_float_is_refused_as_it_has_lost_digits() -> None:
    with pytest.raises(TypeError, match=r"a float is not money: 0\.1"):
        amount(0.1)  # type: ignore[arg-type]


@given(AMOUNTS)
def test_any_amount_reads_back_from_its_text(value: Decimal) -> None:
    plain = text(value)
    assert amount(plain) == value
    assert "e" not in plain.lower()
    assert "." not in plain or plain[-1] not in "0."


@pytest.mark.parametrize(
    ("value", "plain"),
    [("0E-18", "0"), ("-0.000", "0"), ("1E+3", "1000"), ("100", "100"), ("12.50", "12.5"), ("-1.0", "-1")],
)
def test_text_is_short_and_without_exponent(value: str, plain: str) -> None:
    assert text(Decimal(value)) == plain


def test_people_see_two_places() -> None:
    assert shown(Decimal("-1234567.005"), "USD") == "-1,234,567.00 USD"
    assert shown(Decimal("0.015"), "EUR") == "0.02 EUR"


def test_totals_are_exact_and_by_currency() -> None:
    large, least = Decimal("99999999999999999998"), Decimal("0.000000000000000001")
    pairs = [("USD", large), ("EUR", Decimal(2)), ("USD", least), ("EUR", Decimal("-2")), ("USD", Decimal(1))]
    assert totals(pairs) == {"EUR": 0, "USD": Decimal("99999999999999999999.000000000000000001")}
    assert list(totals(pairs)) == ["EUR", "USD"]
    assert totals([]) == {}
