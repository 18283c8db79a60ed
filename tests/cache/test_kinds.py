"""What every kind of cache does."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from outlay.cache import Cache, Guarded, Size
from tests.cache.conftest import AA, BB, CC, QUERY, Clock


def test_found_is_what_was_put(cache: Cache) -> None:
    odd = bytes(range(256)) * 5
    assert cache.get(AA) is None
    cache.put(AA, odd, 60)
    cache.put(BB, b"", 60)
    assert (cache.get(AA), cache.get(BB), cache.get(CC)) == (odd, b"", None)
    cache.put(AA, b"newer", 60)
    cache.drop(BB)
    cache.drop(CC)
    assert (cache.get(AA), cache.get(BB)) == (b"newer", None)


def test_clearing_one_kind_or_all(cache: Cache) -> None:
    for name in (AA, BB, QUERY):
        cache.put(name, b"x" * 100, 60)
    assert cache.sizes().keys() == {"answers", "queries"}
    assert cache.sizes()["answers"].entries == 2
    assert cache.sizes()["answers"].bytes >= 200

    assert cache.clear("answers") == 2
    assert (cache.get(AA), cache.get(QUERY)) == (None, b"x" * 100)
    assert cache.clear() == 1
    assert cache.sizes() == {}
    assert cache.clear() == 0


def test_entries_end(cache: Cache) -> None:
    guarded = Guarded(cache, "any")
    guarded.put("answers", "short", b"x", 0.15)
    guarded.put("answers", "long", b"x", 60)
    assert guarded.get("answers", "short", 60) == b"x"
    time.sleep(0.2)
    assert guarded.get("answers", "short", 60) is None
    assert guarded.get("answers", "long", 60) == b"x"
    assert guarded.get("answers", "long", 0.1) is None, "who reads it may want it younger"


def test_many_threads(cache: Cache) -> None:
    guarded = Guarded(cache, "any")

    def work(number: int) -> None:
        for turn in range(30):
            key = f"{(number + turn) % 5}"
            guarded.put("queries", key, key.encode() * 3000, 60)
            assert guarded.get("queries", key, 60) in {None, key.encode() * 3000}
            if turn % 10 == 9:
                guarded.drop("queries", key)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert not [result for (_, result), count in guarded.counts.read().items() if result == "error" and count]


_KEYS = st.sampled_from(["a", "b", "a b/../ü\n", ""])
_STEPS = st.one_of(
    st.tuples(st.just("put"), _KEYS, st.binary(max_size=60), st.sampled_from([0.0, 5.0, 50.0])),
    st.tuples(st.just("get"), _KEYS, st.sampled_from([0.0, 5.0, 1000.0])),
    st.tuples(st.just("drop"), _KEYS),
    st.tuples(st.just("wait"), st.sampled_from([4.0, 5.0, 46.0, -1.0])),
)


@given(steps=st.lists(_STEPS, max_size=20))
@settings(max_examples=60)
def test_any_steps_find_what_a_mapping_would(kept: Cache, steps: list[tuple[object, ...]]) -> None:
    kept.clear()
    clock = Clock()
    guarded = Guarded(kept, "any", clock)
    model: dict[str, tuple[bytes, float, float]] = {}
    for step in steps:
        match step:
            case "put", str(key), bytes(value), float(seconds):
                guarded.put("answers", key, value, seconds)
                if seconds:
                    model[key] = value, clock.now, seconds
            case "get", str(key), float(seconds):
                found, at, lifetime = model.get(key, (b"", 0.0, 0.0))
                young = 0 <= clock.now - at < min(seconds, lifetime)
                assert guarded.get("answers", key, seconds) == (found if young else None)
            case "drop", str(key):
                guarded.drop("answers", key)
                model.pop(key, None)
            case "wait", float(seconds):
                clock.now += seconds


def test_a_size_is_of_entries_and_bytes(cache: Cache) -> None:
    cache.put(AA, b"x" * 1000, 60)
    [size] = cache.sizes().values()
    assert size == Size(1, size.bytes)
    assert 1000 <= size.bytes <= 4096
