"""Where exports lie: what a bucket and a folder have in common, and the folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from outlay.core.errors import NotFoundError, SourceError
from outlay.sources._bills.bills import Bill


@dataclass(frozen=True, slots=True)
class File:
    """A file of any kind, and when it was written: seconds since 1970."""

    bill: Bill
    written: float

    @property
    def path(self) -> str:
        return self.bill.path


class Place(Protocol):
    """A bucket's prefix or a folder."""

    @property
    def location(self) -> str:
        """What paths of files start with."""

    @property
    def keeps_order(self) -> bool:
        """Whether the times of files are those at which AWS wrote them."""

    @property
    def failed(self) -> SourceError | None:
        """Why a file could not be read."""

    def files(self) -> list[File]:
        """All there is below it. Raises SourceError, AuthError, NotFoundError."""

    def content(self, file: File) -> bytes:
        """A small file as a whole. Raises what `files` does."""


class Folder:
    """A copy of an export in a folder. When its files were written says nothing: it may be when they were copied."""

    keeps_order = False
    failed: SourceError | None = None

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self.location = str(self._path)

    def files(self) -> list[File]:
        if not self._path.is_dir():
            raise NotFoundError(f"no folder {self._path}")
        try:
            stats = [(each, each.stat()) for each in self._path.rglob("*") if each.is_file()]
        except OSError as error:
            raise SourceError(f"cannot list {self._path}: {error.strerror}") from None
        return [
            File(Bill(str(path), stat.st_size, str(stat.st_mtime_ns)), stat.st_mtime_ns / 1e9) for path, stat in stats
        ]

    def content(self, file: File) -> bytes:
        try:
            return Path(file.path).read_bytes()
        except OSError as error:
            raise SourceError(f"{file.path}: cannot be read: {error.strerror}") from None
