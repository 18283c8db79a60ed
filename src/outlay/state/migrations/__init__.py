"""How the tables came to be what they are: one file for each change of them. Importing this imports Alembic."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from outlay.state.engines import SCHEMA, Trouble
from outlay.state.tables import REVISION, VERSION_TABLE, stored_revision

_ONE = Lock()  # Alembic's `context` and `op` belong to the process, not to a thread


def upgrade(connection: sa.Connection) -> None:
    """Bring the tables to REVISION, in the transaction of a writer. Does nothing if another process has just done so.

    Raises Trouble when the tables are of a revision that is not known here.
    """
    found = stored_revision(connection)
    if found == REVISION:
        return
    known = config()
    if found is not None and found not in {each.revision for each in scripts(known).walk_revisions()}:
        raise Trouble(
            f"its tables are of version {found}, which a newer Outlay made; this one knows them up to {REVISION}"
        )
    if connection.dialect.name == "postgresql":
        _make_schema(connection)
    known.attributes.update(connection=connection, version_table=VERSION_TABLE)
    with _ONE:
        command.upgrade(known, REVISION)


def config() -> Config:
    """Alembic's settings, without a file."""
    found = Config()
    found.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    found.set_main_option("path_separator", "os")
    return found


def scripts(settings: Config) -> ScriptDirectory:
    """The revisions there are."""
    return ScriptDirectory.from_config(settings)


def _make_schema(connection: sa.Connection) -> None:
    if connection.scalar(sa.text("SELECT to_regnamespace(:name)"), {"name": SCHEMA}) is not None:
        return
    user = connection.scalar(sa.text("SELECT quote_ident(current_user)"))
    try:
        connection.execute(sa.schema.CreateSchema(SCHEMA))
    except sa.exc.ProgrammingError as error:
        reason = f"{error.orig}".partition("\n")[0]
        raise Trouble(f"{reason}; let its owner run: CREATE SCHEMA {SCHEMA} AUTHORIZATION {user}") from None
