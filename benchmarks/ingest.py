"""Collecting a bill into each store, beside other ways to load it.

The lake: beside what DuckDB alone needs to read the file and write its columns to one Parquet file, beside one COPY
into PostgreSQL, and beside an upsert for each row. The stores that are servers: beside that COPY.

As a child process: `python -m benchmarks.ingest outlay|duckdb BILL FOLDER [STORE]` prints JSON.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.bills import DATA, bill
from benchmarks.report import GIB, Line, ratio_to_limit
from benchmarks.rows import ROWS
from benchmarks.stores import Store, lake
from outlay.core.focus import FOCUS, Column

SHARE_OF_DUCKDB = 0.6
TIMES_COPY = 1.0
TIMES_UPSERTS = 150.0
GROWTH = 1.3
MEMORY_BYTES = 3 * GIB // 2
MILLIONS_WITH_MEMORY_GOAL = 10
COMPRESSION = "zstd"  # the lake's default
CSV, PARQUET = "csv.gz", "parquet"
PEERS = ("DuckDB", "COPY", "upserts")


@dataclass(frozen=True, slots=True)
class Loaded:
    """One way to load one bill, measured."""

    rows: int
    cost: str
    seconds: float
    cpu_seconds: float
    memory_bytes: int

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds


Loads = dict[tuple[int, str, str], Loaded]  # by millions of rows, kind of file, and who loads it


def measure(millions: int, runs: int, servers: Mapping[str, Store]) -> Loads:
    """Load the bill each way, the lake and DuckDB in turns and the best counting. The stores are left as they are."""
    found: Loads = {}
    for kind in (CSV, PARQUET):
        path = bill(millions, kind)
        _warm(path)
        turns = [(_duckdb(path, millions), _outlay(path, lake_store(millions))) for _ in range(runs)]
        found[millions, kind, "DuckDB"] = min((peer for peer, _ in turns), key=lambda each: each.seconds)
        ours = min((our for _, our in turns), key=lambda each: each.seconds)
        found[millions, kind, "lake"] = ours
        shutil.rmtree(DATA / f"duckdb-{millions}M")
    path = bill(millions, CSV)
    for name, store in servers.items():
        found[millions, CSV, name] = _outlay(path, store)
    found[millions, CSV, "COPY"] = _loaded("copies", path, _peers(servers))
    for (_, kind, name), each in found.items():
        if (each.rows, each.cost) != (ours.rows, ours.cost):
            raise AssertionError(f"{name}: {each.rows} rows, {each.cost} of {kind}, not {ours.rows}, {ours.cost}")
    found[millions, CSV, "upserts"] = _loaded("rows", path, _peers(servers), ROWS)
    return found


def lines(found: Loads) -> list[Line]:
    """The rates beside their peers, and how time and memory grow from the smallest bill to the largest."""
    sizes = sorted({millions for millions, _, _ in found})
    told = [line for millions in sizes for line in _rates(found, millions)]
    if len(sizes) > 1:
        told += _growth(found, sizes[0], sizes[-1])
    return told


def lake_of(millions: int) -> Path:
    """The folder of the lake that was collected last."""
    return DATA / f"outlay-{millions}M"


def lake_store(millions: int) -> Store:
    """That lake."""
    return lake(lake_of(millions), COMPRESSION)


def _rates(found: Loads, millions: int) -> list[Line]:
    told = []
    for kind in (CSV, PARQUET):
        what = f"collect {millions} M rows of {kind}"
        ours = found[millions, kind, "lake"]
        told.append(_beside(what, found, (millions, kind, "lake"), "DuckDB", SHARE_OF_DUCKDB))
        if millions >= MILLIONS_WITH_MEMORY_GOAL:
            told.append(ratio_to_limit(f"{what}, peak memory", ours.memory_bytes, MEMORY_BYTES, "bytes"))
    what = f"collect {millions} M rows of {CSV}"
    told.append(_beside(what, found, (millions, CSV, "lake"), "COPY", TIMES_COPY))
    told.append(_beside(what, found, (millions, CSV, "lake"), "upserts", TIMES_UPSERTS))
    servers = [
        name for size, _, name in found if size == millions and name not in {"lake", "DuckDB", "COPY", "upserts"}
    ]
    return told + [_beside(f"{what} into {name}", found, (millions, CSV, name), "COPY", None) for name in servers]


def _beside(what: str, found: Loads, ours: tuple[int, str, str], peer: str, goal: float | None) -> Line:
    our, other = found[ours], found[*ours[:2], peer]
    cpu = other.cpu_seconds if peer == "DuckDB" else None  # of the others most is the server's
    return Line(what, our.rate, "rows/s", peer, other.rate, goal, "least", our.cpu_seconds, cpu)


def _growth(found: Loads, small: int, large: int) -> list[Line]:
    told = []
    for kind, name in dict.fromkeys(
        (kind, name) for _, kind, name in found if name not in {"DuckDB", "COPY", "upserts"}
    ):
        one, many = found[small, kind, name], found[large, kind, name]
        what = f"{small} to {large} M rows of {kind} into {name}"
        linear = one.seconds * many.rows / one.rows
        told.append(Line(f"{what}, time", many.seconds, "s", "linear", linear, GROWTH, cpu_seconds=many.cpu_seconds))
        told.append(Line(f"{what}, memory", many.memory_bytes, "bytes", f"{small} M", one.memory_bytes))
    return told


def _warm(path: Path) -> None:
    """Have the system keep the file in memory, so that neither side waits for the disk."""
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass


def _peers(servers: Mapping[str, Store]) -> str:
    """The PostgreSQL database where the peers make tables of their own."""
    url: str = servers["PostgreSQL"].settings["url"]
    return url


def _duckdb(path: Path, millions: int) -> Loaded:
    return _loaded("ingest", "duckdb", path, _empty(DATA / f"duckdb-{millions}M"))


def _outlay(path: Path, store: Store) -> Loaded:
    """Into a lake that is made anew, or a database that is new; the state is beside it, or in a folder of its own."""
    folder = Path(store.settings.get("path", DATA / "state"))
    return _loaded("ingest", "outlay", path, _empty(folder), store)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _loaded(module: str, *arguments: object) -> Loaded:
    found, used = processes.child(module, *arguments)
    return Loaded(found["rows"], found.get("cost", ""), found["seconds"], used.cpu_seconds, used.memory_bytes)


# -- in the child ------------------------------------------------------------------------------------


def outlay(path: Path, folder: Path, store: str) -> dict[str, Any]:
    """One refresh, as the command line and the scheduler do it."""
    from outlay.collect import Ask, refresh
    from outlay.sources.files import Files
    from outlay.state import State

    state = State(f"sqlite:///{folder}/state.db")
    warehouse = Store.of(store).open()
    warehouse.prepare()
    started = time.perf_counter()
    (done,) = refresh([Files(path=str(path))], warehouse, state, Ask())
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
    if sys.argv[1] == "outlay":
        done = outlay(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
    else:
        done = duckdb(Path(sys.argv[2]), Path(sys.argv[3]))
    sys.stdout.write(json.dumps(done))
