"""How often each source was refreshed and how that went, over all runs there are: sums that only grow."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from outlay.state.database import Database
from outlay.state.tables import RUNS

BOUNDS = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)  # seconds


@dataclass(slots=True)
class Counted:
    """All runs of one source.

    `within`  how many took at most so many seconds as each of BOUNDS
    `failed`  how many ended with an error, by its code
    """

    runs: int = 0
    rows: int = 0
    seconds: float = 0.0
    within: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))
    failed: Counter[str] = field(default_factory=Counter)


def counted(database: Database) -> Mapping[str, Counted]:
    """What was counted of each source ever collected, by name."""
    failed = RUNS.c.error.is_not(None).label("is_failed")
    within = [
        sa.func.sum(sa.case((RUNS.c.seconds <= bound, 1), else_=0)).label(f"within_{index}")
        for index, bound in enumerate(BOUNDS)
    ]
    sums = (sa.func.count().label("runs"), sa.func.sum(RUNS.c.rows).label("sum_rows"), sa.func.sum(RUNS.c.seconds))
    groups = (RUNS.c.source, RUNS.c.code, failed)
    found: dict[str, Counted] = defaultdict(Counted)
    told: Sequence[Sequence[Any]] = database.read(
        sa.select(*groups, *sums, *within).group_by(*groups).order_by(RUNS.c.source)
    )
    for source, code, is_failed, runs, rows, seconds, *took in told:
        each = found[source]
        each.runs += runs
        each.rows += int(rows)
        each.seconds += seconds
        each.within = [before + int(more) for before, more in zip(each.within, took, strict=True)]
        if is_failed:
            each.failed[code or "unexpected"] += runs
    return dict(found)
