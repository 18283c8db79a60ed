from __future__ import annotations

from outlay.cache.memory import OVERHEAD_BYTES, Memory

ENTRY = b"x" * (1000 - OVERHEAD_BYTES)


def test_it_stays_within_its_limit_and_forgets_what_was_not_asked_for_longest() -> None:
    memory = Memory(3000)
    for name in "abc":
        memory.put(f"queries/{name}", ENTRY, 60)
    memory.get("queries/a")
    memory.put("queries/d", ENTRY, 60)

    assert [name for name in "abcd" if memory.get(f"queries/{name}")] == ["a", "c", "d"]
    assert memory.sizes()["queries"].bytes == 3000


def test_what_is_larger_than_all_there_is_pushes_nothing_out() -> None:
    memory = Memory(3000)
    memory.put("queries/a", ENTRY, 60)
    memory.put("queries/b", ENTRY * 5, 60)
    assert (memory.get("queries/a"), memory.get("queries/b")) == (ENTRY, None)
    memory.put("queries/a", ENTRY * 5, 60)
    assert memory.get("queries/a") is None, "what it would have taken the place of is not true any more"
    assert memory.sizes() == {}
