"""The state as it stands, for who may only read it, and without SQLAlchemy: to import that takes longer than to ask."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outlay.core.settings import Settings

_PREFIX = "sqlite:///"


def peek(settings: Settings, statement: str) -> list[tuple[Any, ...]] | None:
    """The rows of a question to a state in a file, none without the file. None: the state is no file.

    Raises sqlite3.Error for a file that cannot be read, or that knows no such thing.
    """
    url = settings.state.url.get_secret_value() if settings.state.url else ""
    path = Path(url.removeprefix(_PREFIX).partition("?")[0])
    if not url.startswith(_PREFIX):
        return None
    if not path.is_file():
        return []
    try:
        return _rows(f"{path.absolute().as_uri()}?mode=ro", statement)
    except sqlite3.OperationalError:
        # Who may not write beside it cannot lock it either, and has to take it for one that nobody is changing.
        return _rows(f"{path.absolute().as_uri()}?mode=ro&immutable=1", statement)


def _rows(uri: str, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(uri, uri=True)) as file:
        return file.execute(statement).fetchall()
