from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.cache import DamagedError
from outlay.cache.entry import pack, unpack


@given(value=st.binary(max_size=200), age=st.floats(-10, 100), lifetime=st.floats(0, 50), seconds=st.floats(0, 50))
def test_a_value_is_whole_and_young_or_none(value: bytes, age: float, lifetime: float, seconds: float) -> None:
    entry = pack("queries/ab", value, 0.0, lifetime)
    young = 0 <= age < min(lifetime, seconds)
    assert unpack("queries/ab", entry, age, seconds) == (value if young else None)


@given(value=st.binary(max_size=50), at=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_a_changed_byte_is_noticed(value: bytes, at: int, flip: int) -> None:
    entry = bytearray(pack("queries/ab", value, 0.0, 60))
    entry[at % len(entry)] ^= flip
    with pytest.raises(DamagedError):
        unpack("queries/ab", bytes(entry), 1, 60)


@pytest.mark.parametrize("left", [0, 1, 16, 31, 32, 40])
def test_a_cut_entry_is_noticed(left: int) -> None:
    with pytest.raises(DamagedError):
        unpack("queries/ab", pack("queries/ab", b"a value", 0.0, 60)[: min(left, 38)], 1, 60)


def test_an_entry_of_another_name_is_noticed() -> None:
    with pytest.raises(DamagedError):
        unpack("queries/cd", pack("queries/ab", b"a value", 0.0, 60), 1, 60)
