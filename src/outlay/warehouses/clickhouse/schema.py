"""Making a ClickHouse store: what is not there is created, what is older gets what it lacks, nothing is dropped."""

from __future__ import annotations

import time
from hashlib import blake2b
from typing import Any

from outlay.warehouses.clickhouse.server import Server, Trouble, errors
from outlay.warehouses.clickhouse.tables import INCOMING, LOAD, READY, STAGE, Tables

# A table that a writer left behind has had no new rows for so long, in seconds.
ABANDONED_SECONDS = 6 * 3600
_TABLES = ("charges", "loads", "resource_metrics", "optimization_opportunities")
_OURS = "outlay "


def make_ready(server: Server, tables: Tables) -> None:
    """Create or migrate. Of several who do so at once each ends well."""
    for attempt in range(5):
        try:
            _make_ready(server, tables)
        except errors():
            if attempt == 4 or not _is_there(server, tables.database):
                raise
            time.sleep(0.05 * 2**attempt)  # who else makes the tables now has made them by then
        else:
            return


def sweep(server: Server, tables: Tables, abandoned_seconds: int) -> None:
    """Drop what killed writers left, and forget the loads of which nothing is there any more."""
    age = {"database": tables.database, "age": abandoned_seconds}
    beginnings = " OR ".join(f"startsWith(name, '{each}')" for each in (INCOMING, STAGE, READY))
    left = server.lines(
        f"SELECT name FROM system.tables WHERE database = {{database:String}} AND ({beginnings})"  # noqa: S608 - our own names
        " AND metadata_modification_time <= now() - {age:Int64} AND name NOT IN (SELECT table FROM system.parts"
        " WHERE database = {database:String} AND modification_time > now() - {age:Int64})",
        age,
    )
    for (name,) in left:
        server.drop(tables.name(name))
    spent = server.lines(
        f"SELECT {LOAD} FROM {tables.local('loads')} WHERE loaded_at <= now() - {{age:Int64}} AND {LOAD} NOT IN"  # noqa: S608 - as above
        f" (SELECT DISTINCT {LOAD} FROM {tables.local('charges')}) LIMIT 10000",
        age,
    )
    if spent:
        gone = {"spent": [load for (load,) in spent]}
        server.do(f"ALTER TABLE {tables.local('loads')} DELETE WHERE {LOAD} IN {{spent:Array(String)}}", gone)


def _make_ready(server: Server, tables: Tables) -> None:
    there = _tables(server, tables.database)
    names = [each for table in _TABLES for each in dict.fromkeys((tables.name(table), tables.local(table)))]
    missing = [name for name in names if name.rpartition("`.`")[2].strip("`") not in there]
    _check_ours(server, tables, there)
    if missing:
        server.do(tables.create_database())
        for statement in tables.create_tables():
            server.do(statement)
    for statement in tables.add_columns(_columns(server, tables)):
        server.do(statement)
    mark = _OURS + blake2b(tables.cost_metrics().encode(), digest_size=8).hexdigest()
    if there.get("cost_metrics", ("", ""))[1] != mark:
        server.do(tables.create_view(mark))


def _check_ours(server: Server, tables: Tables, there: dict[str, tuple[str, str]]) -> None:
    """Keep off what somebody else has made."""
    taken = []
    if "charges" in there and LOAD not in _columns(server, tables):
        taken.append("charges")
    if not there.get("cost_metrics", ("", _OURS))[1].startswith(_OURS):
        taken.append("cost_metrics")
    if taken:
        raise Trouble(f"it has a table {taken[0]} that is not Outlay's; name another database in the url")


def _tables(server: Server, database: str) -> dict[str, tuple[str, str]]:
    """The engine and the comment of each table."""
    sql = "SELECT name, engine, comment FROM system.tables WHERE database = {database:String}"
    found: list[tuple[Any, ...]] = server.lines(sql, {"database": database})
    return {name: (engine, comment) for name, engine, comment in found}


def _columns(server: Server, tables: Tables) -> set[str]:
    sql = "SELECT name FROM system.columns WHERE database = {database:String} AND table = 'charges'"
    return {name for (name,) in server.lines(sql, {"database": tables.database})}


def _is_there(server: Server, database: str) -> bool:
    return bool(server.lines("SELECT 1 FROM system.databases WHERE name = {database:String}", {"database": database}))
