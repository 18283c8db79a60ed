"""Paid calls: never past a limit, however many book at once; what they cost, to the last nano-dollar."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest

from outlay.core.errors import SpendError, ThrottledError
from outlay.core.ports import Ledger
from outlay.state import Limits, State, books

CENT = Decimal("0.01")


def booked(ledger: Ledger, usd: Decimal = CENT) -> bool:
    try:
        ledger.pay("Ask", usd, "1")
    except (SpendError, ThrottledError):
        return False
    return True


def test_a_cap_holds_over_sources_threads_and_connections(url: str) -> None:
    states = [State(url) for _ in range(2)]
    ledgers = [state.books(f"aws-{i}", Limits(Decimal("0.2"))) for i, state in enumerate(states * 2)]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda i: booked(ledgers[i % 4]), range(60)))
    assert sum(done) == 20
    assert sum(each.usd for each in states[0].spent()) == Decimal("0.2")
    for state in states:
        state.close()


def test_free_calls_are_counted_and_never_refused(state: State) -> None:
    ledger = state.books("heroku", Limits(Decimal(0), 1))
    assert [booked(ledger, Decimal(0)) for _ in range(3)] == [True] * 3
    assert not booked(ledger, Decimal("0.000000001"))
    assert [(each.calls, each.usd) for each in state.spent()] == [(3, Decimal(0))]
    assert ledger.paid == 0


def test_a_part_of_a_nano_dollar_counts_as_one(state: State) -> None:
    assert booked(state.books("gcp", Limits()), Decimal("0.0000000001"))
    assert [each.usd for each in state.spent()] == [Decimal("0.000000001")]


def test_the_hour_is_counted_for_each_source(state: State) -> None:
    one, two = (state.books(name, Limits(paid_per_hour=2)) for name in ("one", "two"))
    assert [booked(one), booked(one), booked(one), booked(two)] == [True, True, False, True]
    with pytest.raises(ThrottledError, match="one: 2 paid calls in the last hour, as many as are allowed"):
        one.pay("Ask", CENT)


def test_what_can_be_afforded(state: State) -> None:
    ledger = state.books("aws", Limits(Decimal("0.03")))
    assert booked(ledger)
    ledger.afford(Decimal("0.02"))
    ledger.afford(Decimal(0))
    with pytest.raises(SpendError, match=r"^aws: calls for 0\.03 USD are left out, as 0\.01 of the 0\.03 USD that"):
        ledger.afford(Decimal("0.03"))
    state.books("aws", Limits()).afford(Decimal(10**6))


def test_an_answer_is_kept_per_source_and_not_for_long(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, other = state.books("aws", Limits()), state.books("gcp", Limits())
    ledger.keep("page", b"one")
    ledger.keep("page", b"two")
    other.keep("page", b"three")
    assert (ledger.kept("page"), other.kept("page"), ledger.kept("else")) == (b"two", b"three", None)
    other.stored()
    assert (ledger.kept("page"), other.kept("page")) == (b"two", None)
    monkeypatch.setattr(books, "ANSWERS_KEPT", timedelta(0))
    assert ledger.kept("page") is None


def test_days_settle_when_their_span_is_stored(state: State) -> None:
    ledger, days = state.books("aws", Limits(), "a"), [date(2026, 10, day) for day in (1, 2)]
    ledger.settle(days)
    assert ledger.settled == frozenset()
    ledger.failed()
    ledger.stored()
    assert ledger.settled == frozenset()
    for _ in range(2):
        ledger.settle(days)
        ledger.stored()
    assert ledger.settled == state.books("aws", Limits(), "a").settled == set(days)
    assert state.books("aws", Limits(), "b").settled == state.books("gcp", Limits(), "a").settled == frozenset()


def test_what_is_old_is_forgotten(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = state.books("aws", Limits())
    ledger.pay("Ask", CENT)
    ledger.keep("page", b"one")
    state.forget()
    assert (len(state.spent()), ledger.kept("page")) == (1, b"one")
    monkeypatch.setattr(books, "CALLS_KEPT", timedelta(0))
    state.forget()
    assert state.spent() == []
