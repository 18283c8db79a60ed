"""Answers of providers in front of the books: paid once, by who paid, for as long as they are young."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, SecretStr

from outlay.cache import Guarded
from outlay.cache.answers import Answers, CachedLedger, kind_of
from outlay.cache.disk import Disk
from outlay.cache.memory import Memory
from outlay.core.ports import Ledger, Source
from outlay.core.span import Period, Window
from outlay.sources.aws import Aws
from outlay.state import Books, Limits, State
from tests.cache.conftest import DAY, MIB, Clock
from tests.clouds import aws
from tests.clouds.cloud import Charge

TTL = 3600
PRICE = Decimal("0.01")


class Asks(BaseModel):
    """A source that asks for one page after the other, and pays for each that is not kept."""

    model_config = ConfigDict(frozen=True)

    name: str = "asks"
    key: SecretStr | None = None
    roles: tuple[Mapping[str, Any], ...] = ()

    def ask(self, ledger: Ledger, *pages: str) -> list[bytes]:
        return list(self._ask(ledger, pages))

    def _ask(self, ledger: Ledger, pages: tuple[str, ...]) -> Iterator[bytes]:
        for page in pages:
            answer = ledger.kept(page)
            if not answer:
                ledger.pay("Ask", PRICE)
                answer = json.dumps([page, PAID[-1]]).encode()
                PAID.append(PAID[-1] + 1)
                ledger.keep(page, answer)
            yield answer


PAID = [0]
ONE = Asks(key=SecretStr("one's"))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with closing(State(f"sqlite:///{tmp_path}/state.db")) as opened:
        yield opened


@pytest.fixture
def cache(clock: Clock) -> Guarded:
    return Guarded(Memory(MIB), "memory", clock)


def ledger(
    cache: Guarded | None, books: Ledger, source: object = ONE, account: str | None = None, *, fresh: bool = False
) -> CachedLedger:
    asking: Source = source  # type: ignore[assignment] # as far as a ledger looks at it
    return Answers(cache, lambda _: TTL, fresh).before(books, asking, lambda: account)


def books(state: State, name: str = "asks") -> Books:
    return state.books(name, Limits())


def test_a_second_run_pays_for_nothing_while_the_answers_are_young(state: State, cache: Guarded, clock: Clock) -> None:
    first = books(state)
    got = ONE.ask(ledger(cache, first), "page 1", "page 2")
    first.stored()
    clock.now += TTL - 1

    second = books(state)
    assert ONE.ask(ledger(cache, second), "page 1", "page 2") == got
    assert (first.paid, second.paid) == (2, 0)
    second.stored()
    clock.now += 1
    third = books(state)
    assert ONE.ask(ledger(cache, third), "page 1", "page 2") != got
    assert third.paid == 2


def test_fresh_goes_round_all_of_before_and_is_kept_for_others(state: State, cache: Guarded) -> None:
    first = books(state)
    old = ONE.ask(ledger(cache, first), "page 1", "page 2")  # not stored: the books keep it too
    second = books(state)
    fresh = ledger(cache, second, fresh=True)
    new = ONE.ask(fresh, "page 1")
    assert (second.paid, new[0] != old[0]) == (1, True)
    assert ONE.ask(fresh, "page 1") == new, "what it got itself is no answer of before"
    second.stored()
    third = books(state)
    assert ONE.ask(ledger(cache, third), "page 1", "page 2") == [*new, old[1]]
    assert third.paid == 0


def test_without_a_cache_the_books_keep_what_failed_and_fresh_goes_round_it(state: State) -> None:
    first = books(state)
    old = ONE.ask(ledger(None, first), "page 1")
    assert ONE.ask(ledger(None, books(state)), "page 1") == old
    assert ONE.ask(ledger(None, books(state), fresh=True), "page 1") != old
    books(state).stored()
    assert ledger(None, books(state)).kept("page 1") is None


def test_an_answer_that_was_taken_back_is_kept_nowhere(state: State, cache: Guarded) -> None:
    asked = ledger(cache, books(state))
    asked.keep("page 1", b"an answer")
    asked.keep("page 1", b"")
    books(state).stored()
    assert not ledger(cache, books(state)).kept("page 1")


def test_what_is_kept_briefly_is_in_the_cache_alone(state: State, cache: Guarded) -> None:
    asked = ledger(cache, books(state))
    asked.keep("page 1", b"free", briefly=True)
    assert (books(state).kept("page 1"), ledger(cache, books(state)).kept("page 1")) == (None, b"free")
    assert ledger(cache, books(state), fresh=True).kept("page 1") is None
    asked.keep("page 1", b"", briefly=True)
    assert ledger(cache, books(state)).kept("page 1") is None
    alone = ledger(None, books(state))
    alone.keep("page 1", b"free", briefly=True)
    assert alone.kept("page 1") is None


def test_what_the_books_take_back_counts_though_the_cache_was_down(state: State, cache: Guarded) -> None:
    asked = ledger(cache, books(state))
    asked.keep("page 1", b"an answer")
    ledger(None, books(state)).keep("page 1", b"")
    assert not ledger(cache, books(state)).kept("page 1")


@pytest.mark.parametrize(
    ("other", "account"),
    [
        (Asks(key=SecretStr("two's")), None),
        (Asks(key=SecretStr("one's"), name="asks-2"), None),
        (Asks(key=SecretStr("one's"), roles=({"arn": "a"},)), None),
        (ONE, "222222222222"),
        (Asks(), None),
        (Asks(), "111111111111"),
    ],
)
def test_others_do_not_find_it(state: State, cache: Guarded, other: Asks, account: str | None) -> None:
    mine = books(state)
    ONE.ask(ledger(cache, mine), "page 1")
    mine.stored()
    assert ledger(cache, books(state), other, account).kept("page 1") is None
    assert ledger(cache, books(state)).kept("page 1") is not None


def test_secrets_anywhere_tell_askers_apart(state: State, cache: Guarded) -> None:
    one, two = (Asks(roles=({"deep": [{"secret": SecretStr(text)}]},)) for text in ("one", "two"))
    ledger(cache, books(state), one).keep("page 1", b"one's")
    books(state).stored()
    assert ledger(cache, books(state), two).kept("page 1") is None
    assert ledger(cache, books(state), one).kept("page 1") == b"one's"


def test_of_whom_nobody_knows_as_whom_it_asks_nothing_is_kept(state: State, cache: Guarded) -> None:
    for source in (Asks(), object()):
        if isinstance(source, Asks):
            ledger(cache, books(state), source).keep("page 1", b"whose?")
            books(state).stored()
            assert ledger(cache, books(state), source).kept("page 1") is None
    assert cache.cache.sizes() == {}
    known = Asks()
    ledger(cache, books(state), known, "111111111111").keep("page 1", b"theirs")
    books(state).stored()
    assert ledger(cache, books(state), known, "111111111111").kept("page 1") == b"theirs"


def test_the_account_is_asked_for_with_the_first_answer_only(state: State, cache: Guarded) -> None:
    told: list[str] = []

    def account() -> str:
        told.append("asked")
        return "111111111111"

    asking: Any = ONE
    made = Answers(cache, lambda _: TTL).before(books(state), asking, account)
    made.pay("Ask", PRICE)
    assert told == []
    for _ in range(3):
        made.kept("page 1")
        made.keep("page 1", b"x")
    assert told == ["asked"]


def test_no_secret_is_in_the_cache(state: State, tmp_path: Path) -> None:
    secret = "a-very-secret-key"
    source = Asks(key=SecretStr(secret))
    asked = ledger(Guarded(Disk(tmp_path / "cache", MIB, DAY), "disk"), books(state), source)
    source.ask(asked, "page 1")
    [entry] = (path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert secret not in str(entry) + repr(vars(asked))
    assert secret.encode() not in entry.read_bytes()


def test_the_rest_is_the_ledgers_own(state: State, cache: Guarded) -> None:
    mine = books(state)
    asked = ledger(cache, mine)
    asked.pay("Ask", PRICE, "111111111111")
    asked.settle([date(2026, 10, 1)])
    mine.stored()
    assert asked.settled == {date(2026, 10, 1)}
    assert [(spent.account, spent.usd) for spent in state.spent()] == [("111111111111", PRICE)]


@given(answer=st.binary(min_size=1, max_size=300))
def test_an_answer_is_byte_for_byte_what_was_got(answer: bytes) -> None:
    with closing(State("sqlite://")) as state:
        cache = Guarded(Memory(MIB), "memory")
        ledger(cache, books(state)).keep("page 1", answer)
        books(state).stored()
        assert ledger(cache, books(state)).kept("page 1") == answer


def test_how_long_is_by_the_kind_of_source() -> None:
    asked: list[str] = []

    def seconds(kind: str) -> float:
        asked.append(kind)
        return TTL

    source = Aws(name="aws-prod", access_key_id=SecretStr("k"), secret_access_key=SecretStr("s"))
    Answers(None, seconds).before(State("sqlite://").books("x", Limits()), source, lambda: None)
    assert (asked, kind_of(source)) == (["aws"], "aws")


def test_cost_explorer_is_paid_once_an_hour(state: State, cache: Guarded, clock: Clock) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with closing(aws.start()) as cloud:
        cloud.give([Charge(yesterday, "Amazon EC2", "us-east-1", Decimal("1.25"))])
        source = Aws.model_validate(cloud.settings())

        def collected(*, fresh: bool = False) -> tuple[Decimal, int]:
            mine = books(state, "aws")
            asking = source.with_ledger(ledger(cache, mine, source, fresh=fresh))
            [span] = asking.spans(Window(Period.last(1, yesterday + timedelta(days=1)), asked=True))
            rows = [row for batch in asking.fetch(span) for row in batch.to_pylist()]
            mine.stored()
            return sum((row["billed_cost"] for row in rows), Decimal(0)), mine.paid

        pages = len(source.questions)
        assert collected() == (Decimal("1.25"), pages)
        cloud.give([Charge(yesterday, "Amazon EC2", "us-east-1", Decimal("2.5"))])
        assert collected() == (Decimal("1.25"), 0)
        assert collected(fresh=True) == (Decimal("2.5"), pages)
        assert collected() == (Decimal("2.5"), 0)
        clock.now += TTL
        assert collected() == (Decimal("2.5"), pages)
