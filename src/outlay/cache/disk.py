"""A cache in a folder: one file an entry, shared by the processes of one machine, and there after they end."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import NamedTuple

from outlay.cache.entry import FORMAT
from outlay.cache.errors import CacheError
from outlay.cache.port import Size

SUFFIX = ".entry"  # nothing else in the folder is ever touched, whatever folder the settings name
BLOCK_BYTES = 4096  # a file takes whole blocks
SWEEP_SHARE = 16  # a process looks at what all have written each time it wrote this part of the limit
PARTIAL = ".partial-"
PARTIAL_SECONDS_MAX = 600  # an entry still being written after that is of a process that was killed


class _File(NamedTuple):
    path: Path
    written_at: float
    bytes: int

    @property
    def kind(self) -> str:
        return self.path.parent.name

    @property
    def is_partial(self) -> bool:
        return self.path.name.startswith(PARTIAL)


class Disk:
    """Entries as files of at most `bytes_max` in all; the oldest go first.

    Each is written beside its place and renamed into it, so that readers find it whole. Nothing is locked: each
    process sweeps by itself, and several that write at once may pass the limit by a sixteenth each.
    """

    def __init__(self, folder: Path, bytes_max: int, seconds_max: float) -> None:
        """`seconds_max`: no entry is served for longer, so older files are swept."""
        self._root, self._bytes_max, self._seconds_max = folder, bytes_max, seconds_max
        self._folder = folder / f"v{FORMAT}"
        self._unswept: int | None = None  # bytes written since the last sweep; None before the first
        self._lock = threading.Lock()

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._root)

    def get(self, name: str) -> bytes | None:
        """The entry, read whole."""
        with self._reported("read"):
            try:
                return self._path(name).read_bytes()
            except FileNotFoundError:
                return None

    def put(self, name: str, entry: bytes, seconds: float) -> None:
        """Keep an entry, unless it alone is too large."""
        del seconds  # it is in the entry, and every file goes after `seconds_max`
        size = _blocks(len(entry))
        if size > self._bytes_max:
            self.drop(name)
            return
        with self._reported("write"):
            self._make_room(size)
            path = self._path(name)
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, partial = mkstemp(SUFFIX, PARTIAL, path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(entry)
                Path(partial).replace(path)
            except BaseException:
                Path(partial).unlink(missing_ok=True)
                raise

    def drop(self, name: str) -> None:
        """Keep nothing under this name."""
        with self._reported("write"):
            self._path(name).unlink(missing_ok=True)

    def clear(self, kind: str | None = None) -> int:
        """Drop all entries, those of other formats too, or those of one kind; how many."""
        with self._reported("clear"):
            found = [each for each in self._files(self._root, "v*/*/*") if kind in {None, each.kind}]
            for each in found:
                each.path.unlink(missing_ok=True)
            return sum(not each.is_partial for each in found)

    def sizes(self) -> dict[str, Size]:
        """How much is kept, by kind, in the blocks it takes."""
        found: dict[str, list[int]] = defaultdict(list)
        with self._reported("read"):
            for each in self._files(self._folder, "*/*"):
                found[each.kind].append(each.bytes)
        return {kind: Size(len(each), sum(each)) for kind, each in sorted(found.items())}

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{SUFFIX}"

    def _make_room(self, size: int) -> None:
        with self._lock:
            if self._unswept is None or (self._unswept + size) * SWEEP_SHARE > self._bytes_max:
                self._sweep(size)
                self._unswept = 0
            self._unswept += size

    def _sweep(self, size: int) -> None:
        """Drop what is past its time, then the oldest, until what comes before the next sweep fits too."""
        room, now = self._bytes_max - max(size, self._bytes_max // SWEEP_SHARE), time.time()
        for each in sorted(self._files(self._root, "v*/*/*"), key=lambda each: each.written_at, reverse=True):
            room -= each.bytes
            if room < 0 or now - each.written_at > (PARTIAL_SECONDS_MAX if each.is_partial else self._seconds_max):
                each.path.unlink(missing_ok=True)

    @staticmethod
    def _files(folder: Path, below: str) -> Iterator[_File]:
        for path in folder.glob(below + SUFFIX):
            with suppress(FileNotFoundError):  # another process dropped it
                found = path.stat()
                yield _File(path, found.st_mtime, _blocks(found.st_size))

    @contextmanager
    def _reported(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CacheError(f"cannot {verb} the cache in {self._root}: {error.strerror}") from None


def _blocks(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES
