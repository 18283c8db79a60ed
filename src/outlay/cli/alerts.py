"""`outlay alerts`: what is amiss, who took it on, what is silenced, what was told to whom."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from getpass import getuser
from typing import TYPE_CHECKING, Any

import click

from outlay.cli.backtest import backtest
from outlay.cli.wiring import settings_of, state_of
from outlay.core.duration import duration
from outlay.core.errors import UsageError, choices
from outlay.core.moments import iso

if TYPE_CHECKING:
    from outlay.state.alerts import Alert, Silence

_FORMAT = click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
_FOREIGN = "not judged by these settings"
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


alerts.add_command(backtest)


@alerts.command("list")
@click.option("--all", "resolved", is_flag=True, help="What is over, too.")
@_LIMIT
@_FORMAT
@click.pass_context
def list_(ctx: click.Context, resolved: bool, limit: int, form: str) -> None:
    """Show what is amiss, the worst first, and what is silenced."""
    from outlay.judge.asking import is_judged, rules_of

    settings = settings_of(ctx)
    rules, sources = rules_of(settings.monitoring), [each.name for each in settings.sources]
    with closing(state_of(settings)) as state:
        found = state.alerts.standing() + (state.alerts.over(limit) if resolved else [])
        silences = state.alerts.silences()
    if form == "json":
        told = [_alert(each) | {"judged_here": is_judged(each, rules, sources)} for each in found]
        _print_json({"alerts": told, "silences": [_silence(each) for each in silences]})
        return
    for each in silences:
        click.echo(f"silenced until {_when(each.until)} UTC: {each.rule} ({each.reason}, {each.made_by})", err=True)
    if not found:
        click.echo("nothing is amiss", err=True)
        return
    columns: dict[str, list[str]] = {
        "id": [str(each.id) for each in found],
        "severity": [each.severity for each in found],
        "since": [_shortly(each.since) for each in found],
        "over": [_shortly(each.resolved_at) for each in found],
        "told": ["" if each.told_severity else "no" for each in found],
        "taken on": [f"{each.acked_by} {_shortly(each.acked_at)}" if each.acked_at else "" for each in found],
        "what": [
            each.title if each.resolved_at or is_judged(each, rules, sources) else f"{each.title}; {_FOREIGN}"
            for each in found
        ],
    }
    titles = [title for title, values in columns.items() if any(values)]  # a terminal has 80 columns
    _print_table(titles, [list(row) for row in zip(*(columns[each] for each in titles), strict=True)], "id", "since")


@alerts.command("ack")
@click.argument("alert", metavar="ID", type=int)
@click.option("--by", help="Who takes it on.  [default: the user]")
@click.pass_context
def ack(ctx: click.Context, alert: int, by: str | None) -> None:
    """Take an alert on: nobody is reminded of it until it gets worse, or is over."""
    with closing(state_of(settings_of(ctx))) as state:
        found = state.alerts.ack(alert, by or _who())
    click.echo(f"taken on by {found.acked_by}: {found.title}", err=True)


@alerts.command("end")
@click.argument("alert", metavar="ID", type=int)
@click.pass_context
def end(ctx: click.Context, alert: int) -> None:
    """End an alert whose rule or source is not in the settings any more, and tell so; see docs/alerts.md."""
    from outlay.cli.judging import judge_of

    settings = settings_of(ctx)
    with closing(state_of(settings)) as state:
        found = judge_of(settings, state).end(alert)
    click.echo(f"ended: {found.title}", err=True)


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
                "delivered_at": iso(each.delivered_at),
                "due_at": None if each.delivered_at or each.given_up else iso(each.due_at),
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
            f"{each.status} {_shortly(each.delivered_at)}".rstrip(),
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
    from outlay.cli.judging import page_of
    from outlay.notify import channel_named, channels, trial

    settings = settings_of(ctx)
    every = channels(settings.monitoring.notifications)
    page = page_of(settings)
    click.echo(trial(channel_named(every, channel), datetime.now(UTC), page and f"{page}/"))


def _alert(each: Alert) -> dict[str, Any]:
    return {
        "id": each.id,
        "rule": each.rule,
        "subject": each.subject,
        "severity": each.severity,
        "title": each.title,
        "text": each.text,
        "facts": dict(each.facts),
        "since": iso(each.since),
        "seen_at": iso(each.seen_at),
        "told_at": iso(each.told_at),
        "told_severity": each.told_severity,
        "acked_at": iso(each.acked_at),
        "acked_by": each.acked_by,
        "resolved_at": iso(each.resolved_at),
    }


def _silence(each: Silence) -> dict[str, Any]:
    return {"rule": each.rule, "until": iso(each.until), "reason": each.reason, "made_by": each.made_by}


def _when(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _shortly(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%m-%d %H:%M}"


def _print_json(found: Any) -> None:
    whole = found if isinstance(found, dict) else list(found)
    click.echo(json.dumps(whole, indent=2, ensure_ascii=False))


def _print_table(titles: list[str], rows: list[list[str]], *right: str) -> None:
    from outlay.cli.formats import print_rows

    print_rows(titles, rows, frozenset(right))
