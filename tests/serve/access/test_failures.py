"""Each client that goes on failing waits longer, is forgiven, and does not fill the memory."""

from __future__ import annotations

from outlay.serve.access.failures import CLIENTS_MAX, FORGIVEN_SECONDS, LAST_SECONDS, Failures


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_takes_longer_each_time_up_to_a_limit() -> None:
    found = Failures(Clock())
    assert [found.delay("a") for _ in range(9)] == [0, 0, 0, 0.25, 0.5, 1, 2, 4, 5]
    assert max(found.delay("a") for _ in range(5000)) == LAST_SECONDS
    assert found.delay("b") == 0


def test_after_a_while_it_is_forgiven() -> None:
    clock = Clock()
    found = Failures(clock)
    for _ in range(9):
        found.delay("a")
    clock.now += FORGIVEN_SECONDS - 1
    assert found.delay("a") == LAST_SECONDS
    clock.now += FORGIVEN_SECONDS + 1
    assert found.delay("a") == 0


def test_so_many_clients_are_remembered() -> None:
    found = Failures(Clock())
    for number in range(CLIENTS_MAX + 10):
        found.delay(str(number))
    assert len(found._found) == CLIENTS_MAX
