"""The store's tables: made and migrated by Alembic, their partitions as months come. Nothing is ever dropped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from outlay.core.span import next_month
from outlay.warehouses.postgres.connections import Connections, Trouble, exists, lock
from outlay.warehouses.postgres.older import carry_over, make_room
from outlay.warehouses.postgres.sums import write_costs

if TYPE_CHECKING:
    import sqlalchemy as sa

    from outlay.warehouses.postgres.connections import Connection

HEAD = "0001"  # the newest of migrations/versions
VERSIONS = "outlay_schema"  # Alembic's table
OLDEST_SERVER = 13
DEAD_ROWS = 1000  # and a twentieth of all: then room is worth freeing
_MIGRATIONS = Path(__file__).with_name("migrations")


def make_ready(connections: Connections, rates: Mapping[str, Decimal]) -> None:
    """Create or migrate the tables, and state the rates to USD, unless all that is done."""
    with connections.writing() as connection:
        server = connection.info.server_version // 10_000
        if server < OLDEST_SERVER:
            raise Trouble(f"it is PostgreSQL {server}, and {OLDEST_SERVER} is needed")
        found = _version(connection)
    if found != HEAD:
        _migrate(connections)
    with connections.writing() as connection:
        if _rates(connection) != {**rates, "USD": Decimal(1)}:
            _state_rates(connection, rates)


def partition(connection: Connection, month: date, connections: Connections) -> str:
    """The name of a month's partition, which is made if it is not there.

    By a connection of its own: others need not wait for the end of our transaction to write to it.
    """
    name = f"charges_{month:%Y_%m}"
    if not exists(connection, name):
        with connections.writing() as other:
            lock(other, "partitions")
            if not exists(other, name):
                # Attached rather than made in place, which would wait for all readers and hold up new ones.
                other.execute(f"CREATE TABLE {name} (LIKE charges)")
                bounds = f"FROM ('{month}') TO ('{next_month(month)}')"
                other.execute(f"ALTER TABLE charges ATTACH PARTITION {name} FOR VALUES {bounds}")
    return name


def tidy(connections: Connections) -> None:
    """Free the room of rows that are gone, and count anew for the planner, in tables where much changed."""
    with connections.writing() as connection:
        changed = connection.execute(
            "SELECT relname FROM pg_stat_user_tables WHERE schemaname = current_schema()"
            " AND (relname IN ('charges_by_day', 'charge_days', 'cloud_costs', 'charges_revision')"
            " OR relid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'charges'::regclass))"
            " AND greatest(n_dead_tup, n_mod_since_analyze) > %s + n_live_tup / 20",
            (DEAD_ROWS,),
        ).fetchall()
    with connections.open(autocommit=True) as connection:
        for (name,) in changed:
            connection.execute(f'VACUUM (ANALYZE, SKIP_LOCKED) "{connections.schema}".{name}')
        if changed:
            connection.execute(f'ANALYZE (SKIP_LOCKED) "{connections.schema}".charges')  # no server does it by itself


def _version(connection: Connection) -> str | None:
    if not exists(connection, VERSIONS):
        return None
    found = connection.execute(f"SELECT version_num FROM {VERSIONS}").fetchone()  # noqa: S608 - a constant
    return found[0] if found else None


def _migrate(connections: Connections) -> None:
    """One transaction brings the schema to HEAD. Of several processes at once the others find it done."""
    import sqlalchemy as sa

    engine = sa.create_engine("postgresql+psycopg://", creator=connections.open, poolclass=sa.NullPool)
    try:
        with engine.begin() as bound:
            # SQLAlchemy looks around on a new connection and rolls back: from here on the transaction is ours.
            connection: Connection = bound.connection.driver_connection  # type: ignore[assignment] # so it is
            connections.begin_writing(connection)
            lock(connection, "schema")
            if connection.execute("SELECT to_regnamespace(%s)", (f'"{connections.schema}"',)).fetchone() == (None,):
                connection.execute(f'CREATE SCHEMA "{connections.schema}"')
            older = make_room(connection, connections.schema) if _version(connection) is None else []
            _upgrade(bound, connections.schema, connection)
            carry_over(connection, older)
    except sa.exc.DBAPIError as error:
        raise error.orig or error from None


def _upgrade(bound: sa.Connection, schema: str, connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": bound, "version_table": VERSIONS, "schema": schema})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise Trouble(f"its tables are of version {_version(connection)}: a newer Outlay made them") from None


def _rates(connection: Connection) -> dict[str, Decimal]:
    return dict(connection.execute("SELECT currency, usd FROM usd_rates").fetchall())


def _state_rates(connection: Connection, rates: Mapping[str, Decimal]) -> None:
    """Write the rates down, and all of cloud_costs anew by them, in one transaction."""
    lock(connection, "costs")
    connection.execute("DELETE FROM usd_rates WHERE currency <> 'USD'")
    for currency, usd in rates.items():
        connection.execute("INSERT INTO usd_rates VALUES (%s, %s)", (currency, usd))
    write_costs(connection, None, [])
