"""One database behind a URL, SQLite beside the store or PostgreSQL, with its tables up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, overload

import sqlalchemy as sa

from outlay.core.errors import StoreError
from outlay.state import engines
from outlay.state.tables import REVISION, stored_revision

T = TypeVar("T")


class Database:
    """Reads and writes, whose faults are a StoreError that names the place. Safe for many threads and processes."""

    def __init__(self, url: str) -> None:
        """Make or migrate the tables, unless they are there."""
        parsed = engines.parsed(url)
        self._where = engines.place(parsed)
        self._engine = engines.engine(parsed)
        self._writing = self._engine.execution_options(**{engines.WRITES: True})
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` does, in one transaction: all of it or, when it raises, nothing.

        Those that write, in this process and others, take turns: what `work` has read stays true until its end.
        """

        def transaction() -> T:
            with self._writing.begin() as connection:
                return work(connection)

        return self._reported(transaction)

    def read(self, query: Any) -> Sequence[sa.Row[Any]]:
        """All rows of a query."""

        def rows() -> Sequence[sa.Row[Any]]:
            with self._engine.connect() as connection:
                return connection.execute(query).all()

        return self._reported(rows)

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def _migrate(self) -> None:
        def found() -> str | None:
            with self._engine.connect() as connection:
                return stored_revision(connection)

        if self._reported(found) != REVISION:
            from outlay.state.migrations import upgrade  # Alembic takes longer to import than all else that is done

            self.write(upgrade)

    def _reported(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (sa.exc.SQLAlchemyError, engines.Trouble) as error:
            reason = str(getattr(error, "orig", None) or error).split("\n", 1)[0]
            raise StoreError(f"cannot use the state at {self._where}: {reason}") from None


def naive(moment: datetime) -> datetime:
    """UTC without its zone: what the tables keep."""
    return moment.astimezone(UTC).replace(tzinfo=None)


@overload
def aware(moment: datetime) -> datetime: ...


@overload
def aware(moment: datetime | None) -> datetime | None: ...


def aware(moment: datetime | None) -> datetime | None:
    """What `naive` made of a moment, as that moment. None stays None."""
    return None if moment is None else moment.replace(tzinfo=UTC)


def now() -> datetime:
    """This moment, naive."""
    return naive(datetime.now(UTC))


def storable(text: str | None) -> str | None:
    """Text from anywhere, without what not every database keeps: NUL, and halves of surrogate pairs."""
    return None if text is None else text.replace("\0", "\ufffd").encode(errors="replace").decode()
