"""The tables of the state. A change of them is a revision in `migrations/versions` too, and REVISION its name."""

from __future__ import annotations

import sqlalchemy as sa

REVISION = "0002"  # what the tables below are; the newest of the revisions
VERSION_TABLE = "outlay_state_version"  # Alembic's: the revision of the tables in a database

METADATA = sa.MetaData()

# SQLite's integers are as long as they need to be, and only its INTEGER numbers rows by itself.
LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", LONG, primary_key=True),
    sa.Column("source", sa.String, nullable=False, index=True),
    sa.Column("span", sa.String, nullable=False),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("rows", LONG, nullable=False),
    sa.Column("totals", sa.JSON, nullable=False),
    sa.Column("unchanged", sa.Boolean, nullable=False),
    sa.Column("paid_calls", sa.Integer, nullable=False),
    sa.Column("error", sa.String),
    sa.Column("code", sa.String),
    sa.Column("note", sa.String),
)

RESTATEMENTS = sa.Table(
    "restatements",
    METADATA,
    sa.Column("id", LONG, primary_key=True),
    sa.Column("observed_at", sa.DateTime, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("currency", sa.String, nullable=False),
    sa.Column("before", sa.String),
    sa.Column("after", sa.String, nullable=False),
    sa.Index("restatements_of_source_day", "source", "day"),
)

# Every call to a provider that is counted, booked before it is made. Prices are whole nano-dollars, for SQL to sum.
CALLS = sa.Table(
    "calls",
    METADATA,
    sa.Column("id", LONG, primary_key=True),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("operation", sa.String, nullable=False),
    sa.Column("nano_usd", sa.BigInteger, nullable=False),
    sa.Index("calls_of_source_at", "source", "at"),
)

# Days that a provider will not change any more, under the settings they were asked with.
SETTLED = sa.Table(
    "settled_days",
    METADATA,
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("settings", sa.String, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
)

# Paid answers of spans that are not stored yet.
ANSWERS = sa.Table(
    "answers",
    METADATA,
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

# Whose money each source brings, as it last told.
COVERAGE = sa.Table(
    "coverage",
    METADATA,
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("members", sa.JSON, nullable=False),
)

# Numbers that are no charges, by the day they were read on.
READINGS = sa.Table(
    "readings",
    METADATA,
    sa.Column("id", LONG, primary_key=True),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("read_at", sa.DateTime, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("value", sa.String, nullable=False),
    sa.Column("unit", sa.String, nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("start", sa.Date),
    sa.Column("end", sa.Date),
    sa.Index("readings_of_source_day", "source", "day"),
)


def stored_revision(connection: sa.Connection) -> str | None:
    """The revision of the tables in a database; None when Alembic has not been there."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE)))
    return found
