"""`outlay collect`: refresh sources, or tell what that would ask for and cost."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from outlay.cli.wiring import ask_of, asked_days, days_options, named_sources, settings_of, state_of
from outlay.core.errors import OutlayError, SomeSourcesFailed, UsageError
from outlay.core.money import shown, text

if TYPE_CHECKING:
    from outlay.collect import Planned, Progress, Tell
    from outlay.state import Run


@click.command("collect")
@click.option("--providers", multiple=True, help="Only these sources, by name: aws,files.")
@days_options
@click.option("--backfill", is_flag=True, help="Go back the settings' backfill_days.")
@click.option("--lookback-days", type=click.IntRange(min=1), help="Ask for so many days again.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be asked for, and its price.")
@click.pass_context
def collect(
    ctx: click.Context,
    *,
    providers: tuple[str, ...],
    start_date: date | None,
    end_date: date | None,
    backfill: bool,
    lookback_days: int | None,
    dry_run: bool,
) -> None:
    """Fetch what the clouds charge. A source that fails keeps its last good data and stops no other."""
    from outlay.collect import plan, refresh, tidy

    if (start_date or end_date) and (backfill or lookback_days):
        raise UsageError("--start-date says from when: leave out --backfill and --lookback-days")
    if backfill and lookback_days:
        raise UsageError("--backfill and --lookback-days both say how far back: give one")
    settings = settings_of(ctx)
    sources = named_sources(settings, providers)
    ask = replace(ask_of(settings), days=asked_days(start_date, end_date), backfill=backfill)
    if lookback_days:
        ask = replace(ask, lookback_days=lookback_days, backfill_days=lookback_days)
    with closing(state_of(settings)) as state:
        if dry_run:
            _tell(plan(sources, settings.store, state, ask))
            return
        names = [source.name for source in settings.sources]
        workers = settings.collection.workers
        with _stopping() as stop, _progress() as tell:
            runs = refresh(
                sources, settings.store, state, ask, workers=workers, stop=stop.event, tell=tell, names=names
            )
            if any(run.error is None and not run.unchanged for run in runs) and not stop.event.is_set():
                tidy(settings.store, state)
    if stop.event.is_set():
        click.echo("stopped; what was stored before is kept", err=True)
        ctx.exit(128 + stop.signal)
    _conclude(runs)


def _tell(planned: Iterable[Planned]) -> None:
    total = Decimal(0)
    for each in planned:
        price = "free" if each.price is None else f"{text(each.price)} USD"
        if each.left_out:
            click.echo(f"{each.what}  {price}  left out: {each.left_out}")
            continue
        total += each.price or 0
        click.echo(f"{each.what}  {price}")
    click.echo(f"price: {text(total)} USD", err=True)


def _conclude(runs: list[Run]) -> None:
    sources = {run.source for run in runs}
    errors = {run.source: run.error for run in runs if run.error is not None}
    for source, error in errors.items():
        click.echo(f"outlay: {source} failed, its last good data is kept: {error}", err=True)
    if not sources:
        click.echo("nothing to collect for these days", err=True)
    elif errors.keys() == sources:
        raise OutlayError("no source could be collected")
    elif errors:
        raise SomeSourcesFailed(f"{len(errors)} of {len(sources)} sources failed")


@dataclass
class _Stop:
    """Set by SIGINT and SIGTERM: what is under way is given up, what is stored stays. A second one ends at once."""

    event: threading.Event = field(default_factory=threading.Event)
    signal: int = 0

    def __call__(self, number: int, _: object) -> None:
        self.signal = number
        self.event.set()
        signal.signal(number, signal.SIG_DFL)
        os.write(2, b"stopping; once more ends it at once\n")  # print may be in the middle of a line


@contextmanager
def _stopping() -> Iterator[_Stop]:
    stop = _Stop()
    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _progress() -> Iterator[Tell]:
    """A live line per source on a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield _plain
        return
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    lock = threading.Lock()
    columns = (SpinnerColumn(finished_text=" "), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, int] = {}

        def tell(progress: Progress) -> None:
            with lock:
                if progress.source not in tasks:
                    tasks[progress.source] = bars.add_task(progress.source, total=1)
                task = bars.tasks[tasks[progress.source]].id
                bars.update(task, description=_line(progress), completed=1 if progress.run else 0)

        yield tell


def _plain(progress: Progress) -> None:
    if progress.run is not None:
        click.echo(_line(progress), err=True)


def _line(progress: Progress) -> str:
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
