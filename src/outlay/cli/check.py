"""`outlay check`: a plugin for Nagios and Icinga. Every way it ends is one status line on stdout."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

import click

from outlay.cli import nagios
from outlay.cli.peek import peek
from outlay.cli.wiring import settings_of, split, state_of, unsettled
from outlay.core.duration import duration
from outlay.core.errors import OutlayError, UsageError, choices
from outlay.core.money import shown
from outlay.core.query import MEASURES, TAG, CostQuery, Filter
from outlay.core.span import Period, month_of

if TYPE_CHECKING:
    from outlay.core.settings import Settings
    from outlay.reports import Costs

KNOWN_DAYS = 400  # how far back it is looked for charges of what was asked for
TOP = 5

_DAY = timedelta(days=1)


class Plugin(click.Command):
    """A command whose every fault is UNKNOWN, in one line on stdout."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        try:
            return super().make_context(*args, **more)
        except click.ClickException as error:
            _unknown(error.format_message())

    def invoke(self, ctx: click.Context) -> Any:
        timer = threading.Timer(ctx.params["timeout"], _too_late, [ctx.params["timeout"]])
        timer.daemon = True
        timer.start()
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except (OutlayError, click.ClickException) as error:
            _unknown(str(error) if isinstance(error, OutlayError) else error.format_message())
        except Exception as error:
            _unknown(f"unexpected {type(error).__name__}; see what `outlay costs` says")
        finally:
            timer.cancel()


def _unknown(reason: str) -> NoReturn:
    click.echo(nagios.line(nagios.UNKNOWN, reason))
    raise click.exceptions.Exit(nagios.UNKNOWN)


class _Parsed(click.ParamType[Any]):
    """An option that a function reads."""

    def __init__(self, name: str, parse: Any) -> None:
        self.name, self._parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._parse(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


_RANGE = _Parsed("range", nagios.Range.parse)


@click.command("check", cls=Plugin)
@click.option("-w", "--threshold", "warning", type=_RANGE, help="WARNING outside this range: 1000, 10:, ~:1000.")
@click.option("-c", "--critical", type=_RANGE, help="CRITICAL outside this range.")
@click.option("--provider", "providers", multiple=True, help="Only these, such as aws,azure.")
@click.option("--source", "sources", multiple=True, help="Only these sources, by name.")
@click.option("--account", "accounts", multiple=True, help="Only this account (sub account id).")
@click.option("--service", "services", multiple=True, help="Only this service, such as 'Amazon EC2'.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Only what is tagged so.")
@click.option("--period", type=click.Choice(["day", "month"]), default="day", show_default=True,
              help="The last whole day, or its month so far.")  # fmt: skip
@click.option("--measure", type=click.Choice([*MEASURES]), default="billed", show_default=True)
@click.option("--currency", help="Needed where there are several.")
@click.option("--max-age", type=_Parsed("length", duration), default="3d", show_default=True,
              help="How long ago a source's last day with charges may have ended.")  # fmt: skip
@click.option("-t", "--timeout", type=click.IntRange(min=1), default=30, show_default=True, help="Seconds.")
@click.option("-v", "--verbose", is_flag=True, help="The largest services, too.")
@click.pass_context
def check(
    ctx: click.Context,
    /,
    *,
    warning: nagios.Range | None,
    critical: nagios.Range | None,
    providers: tuple[str, ...],
    sources: tuple[str, ...],
    accounts: tuple[str, ...],
    services: tuple[str, ...],
    tags: tuple[str, ...],
    period: str,
    measure: str,
    currency: str | None,
    max_age: timedelta,
    verbose: bool,
    **_: object,
) -> None:
    """Compare stored costs with thresholds, as Nagios and Icinga want it: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."""
    everywhere = _filters({"provider": [name.lower() for name in split(providers)], "source": split(sources)})
    within = _filters({"account": accounts, "service": services})
    scope = Scope(settings_of(ctx), everywhere, (*everywhere, *within, *_tagged(tags)), measure)
    warning, critical = _limits(scope.settings, period, warning, critical)
    currency = _currency(scope, currency)
    days = _days(_day(scope, max_age), period)
    found = _found(scope, days)
    cost = found.totals.get(currency, Decimal(0))
    code = nagios.state(cost, warning, critical)
    when = f"on {days.start}" if period == "day" else f"in {days.start:%Y-%m} up to {days.end - _DAY}"
    estimate = " (provisional)" if found.provisional_from else ""
    perf = nagios.perfdata("cost", round(cost, 2), currency, warning, critical)
    lines = [nagios.line(code, f"{shown(cost, currency)} {when}{estimate}", perf)]
    if verbose:
        lines += _largest(scope, days, currency)
    click.echo("\n".join(lines))
    ctx.exit(code)


def _too_late(seconds: int) -> None:
    """A store that hangs cannot be told to stop: the process ends here."""
    sys.stdout.write(nagios.line(nagios.UNKNOWN, f"no answer from the store within {seconds} seconds") + "\n")
    sys.stdout.flush()
    os._exit(nagios.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is asked about: `filters`; and of whom, the part of them that every charge can answer: `everywhere`."""

    settings: Settings
    everywhere: tuple[Filter, ...]
    filters: tuple[Filter, ...]
    measure: Any

    def rows(self, days: Period, *dimensions: str, whole: bool = False) -> Any:
        """The costs of these days; `whole`: not only those asked about, but all of whom it is asked about."""
        from outlay import reports

        filters = self.everywhere if whole else self.filters
        return reports.costs(self.settings.store, CostQuery(days, dimensions, filters, self.measure)).rows


def _filters(wanted: dict[str, Any]) -> tuple[Filter, ...]:
    return tuple(Filter(name, tuple(value or None for value in values)) for name, values in wanted.items() if values)


def _tagged(texts: tuple[str, ...]) -> tuple[Filter, ...]:
    wanted: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"--tag {text!r} is not KEY=VALUE, such as team=core")
        wanted.setdefault(f"{TAG}{key}", []).append(value)
    return _filters(wanted)


def _limits(
    settings: Settings, period: str, warning: nagios.Range | None, critical: nagios.Range | None
) -> tuple[nagios.Range | None, nagios.Range | None]:
    """The ranges given, else those of the settings. Raises UsageError when there are none."""
    if warning or critical:
        return warning, critical
    section = settings.monitoring.thresholds
    name = "daily" if period == "day" else "monthly"
    levels = getattr(section, name) if section else None
    if levels is None:
        raise UsageError(f"no thresholds: give --threshold or --critical, or set monitoring.thresholds.{name}")
    amounts = (levels.warning, levels.critical)
    found = [None if amount is None else nagios.Range.parse(f"{amount:f}") for amount in amounts]
    return found[0], found[1]


def _currency(scope: Scope, asked: str | None) -> str:
    """The one currency of what is asked about. Raises UsageError when there are several, or no charges at all."""
    from outlay.reports import today

    days = Period(today() - timedelta(days=KNOWN_DAYS), today() + _DAY)
    known = sorted({row["currency"] for row in scope.rows(days)})
    if not known:
        wanted = ", ".join(f"{each.dimension}={'|'.join(v or '' for v in each.values)}" for each in scope.filters)
        raise UsageError(f"no charges{f' of {wanted}' if wanted else ''} in {KNOWN_DAYS} days")
    if asked is None and len(known) > 1:
        raise UsageError(f"several currencies: {', '.join(known)}; choose one with --currency")
    if asked is not None and asked not in known:
        raise UsageError(choices("currency", asked, known))
    return asked or known[0]


def _day(scope: Scope, max_age: timedelta) -> date:
    """The last day, before today, that all sources asked about have charges of. Raises OutlayError for a stale one."""
    from outlay.reports import today

    now = today()
    _all_collected(scope)
    asked = {row["source"] for row in scope.rows(Period(now - timedelta(days=KNOWN_DAYS), now), "source")}
    wanted = asked & {source.name for source in scope.settings.sources} or asked
    if not wanted:
        raise OutlayError("no charges of a whole day yet")
    last = _last_days(scope, Period(now - timedelta(days=KNOWN_DAYS), now))
    if late := sorted(name for name in wanted if now - last[name] - _DAY > max_age):
        aged = ", ".join(f"the last charges of {name} are of {last[name]}" for name in late)
        raise OutlayError(f"stale: {aged}, older than --max-age")
    return min(last[name] for name in wanted)


def _last_days(scope: Scope, days: Period) -> dict[str, date]:
    """The last day with charges of each source."""
    rows = scope.rows(days, "date", "source", whole=True)
    return {row["source"]: row["date"] for row in sorted(rows, key=lambda row: row["date"])}


def _all_collected(scope: Scope) -> None:
    """Raise OutlayError when a source that is asked about was never collected: its costs are missing."""
    if any(each.dimension == "provider" for each in scope.everywhere):
        return  # whose charges it would bring is not known
    named = {name for each in scope.everywhere for name in each.values}
    held = {source for source, _, _ in scope.settings.store.months()}
    missing = {source.name for source in scope.settings.sources if not named or source.name in named} - held
    if missing:
        missing -= _once_collected(scope.settings)  # one that was collected may well have no charges
    if missing:
        raise OutlayError(f"missing: {', '.join(sorted(missing))} was never collected; see `outlay runs`")


def _once_collected(settings: Settings) -> set[str]:
    """The sources that were ever read without a fault. Raises OutlayError."""
    try:
        rows = peek(settings, "SELECT DISTINCT source FROM runs WHERE error IS NULL")
    except sqlite3.Error as error:
        raise OutlayError(f"cannot read the state that `state.url` names: {error}") from None
    if rows is not None:
        return {source for (source,) in rows}
    with closing(state_of(settings)) as state:
        return {each.source for each in state.freshness() if each.last_success}


def _days(day: date, period: str) -> Period:
    return Period(month_of(day) if period == "month" else day, day + _DAY)


def _found(scope: Scope, days: Period) -> Costs:
    from outlay import history

    query = CostQuery(days, (), scope.filters, scope.measure)
    return history.costs(scope.settings.store, query, unsettled(scope.settings))


def _largest(scope: Scope, days: Period, currency: str) -> list[str]:
    rows = [row for row in scope.rows(days, "service") if row["currency"] == currency][:TOP]
    return [f"{row['service'] or '(none)'}: {shown(row['cost'], currency)}".replace("|", "/") for row in rows]
