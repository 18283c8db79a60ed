"""Why an invoice's total is not what is stored: the fewest known causes that add up to the difference, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from itertools import combinations

from outlay.core.money import PRECISION, totals

# The kinds of charges that an invoice may count or leave out. `usage` is what no invoice is without.
KINDS = ("usage", "commitment_fees", "purchases", "support", "tax", "credits", "refunds")
AMORTISATION = "amortisation"
ROUNDING = "rounding"

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Sums:
    """What is stored, by kind of charge: as billed, and with the fees of commitments spread (effective)."""

    billed: Mapping[str, Decimal]
    effective: Mapping[str, Decimal]

    @property
    def total(self) -> Decimal:
        return _added(self.billed.values())

    @property
    def total_effective(self) -> Decimal:
        return _added(self.effective.values())


@dataclass(frozen=True, slots=True)
class Part:
    """One cause, and how much of the difference it makes."""

    category: str
    amount: Decimal
    what: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The difference, invoice less stored, is the sum of `parts` and of what is `unexplained`.

    `also`  other sets of as few causes that add up to it, too, by their categories
    """

    difference: Decimal
    parts: Sequence[Part]
    unexplained: Decimal
    also: Sequence[tuple[str, ...]] = field(default=())


def explain(
    total: Decimal, stored: Sums, lines: Mapping[str, Decimal] | None = None, rounding: Decimal = _ZERO
) -> Explanation:
    """What makes an invoice's `total` differ from the total that is stored, all in one currency.

    `lines`     the invoice's own sums by kind, if it tells kinds: what it has lines of it does not leave out
    `rounding`  how far rounding alone may lead
    """
    with localcontext(prec=PRECISION):
        return _explain(total, stored, lines or {}, rounding)


def _explain(total: Decimal, stored: Sums, lines: Mapping[str, Decimal], rounding: Decimal) -> Explanation:
    difference = total - stored.total
    causes = [*_causes(stored, lines)]
    for many in range(len(causes) + 2):
        exact = [parts for parts in _sets(causes, many, stored) if _sum(parts) == difference]
        rounded = [
            [*parts, Part(ROUNDING, rest, "amounts are rounded")]
            for parts in (_sets(causes, many - 1, stored) if many else ())
            if (rest := difference - _sum(parts)) and abs(rest) <= rounding
        ]
        if found := [*exact, *rounded]:
            return Explanation(difference, found[0], _ZERO, [_names(each) for each in found[1:]])
    # No set does. What the invoice's lines say of whole kinds is true all the same.
    facts = [cause for cause in causes if cause.category != AMORTISATION] if lines else []
    return Explanation(difference, facts, difference - _sum(facts))


def _causes(stored: Sums, lines: Mapping[str, Decimal]) -> Iterator[Part]:
    """Every cause that may be one, alone."""
    for kind in KINDS[1:]:
        ours, theirs = stored.billed.get(kind, _ZERO), lines.get(kind, _ZERO)
        told = kind.replace("_", " ")
        if ours and not theirs:
            yield Part(kind, -ours, f"the invoice leaves out {told}")
        elif theirs and not ours:
            yield Part(kind, theirs, f"only the invoice has {told}")
    if any(stored.effective.get(kind, _ZERO) != cost for kind, cost in stored.billed.items()):
        yield Part(AMORTISATION, _ZERO, "the fees of commitments are spread")


def _sets(causes: Sequence[Part], many: int, stored: Sums) -> Iterator[list[Part]]:
    """Every set of so many causes; what is left out is not amortised either."""
    for chosen in combinations(causes, many):
        parts = [_amortised(chosen, each, stored) if each.category == AMORTISATION else each for each in chosen]
        if all(part.amount for part in parts):
            yield parts


def _amortised(chosen: Sequence[Part], part: Part, stored: Sums) -> Part:
    left_out = {each.category for each in chosen}
    kept = [kind for kind in stored.billed if kind not in left_out]
    amount = _added([*(stored.effective.get(kind, _ZERO) for kind in kept), *(-stored.billed[kind] for kind in kept)])
    return Part(part.category, amount, part.what)


def _sum(parts: Sequence[Part]) -> Decimal:
    return _added(part.amount for part in parts)


def _added(amounts: Iterable[Decimal]) -> Decimal:
    return totals(("", each) for each in amounts).get("", _ZERO)


def _names(parts: Sequence[Part]) -> tuple[str, ...]:
    return tuple(part.category for part in parts)
