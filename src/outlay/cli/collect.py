"""`outlay collect`: refresh sources, or tell what that would ask for and cost."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from outlay.cli.wiring import asked_days, days_options, named_sources, settings_of, state_of
from outlay.core.errors import OutlayError, SomeSourcesFailed, UsageError
from outlay.core.money import shown

if TYPE_CHECKING:
    from outlay.collect import Progress, Tell
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
    providers: tuple[str, ...],
    start_date: date | None,
    end_date: date | None,
    backfill: bool,
    lookback_days: int | None,
    dry_run: bool,
) -> None:
    """Fetch what the clouds charge. A source that fails keeps its last good data and stops no other."""
    from outlay.collect import Ask, plan, refresh

    if (start_date or end_date) and (backfill or lookback_days):
        raise UsageError("--start-date says from when: leave out --backfill and --lookback-days")
    if backfill and lookback_days:
        raise UsageError("--backfill and --lookback-days both say how far back: give one")
    settings = settings_of(ctx)
    sources = named_sources(settings, providers)
    section = settings.collection
    ask = Ask(
        asked_days(start_date, end_date, None),
        lookback_days or section.lookback_days,
        lookback_days or section.backfill_days,
        backfill,
    )
    state = state_of(settings)
    if dry_run:
        total = Decimal(0)
        for each in plan(sources, state, ask):
            total += each.price or 0
            click.echo(f"{each.span}  {'free' if each.price is None else shown(each.price, 'USD')}")
        click.echo(f"estimated price: {shown(total, 'USD')}", err=True)
        return
    with _stopping() as stop, _progress() as tell:
        runs = refresh(sources, settings.store, state, ask, workers=section.workers, stop=stop, tell=tell)
    if stop.is_set():
        raise click.Abort
    _conclude(runs)


def _conclude(runs: list[Run]) -> None:
    errors = {run.source: run.error for run in runs if run.error is not None}
    for source, error in errors.items():
        click.echo(f"outlay: {source} failed, its last good data is kept: {error}", err=True)
    if errors and len(errors) == len({run.source for run in runs}):
        raise OutlayError("no source could be collected")
    if errors:
        raise SomeSourcesFailed(f"{len(errors)} of {len({run.source for run in runs})} sources failed")


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set: what is under way is given up, what is stored stays."""
    stop = threading.Event()
    before = {each: signal.signal(each, lambda *_: stop.set()) for each in (signal.SIGINT, signal.SIGTERM)}
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
    if run.unchanged:
        return f"{name}: unchanged"
    totals = ", ".join(shown(total, currency) for currency, total in run.totals.items())
    return f"{name}: {run.rows:,} rows, {totals or 'nothing billed'}, {run.seconds:.1f} s"
