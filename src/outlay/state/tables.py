"""The tables of the state."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source", sa.String, nullable=False, index=True),
    sa.Column("span", sa.String, nullable=False),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
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
    sa.Column("id", sa.Integer, primary_key=True),
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
    sa.Column("id", sa.Integer, primary_key=True),
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
    sa.Column("id", sa.Integer, primary_key=True),
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


def create(connection: sa.Connection) -> None:
    """Make what is not there: tables, indexes, and columns of tables that an older version made.

    `IF NOT EXISTS`, as another process may make it after our look.
    """
    for table in METADATA.sorted_tables:
        connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
        there = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:  # these may be null: what is older than them does not have them
                kind = column.type.compile(connection.dialect)
                connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))
