"""Collecting a bill, beside what DuckDB alone needs to read the file and write its columns to one Parquet file.

As a child process: `python -m benchmarks.ingest outlay|duckdb BILL FOLDER` prints JSON.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.bills import DATA, bill
from benchmarks.report import GIB, Line, ratio_to_limit
from outlay.core.focus import FOCUS, Column

SHARE = 0.6
MEMORY_BYTES = 3 * GIB // 2
MILLIONS_WITH_MEMORY_GOAL = 10
COMPRESSION = "zstd"  # the lake's default


def lines(millions: int, runs: int) -> list[Line]:
    """The rate and the memory of collecting, from CSV and from Parquet. The last lake stays where `lake_of` says."""
    return [line for kind in ("csv.gz", "parquet") for line in _kind(millions, kind, runs)]


def lake_of(millions: int) -> Path:
    """The folder of the lake that was collected last."""
    return DATA / f"outlay-{millions}M"


def _kind(millions: int, kind: str, runs: int) -> list[Line]:
    path = bill(millions, kind)
    _warm(path)
    ours, peers = [], []
    for _ in range(runs):
        peers.append(_measured("duckdb", path, DATA / f"duckdb-{millions}M"))
        ours.append(_measured("outlay", path, lake_of(millions)))
    shutil.rmtree(DATA / f"duckdb-{millions}M")
    our, peer = min(ours, key=_seconds), min(peers, key=_seconds)
    if our["rows"] != peer["rows"] or our["cost"] != peer["cost"]:
        raise AssertionError(f"{path}: {our['rows']} rows, {our['cost']} collected of {peer['rows']}, {peer['cost']}")
    what = f"collect {millions} M rows of {kind}"
    memory = max(each["memory_bytes"] for each in ours)
    rate = Line(
        what, our["rows"] / our["seconds"], "rows/s", "DuckDB", peer["rows"] / peer["seconds"], SHARE, "least",
        our["cpu_seconds"], peer["cpu_seconds"],
    )  # fmt: skip
    if millions < MILLIONS_WITH_MEMORY_GOAL:
        return [rate]
    return [rate, ratio_to_limit(f"{what}, peak memory", memory, MEMORY_BYTES, "bytes")]


def _warm(path: Path) -> None:
    """Have the system keep the file in memory, so that neither side waits for the disk."""
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass


def _seconds(measured: dict[str, Any]) -> float:
    seconds: float = measured["seconds"]
    return seconds


def _measured(side: str, path: Path, folder: Path) -> dict[str, Any]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    found, used = processes.child("ingest", side, path, folder)
    return {"cpu_seconds": used.cpu_seconds, "memory_bytes": used.memory_bytes, **found}


# -- in the child ------------------------------------------------------------------------------------


def outlay(path: Path, folder: Path) -> dict[str, Any]:
    """One refresh, as the command line and the scheduler do it."""
    from outlay.collect import Ask, refresh
    from outlay.sources.files import Files
    from outlay.state import State
    from outlay.warehouses.lake import Lake

    state = State(f"sqlite:///{folder}/state.db")
    lake = Lake(path=str(folder), compression=COMPRESSION)
    started = time.perf_counter()
    (done,) = refresh([Files(path=str(path))], lake, state, Ask())
    seconds = time.perf_counter() - started
    if done.error is not None:
        raise RuntimeError(done.error)
    return {"seconds": seconds, "rows": done.rows, "cost": f"{done.totals['USD']:f}"}


def duckdb(path: Path, folder: Path) -> dict[str, Any]:
    """The same columns in the same types and compression, by one COPY, in the order that is fastest."""
    import duckdb

    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET preserve_insertion_order = false")
    if path.suffix == ".gz":
        columns = ", ".join(f"'{c.spec}': '{_read_as(c)}'" for c in FOCUS)
        table = f"read_csv('{path}', auto_detect = false, header = true, quote = '\"', columns = {{{columns}}})"
        tags = """from_json("Tags", '"MAP(VARCHAR,VARCHAR)"')"""
    else:
        table, tags = f"read_parquet('{path}')", '"Tags"'
    selected = ", ".join(f'"{c.spec}"' if c.kind != "tags" else f'{tags} AS "Tags"' for c in FOCUS)
    out = folder / "bill.parquet"
    started = time.perf_counter()
    con.execute(f"COPY (SELECT {selected} FROM {table}) TO '{out}' (FORMAT parquet, COMPRESSION {COMPRESSION})")
    seconds = time.perf_counter() - started
    rows, cost = con.sql(f"SELECT count(*), sum(BilledCost) FROM '{out}'").fetchall()[0]
    return {"seconds": seconds, "rows": rows, "cost": f"{cost:f}"}


def _read_as(column: Column) -> str:
    return {"decimal": "DECIMAL(38,18)", "timestamp": "TIMESTAMP"}.get(column.kind, "VARCHAR")


if __name__ == "__main__":
    side = {"outlay": outlay, "duckdb": duckdb}[sys.argv[1]]
    sys.stdout.write(json.dumps(side(Path(sys.argv[2]), Path(sys.argv[3]))))
