"""`outlay alerts`: what is amiss, who took it on, what is silenced, what was told to whom."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from getpass import getuser
from typing import TYPE_CHECKING, Any

import click

from outlay.cli.wiring import asked_days, day, settings_of, state_of
from outlay.core.duration import duration
from outlay.core.errors import ConfigError, UsageError, choices
from outlay.core.money import text

if TYPE_CHECKING:
    from outlay.core.settings import Settings
    from outlay.judge.asking import CostRule
    from outlay.judge.backtest import Believed, Event
    from outlay.state.alerts import Alert, Silence

_FORMAT = click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
_LIMIT = click.option("--limit", type=click.IntRange(min=1), default=30, show_default=True, help="The newest so many.")


def _length(value: str) -> timedelta:
    try:
        return duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _who() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        return "unknown"


@click.group("alerts", invoke_without_command=True)
@click.pass_context
def alerts(ctx: click.Context) -> None:
    """What is amiss, and who was told; see docs/alerts.md. Without a command: `list`."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_, form="table", resolved=False, limit=30)


@alerts.command("list")
@click.option("--all", "resolved", is_flag=True, help="What is over, too.")
@_LIMIT
@_FORMAT
@click.pass_context
def list_(ctx: click.Context, resolved: bool, limit: int, form: str) -> None:
    """Show what is amiss, the worst first, and what is silenced."""
    with closing(state_of(settings_of(ctx))) as state:
        found = state.alerts.standing() + (state.alerts.over(limit) if resolved else [])
        silences = state.alerts.silences()
    if form == "json":
        _print_json({"alerts": [_alert(each) for each in found], "silences": [_silence(each) for each in silences]})
        return
    for each in silences:
        click.echo(f"silenced until {_when(each.until)} UTC: {each.rule} ({each.reason}, {each.made_by})", err=True)
    if not found:
        click.echo("nothing is amiss", err=True)
        return
    titles = ["id", "severity", "since", "told", "what", *(["over"] if resolved else []), "taken on"]
    _print_table(
        titles,
        [
            [
                str(each.id),
                each.severity,
                _when(each.since),
                _when(each.told_at) if each.told_severity else "no",
                each.title,
                *([_when(each.resolved_at)] if resolved else []),
                f"{each.acked_by} {_when(each.acked_at)}" if each.acked_at else "",
            ]
            for each in found
        ],
        "id",
    )


@alerts.command("ack")
@click.argument("alert", metavar="ID", type=int)
@click.option("--by", help="Who takes it on.  [default: the user]")
@click.pass_context
def ack(ctx: click.Context, alert: int, by: str | None) -> None:
    """Take an alert on: nobody is reminded of it until it gets worse, or is over."""
    with closing(state_of(settings_of(ctx))) as state:
        found = state.alerts.ack(alert, by or _who())
    click.echo(f"taken on by {found.acked_by}: {found.title}", err=True)


@alerts.command("silence")
@click.argument("rule")
@click.option("--for", "length", type=_length, required=True, help="How long: 90m, 36h, 2d, 1w.")
@click.option("--reason", required=True, help="Why, for those who wonder.")
@click.option("--by", help="Who says so.  [default: the user]")
@click.pass_context
def silence(ctx: click.Context, rule: str, length: timedelta, reason: str, by: str | None) -> None:
    """Have nothing told of a rule, or of several: aws-*. What still stands afterwards is told then."""
    from fnmatch import fnmatchcase

    from outlay.judge.asking import rules_of

    settings = settings_of(ctx)
    known = [each.name for each in rules_of(settings.monitoring)]
    if not any(fnmatchcase(name, rule) for name in known):
        raise UsageError(choices("rule", rule, known))
    until = datetime.now(UTC) + length
    with closing(state_of(settings)) as state:
        state.alerts.silence(rule, until, reason, by or _who())
    click.echo(f"silenced until {_when(until)} UTC: {rule}", err=True)


@alerts.command("deliveries")
@_LIMIT
@_FORMAT
@click.pass_context
def deliveries(ctx: click.Context, limit: int, form: str) -> None:
    """Show what was told to whom, and what no channel took. Newest first."""
    with closing(state_of(settings_of(ctx))) as state:
        found = state.deliveries.newest(limit)
    if form == "json":
        _print_json(
            {
                "id": each.id,
                "alert": each.alert,
                "channel": each.channel,
                "severity": each.severity,
                "title": each.message.get("title"),
                "status": each.status,
                "attempts": each.attempts,
                "delivered_at": _iso(each.delivered_at),
                "due_at": None if each.delivered_at or each.given_up else _iso(each.due_at),
                "error": each.error,
            }
            for each in found
        )
        return
    if not found:
        click.echo("nobody was told anything yet", err=True)
        return
    rows = [
        [
            str(each.alert),
            each.channel,
            str(each.message.get("title")),
            each.status + (f" {_when(each.delivered_at)}" if each.delivered_at else ""),
            str(each.attempts),
            each.error or "",
        ]
        for each in found
    ]
    _print_table(["alert", "channel", "what", "status", "attempts", "error"], rows, "alert", "attempts")


@alerts.command("test")
@click.option("--channel", required=True, help="The channel, by name.")
@click.pass_context
def test(ctx: click.Context, channel: str) -> None:
    """Send a message that alerts nobody, and say what happened."""
    from outlay.notify import channel_named, channels, trial

    every = channels(settings_of(ctx).monitoring.notifications)
    click.echo(trial(channel_named(every, channel), datetime.now(UTC)))


@alerts.command("backtest")
@click.option("--rule", "name", required=True, help="A rule, budget or threshold (daily, monthly) of the settings.")
@click.option("--since", type=day, required=True, help="First day, such as 2026-10-01.")
@click.option("--until", type=day, help="Last day, inclusive.  [default: yesterday]")
@_FORMAT
@click.pass_context
def backtest(ctx: click.Context, name: str, since: date, until: date | None, form: str) -> None:
    """Show when a rule would have fired and for how much: with days as they finally were, and as believed then."""
    from outlay.judge.asking import looking
    from outlay.judge.backtest import believed, finally_

    days = asked_days(since, until)
    assert days is not None  # noqa: S101 - since is required
    settings = settings_of(ctx)
    rule = _rule(settings, name)
    events = finally_(rule, looking(settings.store, {}, ()), days)
    then: Believed | None = None
    unknown = ""
    with closing(state_of(settings)) as state:
        try:
            then = believed(rule, settings.store, state, days)
        except UsageError as error:
            unknown = str(error)
    if form == "json":
        told = None if then is None else [_event(each) for each in then.events]
        first = then.known_from.isoformat() if then and then.known_from else None
        final = [_event(each) for each in events]
        _print_json({"rule": name, "days": str(days), "final": final, "believed": told, "known_from": first})
        return
    rows = [*_events("final", events), *_events("believed", then.events if then else [])]
    if rows:
        _print_table(["days as", "day", "step", "severity", "what"], rows)
    click.echo(f"{_fired(events)} with days as they finally were, {days}", err=True)
    click.echo(f"as believed then: {_as_believed(then, days.start) if then else unknown}", err=True)


def _as_believed(then: Believed, since: date) -> str:
    if then.known_from is None:
        return "nothing was collected yet"
    first = "" if then.known_from == since else f"; before {then.known_from} nothing was known"
    return f"{_fired(then.events)}{first}"


def _rule(settings: Settings, name: str) -> CostRule:
    from outlay.core.monitoring import ApiSpend, Stale
    from outlay.judge.asking import rules_of

    known = {each.name: each for each in rules_of(settings.monitoring)}
    if not known:
        raise ConfigError("no rules: write some under `monitoring:` in outlay.yaml")
    if name not in known:
        raise UsageError(choices("rule", name, [*known]))
    found = known[name]
    if isinstance(found, Stale | ApiSpend):
        raise UsageError(f"{name} is about Outlay itself: only rules about costs are replayed")
    return found


def _events(days_as: str, events: Iterable[Event]) -> list[list[str]]:
    return [[days_as, str(each.day), each.step, each.verdict.severity or "", each.verdict.title] for each in events]


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


def _alert(each: Alert) -> dict[str, Any]:
    return {
        "id": each.id,
        "rule": each.rule,
        "subject": each.subject,
        "severity": each.severity,
        "title": each.title,
        "text": each.text,
        "facts": dict(each.facts),
        "since": _iso(each.since),
        "seen_at": _iso(each.seen_at),
        "told_at": _iso(each.told_at),
        "told_severity": each.told_severity,
        "acked_at": _iso(each.acked_at),
        "acked_by": each.acked_by,
        "resolved_at": _iso(each.resolved_at),
    }


def _silence(each: Silence) -> dict[str, Any]:
    return {"rule": each.rule, "until": _iso(each.until), "reason": each.reason, "made_by": each.made_by}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _when(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _print_json(found: Any) -> None:
    whole = found if isinstance(found, dict) else list(found)
    click.echo(json.dumps(whole, indent=2, ensure_ascii=False))


def _print_table(titles: list[str], rows: list[list[str]], *right: str) -> None:
    from outlay.cli.formats import print_rows

    print_rows(titles, rows, frozenset(right))
