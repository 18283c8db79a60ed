"""Why an invoice differs from what is stored: the fewest causes that add up, exactly."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations

import pytest

from outlay.analysis.reconciling import KINDS, Part, Sums, explain

STORED = {"usage": "1000.10", "commitment_fees": "200", "support": "29.03", "tax": "190.07", "credits": "-12"}


def sums(billed: dict[str, str], **effective: str) -> Sums:
    """What is stored; effective costs are the billed ones unless told."""
    whole = {kind: Decimal(cost) for kind, cost in billed.items()}
    return Sums(whole, whole | {kind: Decimal(cost) for kind, cost in effective.items()})


def parts(found: list[Part] | object) -> list[tuple[str, str]]:
    assert isinstance(found, list | tuple)
    return [(part.category, str(part.amount)) for part in found]


def test_equal() -> None:
    found = explain(Decimal("1407.20"), sums(STORED))
    assert (found.difference, found.unexplained) == (Decimal(0), Decimal(0))
    assert not found.parts
    assert not found.also


@pytest.mark.parametrize("many", range(1, 5))
def test_whatever_is_left_out_is_found(many: int) -> None:
    stored = sums(STORED)
    for left_out in combinations([kind for kind in KINDS[1:] if kind in STORED], many):
        total = stored.total - sum(stored.billed[kind] for kind in left_out)
        found = explain(total, stored)
        assert [part.category for part in found.parts] == [*left_out]
        assert sum(part.amount for part in found.parts) == found.difference
        assert found.unexplained == 0


def test_the_sign_and_the_words() -> None:
    (part,) = explain(Decimal("1419.20"), sums(STORED)).parts
    assert part == Part("credits", Decimal(12), "the invoice leaves out credits")


def test_amortised_costs_and_what_else_is_left_out() -> None:
    stored = sums(STORED, usage="1150.10", commitment_fees="0")
    spread = explain(Decimal("1357.20"), stored)
    assert parts(spread.parts) == [("amortisation", "-50.00")]
    # With the tax left out as well, and with fees that are billed elsewhere.
    assert parts(explain(Decimal("1167.13"), stored).parts) == [("tax", "-190.07"), ("amortisation", "-50.00")]
    assert parts(explain(Decimal("1207.20"), stored).parts) == [("commitment_fees", "-200")]


def test_no_amortisation_where_there_is_none() -> None:
    assert explain(Decimal("1407.21"), sums(STORED)).unexplained == Decimal("0.01")


def test_rounding_is_the_last_resort_and_bounded() -> None:
    stored = sums(STORED | {"usage": "1000.104"})
    half = Decimal("0.005")
    assert parts(explain(Decimal("1407.20"), stored, rounding=half).parts) == [("rounding", "-0.004")]
    assert parts(explain(Decimal("1419.20"), stored, rounding=half).parts) == [
        ("credits", "12"),
        ("rounding", "-0.004"),
    ]
    assert explain(Decimal("1407.21"), stored, rounding=half).unexplained == Decimal("0.006")
    small = sums({"usage": "10", "credits": "-0.004"})
    found = explain(Decimal(10), small, rounding=half)
    assert (parts(found.parts), found.also) == ([("credits", "0.004")], [("rounding",)])


def test_other_causes_of_the_same_size_are_told() -> None:
    stored = sums({"usage": "10", "credits": "-2", "refunds": "-2"})
    found = explain(Decimal(8), stored)
    assert (parts(found.parts), found.also) == ([("credits", "2")], [("refunds",)])


def test_lines_of_a_kind_are_not_left_out_and_those_we_lack_are_told() -> None:
    lines = {"usage": Decimal("1000.10"), "tax": Decimal("190.07"), "refunds": Decimal(-3)}
    stored = sums({"usage": "1000.10", "tax": "190.07", "support": "29.03"})
    found = explain(Decimal("1187.17"), stored, lines)
    assert parts(found.parts) == [("support", "-29.03"), ("refunds", "-3")]
    assert [part.what for part in found.parts] == ["the invoice leaves out support", "only the invoice has refunds"]


def test_what_no_cause_explains_is_told_beside_what_lines_say() -> None:
    lines = {"usage": Decimal(900), "tax": Decimal(19)}
    found = explain(Decimal(919), sums({"usage": "1000", "credits": "-5"}), lines)
    assert parts(found.parts) == [("tax", "19"), ("credits", "5")]
    assert (found.difference, found.unexplained) == (Decimal(-76), Decimal(-100))
    nothing = explain(Decimal(919), sums({"usage": "1000", "credits": "-5"}))
    assert (nothing.parts, nothing.unexplained) == ([], Decimal(-76))


def test_exact_to_the_last_digit() -> None:
    big = sums({"usage": "12345678901234567890.000000000000000001", "tax": "0.000000000000000001"})
    found = explain(Decimal("12345678901234567890.000000000000000001"), big)
    assert parts(found.parts) == [("tax", "-1E-18")]
    assert explain(Decimal("12345678901234567890"), big).unexplained == Decimal("-2E-18")
