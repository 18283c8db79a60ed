"""How a collection shows what it does: a live line per source on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from outlay.core.errors import OutlayError
from outlay.core.money import shown, text

if TYPE_CHECKING:
    from outlay.collect import Ask, Progress, Tell
    from outlay.core.ports import Source, Warehouse
    from outlay.state import State


@dataclass
class Walk:
    """A backfill on its way: the price of each span that is still to come (None: free), by source and span."""

    left: dict[tuple[str, str], Decimal | None]
    started: float = field(default_factory=time.monotonic)
    done: int = 0
    paid: Decimal = Decimal(0)

    @classmethod
    def over(cls, sources: Sequence[Source], warehouse: Warehouse, state: State, ask: Ask) -> Walk:
        """What a collection of these sources would fetch. One that cannot tell will say so when it is collected."""
        from outlay.collect import plan

        left: dict[tuple[str, str], Decimal | None] = {}
        for source in sources:
            try:
                planned = plan([source], warehouse, state, ask)
                left |= {(source.name, each.what): each.price for each in planned if not each.left_out}
            except OutlayError:
                continue
        return cls(left)

    @property
    def spans(self) -> int:
        """How many there are, those that are done among them."""
        return self.done + len(self.left)

    def take(self, progress: Progress) -> None:
        """Note that a span came to its end; with one that failed, or was stood back for, its source ends."""
        run, key = progress.run, (progress.source, progress.span)
        if run is None:
            return
        if key in self.left:
            price = self.left.pop(key)
            self.done += 1
            self.paid += (price or 0) if run.error is None else 0
        if run.error is not None or run.note is not None:
            self.left = {key: price for key, price in self.left.items() if key[0] != progress.source}

    def __str__(self) -> str:
        """How far it is: spans, what they cost, and how long the others take at this pace."""
        price = self.paid + sum((each or Decimal(0) for each in self.left.values()), Decimal(0))
        spent = f", {text(self.paid)} of {text(price)} USD" if price else ""
        seconds = (time.monotonic() - self.started) / self.done * len(self.left) if self.done else 0
        rest = f", {_lasting(seconds)} left" if self.done and self.left else ""
        return f"{self.done} of {self.spans} spans{spent}{rest}"


@contextmanager
def progress(walk: Walk | None = None) -> Iterator[Tell]:
    """What to tell of a collection's progress to; of a backfill also how far it is."""
    lock = threading.Lock()
    if not sys.stderr.isatty():

        def plain(progress: Progress) -> None:
            with lock:
                if walk:
                    walk.take(progress)
                if progress.run is not None:
                    click.echo(line(progress) + (f" ({walk})" if walk else ""), err=True)

        yield plain
        return
    with _Bars(walk) as bars:

        def tell(progress: Progress) -> None:
            with lock:
                bars.show(progress)

        yield tell


class _Bars:
    """A live line per source, and one of the walk below them all."""

    def __init__(self, walk: Walk | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        console = Console(stderr=True)
        columns = (SpinnerColumn(finished_text=" "), TextColumn("{task.description}"), TimeElapsedColumn())
        self._bars = Bars(*columns, console=console)
        self._tasks: dict[str, int] = {}
        self._walk = walk
        if walk:
            columns = (*columns[:1], BarColumn(bar_width=16), *columns[1:])  # type: ignore[assignment] # one more
            self._bars = Bars(*columns, console=console)
            self._tasks[""] = self._bars.add_task(str(walk), total=max(walk.spans, 1))

    def __enter__(self) -> _Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show(self, progress: Progress) -> None:
        """Move the line of the source, and that of the walk."""
        if progress.source not in self._tasks:
            self._tasks[progress.source] = self._bars.add_task(progress.source, total=1)
        task = self._bars.tasks[self._tasks[progress.source]].id
        self._bars.update(task, description=line(progress), completed=1 if progress.run else 0)
        if self._walk:
            self._walk.take(progress)
            task = self._bars.tasks[self._tasks[""]].id
            self._bars.update(task, description=str(self._walk), total=self._walk.spans, completed=self._walk.done)


def line(progress: Progress) -> str:
    """One line that tells of a span: how many rows so far, or what became of it."""
    run = progress.run
    name = progress.span or progress.source
    if run is None:
        return f"{name}: {progress.rows:,} rows"
    if run.error is not None:
        return f"{name}: failed"
    if run.note is not None:
        return f"{name}: {run.note}"
    if run.unchanged:
        return f"{name}: unchanged"
    totals = ", ".join(shown(total, currency) for currency, total in run.totals.items())
    return f"{name}: {run.rows:,} rows, {totals or 'nothing billed'}, {run.seconds:.1f} s"


def _lasting(seconds: float) -> str:
    """A span of time as people say it: 40 s, 3 min, 1 h 20 min."""
    if seconds < 60:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
