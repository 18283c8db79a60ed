"""`outlay collect`: refresh sources, or tell what that would ask for and cost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from outlay.cli.wiring import ask_of, asked_days, cache_of, days_options, named_sources, settings_of, state_of
from outlay.core.errors import OutlayError, SomeSourcesFailed, UsageError
from outlay.core.money import text

if TYPE_CHECKING:
    from outlay.collect import Planned
    from outlay.state import Run


@click.command("collect")
@click.option("--providers", multiple=True, help="Only these sources, by name: aws,files.")
@days_options
@click.option("--backfill", is_flag=True, help="Go back backfill_days, or to --start-date; or go on where one stopped.")
@click.option("--lookback-days", type=click.IntRange(min=1), help="Ask for so many days again.")
@click.option("--force-refresh", is_flag=True, help="Ask for what was answered a moment ago, too.")
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
    force_refresh: bool,
    dry_run: bool,
) -> None:
    """Fetch what the clouds charge. A source that fails keeps its last good data and stops no other."""
    from outlay.cli.judging import judge_of
    from outlay.cli.progress import Walk, progress
    from outlay.collect import plan, refresh, tidy
    from outlay.history import complete, measure

    if (start_date or end_date) and lookback_days:
        raise UsageError("--start-date says from when: leave out --lookback-days")
    if backfill and lookback_days:
        raise UsageError("--backfill and --lookback-days both say how far back: give one")
    settings = settings_of(ctx)
    sources = named_sources(settings, providers)
    ask = replace(
        ask_of(settings, cache_of(settings), fresh=force_refresh),
        days=asked_days(start_date, end_date),
        backfill=backfill,
    )
    if lookback_days:
        ask = replace(ask, lookback_days=lookback_days, backfill_days=lookback_days)
    with closing(state_of(settings)) as state:
        if dry_run:
            _tell(plan(sources, settings.store, state, ask))
            return
        names = [source.name for source in settings.sources]
        complete(settings.store, state, [source.name for source in sources])
        workers = settings.collection.workers
        walk = Walk.over(sources, settings.store, state, ask) if backfill else None
        with _stopping() as stop, progress(walk) as tell:
            runs = refresh(
                sources, settings.store, state, ask, workers=workers, stop=stop.event, tell=tell, names=names
            )
            if any(run.error is None and not run.unchanged for run in runs) and not stop.event.is_set():
                tidy(settings.store, state)
            measure(state, settings.collection.lookback_days, [source.name for source in sources])
        if not stop.event.is_set():
            judge_of(settings, state).run()
    if stop.event.is_set():
        goes_on = "; the same command goes on from here" if backfill else ""
        click.echo(f"stopped; what was stored before is kept{goes_on}", err=True)
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
