"""Reading a bucket's files by ranges, from many threads at once.

DuckDB seeks and reads one handle from several threads; a handle that keeps one position for all of them returns
the bytes of another place, which a CSV reader takes for data. Here every thread has a position of its own.
"""

from __future__ import annotations

import io
import threading
from typing import Any


class Ranges(io.RawIOBase):
    """A file of a bucket: each read is one request for exactly the bytes asked for."""

    def __init__(self, files: Any, path: str, size: int) -> None:
        """`files` is the fsspec file system of the bucket, `size` the file's in bytes."""
        super().__init__()
        self._files, self._path, self.size = files, path, size
        self._positions: dict[int, int] = {}

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._positions.get(threading.get_ident(), 0)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        position = offset + (0, self.tell(), self.size)[whence]
        self._positions[threading.get_ident()] = position
        return position

    def readinto(self, buffer: Any) -> int:
        start = self.tell()
        end = min(start + len(buffer), self.size)
        if start >= end:
            return 0
        buffer[: end - start] = self._files.cat_file(self._path, start=start, end=end)
        return self.seek(end) - start


def ranged(files: Any) -> Any:
    """An fsspec file system over another, whose files are opened as Ranges."""
    from fsspec import AbstractFileSystem

    class Ranged(AbstractFileSystem):  # type: ignore[misc] # fsspec ships no types
        """The same files, opened as Ranges, and asked about once: DuckDB asks five times."""

        cachable = False
        protocol = files.protocol

        def __init__(self) -> None:
            super().__init__()
            self._known: dict[str, Any] = {}

        def info(self, path: str, **_: Any) -> Any:
            if path not in self._known:
                self._known[path] = files.info(path)
            return self._known[path]

        def modified(self, path: str) -> Any:
            return self.info(path)["last_modified"]

        def _open(self, path: str, mode: str = "rb", **_: Any) -> Ranges:
            return Ranges(files, path, self.info(path)["size"])

    return Ranged()
