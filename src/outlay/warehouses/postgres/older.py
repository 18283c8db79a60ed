"""What a schema held before Outlay: other tables stay as they are, a cloud_costs that others filled is carried over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outlay.warehouses.postgres.connections import Trouble, exists

if TYPE_CHECKING:
    from outlay.warehouses.postgres.connections import Connection

OURS = ("charges", "charges_by_day", "charge_days", "charges_revision", "usd_rates", "cloud_costs_left_out")
SHARED = ("cloud_costs", "daily_cost_summary", "service_cost_summary")  # names that cost aggregators use, too
ASIDE = "_before_outlay"
NEEDED = ("cloud_provider", "service_name", "cost_usd", "usage_date")

_CARRIED = """
INSERT INTO cloud_costs (cloud_provider, service_name, cost_usd, usage_date, created_at, updated_at)
SELECT lower(cloud_provider::text) COLLATE "C", left(service_name::text, 255) COLLATE "C",
    SUM(cost_usd::numeric), usage_date::date, {created}, {updated}
FROM cloud_costs_before_outlay
WHERE cloud_provider IS NOT NULL AND service_name IS NOT NULL AND cost_usd IS NOT NULL AND usage_date IS NOT NULL
GROUP BY 1, 2, 4
"""


def make_room(connection: Connection, schema: str) -> list[str]:
    """Rename what stands where ours will be and others made; returns the old names.

    Raises Trouble for tables that are none of a cost aggregator.
    """
    taken = [name for name in OURS if exists(connection, name)]
    older = [name for name in SHARED if exists(connection, name)]
    if older and (older[0] != SHARED[0] or not set(NEEDED) <= set(_columns(connection, SHARED[0]))):
        taken += older
    taken += [name + ASIDE for name in older if exists(connection, name + ASIDE)]
    if taken:
        raise Trouble(
            f"the schema {schema} holds {', '.join(taken)} already, not made by Outlay:"
            " rename that, or give Outlay a schema of its own by store.schema_name"
        )
    for name in older:
        connection.execute(f"ALTER TABLE {name} RENAME TO {name}{ASIDE}")  # views, too; theirs go on reading it
    return older


def carry_over(connection: Connection, older: list[str]) -> None:
    """Copy the rows of a cloud_costs that was renamed, and let read the new tables whoever could read the old ones."""
    from psycopg import sql

    if not older:
        return
    columns = _columns(connection, SHARED[0] + ASIDE)
    times = {
        alias: f"coalesce({function}({name}::timestamptz), statement_timestamp())"
        if name in columns
        else "statement_timestamp()"
        for alias, name, function in (("created", "created_at", "MIN"), ("updated", "updated_at", "MAX"))
    }
    connection.execute(_CARRIED.format(**times))
    for name in older:
        readers = connection.execute(
            "SELECT rolname FROM pg_class, aclexplode(relacl) LEFT JOIN pg_roles ON pg_roles.oid = grantee"
            " WHERE pg_class.oid = %s::regclass AND privilege_type = 'SELECT'",
            (name + ASIDE,),
        ).fetchall()
        for (reader,) in readers:
            whom = sql.SQL("PUBLIC") if reader is None else sql.Identifier(reader)
            connection.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(sql.Identifier(name), whom))


def _columns(connection: Connection, table: str) -> list[str]:
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped", (table,)
    ).fetchall()
    return [name for (name,) in found]
