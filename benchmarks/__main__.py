"""`python -m benchmarks`: measure and report. BENCH=quick stops at 1 M rows, BENCH=large goes on to 50 M."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

from benchmarks import ingest, processes, queries, replaces, report
from benchmarks.report import Line

SIZES = {"quick": (1,), "": (1, 10), "large": (1, 10, 50)}  # millions of rows
RUNS = {1: 3, 10: 2}  # the best of so many counts; of one where a run takes minutes


def main() -> None:
    """Measure every size, and the questions on the largest lake."""
    asked = os.environ.get("BENCH", "")
    if asked not in SIZES:
        sys.exit(f"BENCH is one of {', '.join(filter(None, SIZES))}, or not set; not {asked!r}")
    lines = list(_lines(SIZES[asked]))
    report.write(lines)
    report.show(lines)


def _lines(sizes: tuple[int, ...]) -> Iterator[Line]:
    for millions in sizes:
        _say(f"{millions} M rows: making the bills, where they are not there yet")
        processes.child("bills", millions)
        _say(f"{millions} M rows: collecting")
        yield from ingest.lines(millions, RUNS.get(millions, 1))
    lake, size = ingest.lake_of(sizes[-1]), f"{sizes[-1]} M"
    _say(f"{size} rows: asking")
    yield from queries.lines(lake, size)
    yield from processes.command_lines(lake, size)
    yield from replaces.lines(lake, size)
    for millions in sizes:
        shutil.rmtree(ingest.lake_of(millions))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
