"""All tables of the first state. Earlier ones were made without revisions: of those it makes what they lack."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TABLES = sa.MetaData()
LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

sa.Table(
    "runs",
    TABLES,
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
sa.Table(
    "restatements",
    TABLES,
    sa.Column("id", LONG, primary_key=True),
    sa.Column("observed_at", sa.DateTime, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("currency", sa.String, nullable=False),
    sa.Column("before", sa.String),
    sa.Column("after", sa.String, nullable=False),
    sa.Index("restatements_of_source_day", "source", "day"),
)
sa.Table(
    "calls",
    TABLES,
    sa.Column("id", LONG, primary_key=True),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("operation", sa.String, nullable=False),
    sa.Column("nano_usd", sa.BigInteger, nullable=False),
    sa.Index("calls_of_source_at", "source", "at"),
)
sa.Table(
    "settled_days",
    TABLES,
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("settings", sa.String, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
)
sa.Table(
    "answers",
    TABLES,
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
sa.Table(
    "coverage",
    TABLES,
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("members", sa.JSON, nullable=False),
)
sa.Table(
    "readings",
    TABLES,
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
sa.Table(
    "settling",
    TABLES,
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("age", sa.Integer, nullable=False),
    sa.Column("provisional_from", sa.Date, nullable=False),
)
sa.Table(
    "backfills",
    TABLES,
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("settings", sa.String, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("done_at", sa.DateTime, nullable=False),
)


def upgrade() -> None:
    """Make what is not there: tables, their indexes, and columns, which may be null in rows older than them."""
    connection = op.get_bind()
    TABLES.create_all(connection)
    for table in TABLES.sorted_tables:
        there = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                op.add_column(table.name, sa.Column(column.name, column.type))
        for index in table.indexes:
            index.create(connection, checkfirst=True)
