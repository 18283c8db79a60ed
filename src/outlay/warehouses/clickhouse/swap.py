"""Replacing one month of one source: staged in a table of its own, and swapped in by one REPLACE PARTITION.

Two writers of one month must not undo each other, and ClickHouse has no transaction for that. Who has staged what a
month is to be made of, from what was there, says so by renaming his table to a name by which others find it. Then he
looks whether another has such a table, and whether the month still is what he staged from; if so he swaps, else he
begins anew. Of two who would both swap, the later one has seen the other's table, or the other's rows. A writer that
died in between is outlived by dropping his table, without which he could not swap either.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from outlay.core.money import totals
from outlay.core.query import DIMENSIONS
from outlay.core.span import Period
from outlay.warehouses._charges import Days
from outlay.warehouses.clickhouse.load import Incoming, Line
from outlay.warehouses.clickhouse.server import Server, Trouble, errors, is_missing
from outlay.warehouses.clickhouse.tables import LOAD, READY, STAGE, STORED, Tables

ATTEMPTS = 100
# How long a swap that another has announced may take, in seconds, before he is taken for dead.
PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Month:
    """What a server has of one source and billing month: the load it came with, '' when there is nothing."""

    load: str = ""
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Months:
    """The months of one source on the server that keeps them."""

    server: Server
    tables: Tables
    source: str

    def all(self) -> dict[date, Month]:
        """Every month that has charges."""
        return self._look("", {})

    def swap(self, month: date, incoming: Incoming, days: Period | None) -> tuple[Month, tuple[Line, ...]]:
        """Make what came in all there is of the month, or of these days of it.

        Returns the month as it was, and what it has now. Raises Trouble when others write it all the time.
        """
        new = incoming.lines(month)
        for attempt in range(ATTEMPTS):
            before = self._one(month)
            kept = () if days is None else tuple(line for line in before.lines if line.day not in days)
            if not new and len(kept) == len(before.lines):
                return before, before.lines
            stage = f"{STAGE}{uuid4().hex}"
            try:
                self._stage(stage, month, before, incoming, days if kept else None)
            except BaseException:
                self.server.drop(self.tables.name(stage))
                raise
            if self._swapped(stage, month, before):
                return before, (*kept, *new)
            time.sleep(random.uniform(0.5, 1.5) * min(0.01 * (attempt + 1), 0.3))  # noqa: S311 - jitter
        raise Trouble(f"{self.source} {month:%Y-%m} was written by others {ATTEMPTS} times in a row; try again")

    # -- how ---------------------------------------------------------------------------------------

    def _look(self, where: str, params: Mapping[str, Any]) -> dict[date, Month]:
        sql = (
            f"SELECT month, {LOAD}, charge_date, billing_currency, cut, sum(billed_cost)"  # noqa: S608 - our own names
            f" FROM {self.tables.local('charges')} WHERE source = {{source:String}}{where}"
            f" GROUP BY month, {LOAD}, charge_date, billing_currency, cut"
        )
        loads: dict[date, str] = {}
        lines: dict[date, list[Line]] = defaultdict(list)
        for of, load, *line in self.server.lines(sql, {"source": self.source, **params}):
            loads[of] = load
            lines[of].append(Line(*line))
        return {of: Month(load, tuple(lines[of])) for of, load in loads.items()}

    def _one(self, month: date) -> Month:
        return self._look(" AND month = {month:Date32}", {"month": month}).get(month, Month())

    def _stage(self, stage: str, month: date, before: Month, incoming: Incoming, days: Period | None) -> None:
        """Fill a table with what came in of the month; with `days`, and with what is there of its other days."""
        server, name = self.server, self.tables.name(stage)
        part = {"source": self.source, "month": month}
        server.do(self.tables.create_stage(stage))
        if incoming.lines(month):
            partition = "ATTACH PARTITION ({source:String}, {month:Date32})"
            server.do(f"ALTER TABLE {name} {partition} FROM {incoming.table}", part)
        if days is not None:
            columns = ", ".join(STORED[:-1])
            server.do(
                f"INSERT INTO {name} ({columns}, {LOAD}) SELECT {columns}, {{new:String}}"  # noqa: S608 - our own names
                f" FROM {self.tables.local('charges')} WHERE source = {{source:String}} AND month = {{month:Date32}}"
                f" AND {LOAD} = {{old:String}} AND (charge_date < {{start:Date32}} OR charge_date >= {{end:Date32}})",
                part | {"new": incoming.load, "old": before.load, "start": days.start, "end": days.end},
            )

    def _swapped(self, stage: str, month: date, before: Month) -> bool:
        """Whether the month was still as it was `before`, and now is what was staged."""
        said = f"{READY}{blake2b(f'{self.source} {month}'.encode(), digest_size=8).hexdigest()}_"
        ready = f"{said}{uuid4().hex}"
        self._outlive(said)
        self.server.do(f"RENAME TABLE {self.tables.name(stage)} TO {self.tables.name(ready)}")
        try:
            if self._named(said) != {ready} or self._one(month).load != before.load:
                return False
            self.server.do(
                f"ALTER TABLE {self.tables.local('charges')} REPLACE PARTITION ({{source:String}}, {{month:Date32}})"
                f" FROM {self.tables.name(ready)}",
                {"source": self.source, "month": month},
            )
        except errors() as error:
            if is_missing(error) and ready not in self._named(said):
                return False  # we were taken for dead
            raise
        finally:
            self.server.drop(self.tables.name(ready))
        return True

    def _outlive(self, said: str) -> None:
        """Wait for those who announced a swap; drop the table of one who does not come to an end."""
        end, waiting = time.monotonic() + PATIENCE, self._named(said)
        while waiting and time.monotonic() < end:
            time.sleep(random.uniform(0.002, 0.02))  # noqa: S311 - jitter
            waiting &= self._named(said)
        for name in waiting:
            self.server.drop(self.tables.name(name))

    def _named(self, beginning: str) -> set[str]:
        sql = (
            "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, {beginning:String})"
        )
        found = self.server.lines(sql, {"database": self.tables.database, "beginning": beginning})
        return {name for (name,) in found}


def believed(lines: Iterable[Line]) -> Days:
    """What each day costs in each currency, of several cuts of its money by the coarsest, as questions have it."""
    lines = list(lines)
    cuts: dict[date, str] = {}
    for line in lines:
        cuts[line.day] = min(cuts.get(line.day, line.cut), line.cut, key=_coarseness)
    costs: dict[date, list[tuple[str, Decimal]]] = defaultdict(list)
    for line in lines:
        if line.cut == cuts[line.day]:
            costs[line.day].append((line.currency, line.cost))
    return {(day, currency): cost for day, some in costs.items() for currency, cost in totals(some).items()}


def _coarseness(cut: str) -> tuple[int, str]:
    return (len(set(cut.split(","))) if cut else len(DIMENSIONS)), cut
