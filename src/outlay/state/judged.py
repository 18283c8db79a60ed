"""Up to which day each rule was judged, so that of days that settle together none is passed over."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from outlay.state.database import Database
from outlay.state.tables import METADATA

# The end (exclusive) of the settled days that a rule has looked at.
JUDGED = sa.Table(
    "judged",
    METADATA,
    sa.Column("rule", sa.String, primary_key=True),
    sa.Column("until", sa.Date, nullable=False),
)


def until(database: Database) -> dict[str, date]:
    """The end of the days judged, of each rule."""
    return {row.rule: row.until for row in database.read(JUDGED.select())}


def record(database: Database, rule: str, end: date) -> None:
    """The days before `end` were judged."""

    def write(connection: sa.Connection) -> None:
        connection.execute(JUDGED.delete().where(JUDGED.c.rule == rule))
        connection.execute(JUDGED.insert().values(rule=rule, until=end))

    database.write(write)
