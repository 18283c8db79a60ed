"""`outlay runs` and `outlay restatements`: what happened, from the state."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from outlay.cli.wiring import asked_days, days_options, settings_of, state_of
from outlay.core import money
from outlay.core.errors import UsageError
from outlay.core.moments import iso

if TYPE_CHECKING:
    from outlay.core.span import Period
    from outlay.state import Run, State

_LIMIT = click.option("--limit", type=click.IntRange(min=1), default=30, show_default=True, help="The newest so many.")
_FORMAT = click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
_SOURCE = click.option("--source", help="Only of this source.")


@click.command("runs")
@_SOURCE
@_LIMIT
@_FORMAT
@click.pass_context
def runs(ctx: click.Context, source: str | None, limit: int, form: str) -> None:
    """Show what was collected, and what failed. Newest first."""
    with closing(state_of(settings_of(ctx))) as state:
        found = state.runs(source, limit)
    if form == "json":
        _json(
            {
                "source": run.source,
                "span": run.span,
                "started_at": iso(run.started_at),
                "seconds": round(run.seconds, 3),
                "rows": run.rows,
                "totals": {currency: money.text(total) for currency, total in run.totals.items()},
                "unchanged": run.unchanged,
                "paid_calls": run.paid_calls,
                "error": run.error,
                "code": run.code,
                "note": run.note,
            }
            for run in found
        )
        return
    if not found:
        click.echo("no runs yet: `outlay collect` makes them", err=True)
        return
    from outlay.cli.formats import print_rows

    titles = ["started", "span", "rows", "seconds", "result"]
    rows = [
        [
            f"{run.started_at:%Y-%m-%d %H:%M}",
            run.span or run.source,
            f"{run.rows:,}",
            f"{run.seconds:.1f}",
            _result(run),
        ]
        for run in found
    ]
    print_rows(titles, rows, frozenset({"rows", "seconds"}))


@click.command("restatements")
@_SOURCE
@days_options
@_LIMIT
@click.option("--curve", is_flag=True, help="How much of a day's final cost is known after 1, 2, 3 ... days.")
@_FORMAT
@click.pass_context
def restatements(
    ctx: click.Context,
    *,
    source: str | None,
    start_date: date | None,
    end_date: date | None,
    limit: int,
    curve: bool,
    form: str,
) -> None:
    """Show the days whose billed cost came out different from what was believed. Newest first."""
    days = asked_days(start_date, end_date)
    if curve and days:
        raise UsageError("--curve is measured over all days: leave out --start-date")
    from outlay.history import restated_json

    with closing(state_of(settings_of(ctx))) as state:
        if curve:
            _curve(state, source, form)
            return
        found = state.past.restated([source] if source else (), days, limit)
    if form == "json":
        _json(restated_json(each) for each in found)
        return
    if not found:
        click.echo("no day was restated", err=True)
        return
    from outlay.cli.formats import print_rows

    titles = ["observed", "source", "day", "before", "after", "change", "currency"]
    rows = [
        [
            f"{each.observed_at:%Y-%m-%d %H:%M}",
            each.source,
            each.day.isoformat(),
            f"{each.before or 0:,.2f}",
            f"{each.after:,.2f}",
            f"{each.after - (each.before or 0):+,.2f}",
            each.currency,
        ]
        for each in found
    ]
    print_rows(titles, rows, frozenset({"before", "after", "change"}))


def _curve(state: State, source: str | None, form: str) -> None:
    from outlay.analysis.settling import settled_age
    from outlay.history import settling_curve

    settling = state.past.settling()
    known = [each.source for each in state.freshness()]
    curves = {name: settling_curve(state, name) for name in known if source in {None, name}}
    if form == "json":
        _json(
            {
                "source": name,
                "settled_after_days": settled_age(points),
                "provisional_from": settling[name].provisional_from.isoformat() if name in settling else None,
                "curve": [
                    {"age_days": each.age, "days": each.days}
                    | {key: _ratio(getattr(each, key)) for key in ("median", "most", "worst")}
                    for each in points
                ],
            }
            for name, points in curves.items()
        )
        return
    if not any(curves.values()):
        click.echo("nothing is measured yet: it takes days that were looked at more than once", err=True)
        return
    from outlay.cli.formats import print_rows

    titles = ["source", "after days", "measured", "median", "9 in 10", "worst"]
    rows = [
        [
            name,
            str(each.age),
            str(each.days),
            *(f"{100 * share:.1f} %" for share in (each.median, each.most, each.worst)),
        ]
        for name, points in curves.items()
        for each in points
    ]
    print_rows(titles, rows, frozenset(titles[1:]))
    for name, each in settling.items():
        if curves.get(name):
            click.echo(
                f"{name}: provisional from {each.provisional_from}, {each.age} days before the last look", err=True
            )


def _ratio(share: Decimal) -> str:
    return money.text(round(share, 6))


@click.command("readings")
@_SOURCE
@click.option("--name", default="", help="Only of this name, or of names that start so.")
@_FORMAT
@click.pass_context
def readings(ctx: click.Context, source: str | None, name: str, form: str) -> None:
    """Show numbers that are no charges, as each source last read them."""
    with closing(state_of(settings_of(ctx))) as state:
        found = [each for each in state.readings(source) if each.reading.name.startswith(name)]
    if form == "json":
        _json(
            {
                "source": each.source,
                "day": each.day.isoformat(),
                "name": each.reading.name,
                "value": money.text(each.reading.value),
                "unit": each.reading.unit,
                "labels": dict(each.reading.labels),
                "start": each.reading.days.start.isoformat() if each.reading.days else None,
                "end": _last(each.reading.days),
            }
            for each in found
        )
        return
    if not found:
        click.echo("no readings: sources such as heroku have them, once collected", err=True)
        return
    from outlay.cli.formats import print_rows

    titles = ["source", "name", "labels", "days", "value", "unit"]
    rows = [
        [
            each.source,
            each.reading.name,
            ", ".join(f"{key}={value}" for key, value in each.reading.labels.items()),
            str(each.reading.days or each.day),
            money.text(each.reading.value),
            each.reading.unit,
        ]
        for each in found
    ]
    print_rows(titles, rows, frozenset({"value"}))


def _last(days: Period | None) -> str | None:
    return (days.end - timedelta(days=1)).isoformat() if days else None


def _json(rows: Any) -> None:
    click.echo(json.dumps(list(rows), indent=2, ensure_ascii=False))


def _result(run: Run) -> str:
    if run.error is not None:
        return f"{run.code}: {run.error}"
    return run.note or ("unchanged" if run.unchanged else _totals(run.totals))


def _totals(totals: dict[str, Any]) -> str:
    return ", ".join(money.shown(total, currency) for currency, total in totals.items()) or "nothing billed"
