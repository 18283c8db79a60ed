"""`outlay alerts backtest`: when a rule would have fired, and for how much."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from outlay.cli.wiring import day, days_between, settings_of, state_of
from outlay.core.errors import ConfigError, UsageError, choices
from outlay.core.money import text

if TYPE_CHECKING:
    from outlay.core.settings import Settings
    from outlay.core.span import Period
    from outlay.judge.asking import AnyRule
    from outlay.judge.backtest import Believed, Event
    from outlay.state import State


@dataclass(frozen=True, slots=True)
class _Replay:
    """What came of it. `final` is None of a rule about Outlay itself, `then` where what was believed is not known."""

    final: Sequence[Event] | None
    then: Believed | None
    unknown: str = ""


@click.command("backtest")
@click.option("--rule", "name", required=True, help="A rule, budget or threshold (daily, monthly) of the settings.")
@click.option("--since", type=day, required=True, help="First day, such as 2026-10-01.")
@click.option("--until", type=day, help="Last day, inclusive.  [default: yesterday]")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_context
def backtest(ctx: click.Context, name: str, since: date, until: date | None, form: str) -> None:
    """Show when a rule would have fired and for how much: with days as they finally were, and as believed then."""
    days = days_between(since, until, ("--since", "--until"))
    settings = settings_of(ctx)
    rule = _rule(settings, name)
    with closing(state_of(settings)) as state:
        found = _replay(rule, settings, state, days)
    show = _show_json if form == "json" else _show_table
    show(name, days, found)


def _rule(settings: Settings, name: str) -> AnyRule:
    from outlay.judge.asking import rules_of

    known = {each.name: each for each in rules_of(settings.monitoring)}
    if not known:
        raise ConfigError("no rules: write some under `monitoring:` in outlay.yaml")
    if name not in known:
        raise UsageError(choices("rule", name, [*known]))
    return known[name]


def _replay(rule: AnyRule, settings: Settings, state: State, days: Period) -> _Replay:
    from outlay.core.monitoring import ApiSpend, Stale
    from outlay.judge.asking import looking
    from outlay.judge.backtest import believed, finally_, of_runs

    if isinstance(rule, Stale | ApiSpend):
        return _Replay(None, of_runs(rule, state, days, [each.name for each in settings.sources]))
    final = finally_(rule, looking(settings.store, {}, ()), days)
    try:
        return _Replay(final, believed(rule, settings.store, state, days))
    except UsageError as error:
        return _Replay(final, None, str(error))


def _show_json(name: str, days: Period, found: _Replay) -> None:
    final = None if found.final is None else [_event(each) for each in found.final]
    told = None if found.then is None else [_event(each) for each in found.then.events]
    first = found.then.known_from.isoformat() if found.then and found.then.known_from else None
    whole = {"rule": name, "days": str(days), "final": final, "believed": told, "known_from": first}
    click.echo(json.dumps(whole, indent=2, ensure_ascii=False))


def _show_table(name: str, days: Period, found: _Replay) -> None:
    from outlay.cli.formats import print_rows

    rows = [*_rows("final", found.final or []), *_rows("believed", found.then.events if found.then else [])]
    if rows:
        print_rows(["days as", "day", "step", "severity", "what"], rows)
    if found.final is None:
        click.echo(
            f"{name} is about Outlay itself: replayed by the runs and calls kept, at the end of each day", err=True
        )
    else:
        click.echo(f"{_fired(found.final)} with days as they finally were, {days}", err=True)
    said = _as_believed(found.then, days.start) if found.then else f"cannot be told: {found.unknown}"
    click.echo(f"as believed then: {said}", err=True)


def _rows(days_as: str, events: Sequence[Event]) -> list[list[str]]:
    return [[days_as, str(each.day), each.step, each.verdict.severity or "", each.verdict.title] for each in events]


def _as_believed(then: Believed, since: date) -> str:
    if then.known_from is None:
        return "nothing was collected yet"
    first = "" if then.known_from == since else f"; before {then.known_from} nothing was known"
    return f"{_fired(then.events)}{first}"


def _fired(events: Sequence[Event]) -> str:
    times = sum(each.step == "fire" for each in events)
    return f"fired {times} time{'' if times == 1 else 's'}"


def _event(each: Event) -> dict[str, Any]:
    verdict = each.verdict
    return {
        "day": each.day.isoformat(),
        "step": str(each.step),
        "severity": verdict.severity,
        "subject": verdict.subject,
        "amount": text(verdict.amount),
        "currency": verdict.currency,
        "title": verdict.title,
    }
