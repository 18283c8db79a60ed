"""`python -m benchmarks`: measure and report. BENCH=quick stops at 1 M rows, BENCH=large goes on to 50 M."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

from benchmarks import indexes, ingest, processes, queries, readers, replaces, report, serving, stores
from benchmarks.report import Line

SIZES = {"quick": (1,), "": (1, 10), "large": (1, 10, 50)}  # millions of rows
RUNS = {1: 3, 10: 2}  # the best of so many counts; of one where a run takes minutes


def main() -> None:
    """Measure every size."""
    asked = os.environ.get("BENCH", "")
    if asked not in SIZES:
        sys.exit(f"BENCH is one of {', '.join(filter(None, SIZES))}, or not set; not {asked!r}")
    lines = list(_lines(SIZES[asked]))
    report.write(lines)
    report.show(lines)


def _lines(sizes: tuple[int, ...]) -> Iterator[Line]:
    loads: ingest.Loads = {}
    asked: list[Line] = []
    with stores.servers() as servers:
        for millions in sizes:
            size = f"{millions} M"
            _say(f"{size} rows: making the bills, where they are not there yet")
            processes.child("bills", millions)
            _say(f"{size} rows: collecting")
            there = {name: new() for name, new in servers.items()}
            loads |= ingest.measure(millions, RUNS.get(millions, 1), there)
            _say(f"{size} rows: asking")
            there = {"lake": ingest.lake_store(millions), **there}
            asked += queries.lines(ingest.lake_of(millions), there, size)
            for name, store in there.items():
                asked += readers.lines(store, name, size)
            asked += indexes.lines(there["PostgreSQL"], size)
    yield from ingest.lines(loads)
    yield from asked
    lake, size = ingest.lake_of(sizes[-1]), f"{sizes[-1]} M"
    yield from processes.command_lines(lake, size)
    yield from replaces.lines(lake, size)
    yield from serving.lines(lake, sizes[-1], size)
    for millions in sizes:
        shutil.rmtree(ingest.lake_of(millions))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
