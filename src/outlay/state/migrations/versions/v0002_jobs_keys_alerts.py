"""What the server is asked to do, who may ask, and what it told whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _jobs()
    _keys()
    _alerts()


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("process", sa.String, nullable=False),
        sa.Column("requested_by", sa.String, nullable=False),
        sa.Column("requested_at", sa.DateTime, nullable=False),
        sa.Column("days", sa.Integer),
        sa.Column("fresh", sa.Boolean, nullable=False),
        sa.Column("started_at", sa.DateTime),
        sa.Column("seen_at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("rows", LONG, nullable=False),
        sa.Column("code", sa.String),
        sa.Column("error", sa.String),
    )
    op.create_index("jobs_of_source_requested_at", "jobs", ["source", "requested_at"])


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("limits", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("expires_at", sa.DateTime),
        sa.Column("revoked_at", sa.DateTime),
        sa.Column("used_at", sa.DateTime),
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", LONG, primary_key=True),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("since", sa.DateTime, nullable=False),
        sa.Column("seen_at", sa.DateTime, nullable=False),
        sa.Column("told_at", sa.DateTime),
        sa.Column("told_severity", sa.String),
        sa.Column("acked_at", sa.DateTime),
        sa.Column("acked_by", sa.String),
        sa.Column("resolved_at", sa.DateTime),
    )
    op.create_index("alerts_of_rule_subject", "alerts", ["rule", "subject"])
    op.create_table(
        "silences",
        sa.Column("id", LONG, primary_key=True),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("made_by", sa.String, nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("until", sa.DateTime, nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", LONG, primary_key=True),
        sa.Column("alert", LONG, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("message", sa.JSON, nullable=False),
        sa.Column("due_at", sa.DateTime, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("delivered_at", sa.DateTime),
        sa.Column("error", sa.String),
    )
    op.create_index("deliveries_of_alert_channel", "deliveries", ["alert", "channel"])
    op.create_table(
        "judged",
        sa.Column("rule", sa.String, primary_key=True),
        sa.Column("until", sa.Date, nullable=False),
    )
