"""One entry as bytes: when it was made, how long it may be served, a checksum, the value. Never pickle."""

from __future__ import annotations

import struct
from hashlib import blake2b

from outlay.cache.errors import DamagedError

FORMAT = 1  # a part of where entries are kept: those of another format are never found

_TIMES = struct.Struct(">dd")
_DIGEST_BYTES = 16
_HEAD_BYTES = _TIMES.size + _DIGEST_BYTES


def pack(name: str, value: bytes, made_at: float, seconds: float) -> bytes:
    """The entry of a value made at `made_at` (seconds since 1970) that may be served for `seconds`."""
    times = _TIMES.pack(made_at, seconds)
    return times + _digest(name, times, value) + value


def unpack(name: str, entry: bytes, now: float, seconds: float) -> bytes | None:
    """The value of the entry of this name; None when it is older than `seconds`, or than it was made for.

    An entry from the future, as clocks that were set back make them, has no age that could be known: None as well.
    Raises DamagedError when these are not the bytes that were written.
    """
    times, digest, value = entry[: _TIMES.size], entry[_TIMES.size : _HEAD_BYTES], entry[_HEAD_BYTES:]
    if digest != _digest(name, times, value):
        raise DamagedError("an entry is damaged; it is dropped")
    made_at, lifetime = _TIMES.unpack(times)
    return value if 0 <= now - made_at < min(seconds, lifetime) else None


def _digest(name: str, times: bytes, value: bytes) -> bytes:
    """Of the name too, so that an entry moved to another name is none of it."""
    found = blake2b(f"{name}\n".encode(), digest_size=_DIGEST_BYTES)
    found.update(times)
    found.update(value)
    return found.digest()
