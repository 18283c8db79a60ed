"""`outlay keys`: who may ask the server."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import click

from outlay.cli.wiring import settings_of, state_of
from outlay.core.errors import UsageError, choices

if TYPE_CHECKING:
    from outlay.state.keys import Key

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1), "y": timedelta(days=365)}


@click.group("keys")
def keys() -> None:
    """Create, list and revoke API keys."""


@keys.command("create")
@click.option("--name", required=True, help="What lists and logs call it, such as ci.")
@click.option("--scope", type=click.Choice(["read", "collect", "admin"]), default="read", show_default=True)
@click.option("--expires", help="When it ends: 90d, 12h, 8w, 1y, or a day: 2027-01-31.  [default: never]")
@click.option(
    "--limit", "limits", multiple=True, help="See only this: source=.., account=.. or tag:KEY=..; repeatable."
)
@click.pass_context
def create(ctx: click.Context, name: str, scope: str, expires: str | None, limits: tuple[str, ...]) -> None:
    """Make a key and show it, once: nobody can be told it again."""
    allowed, until = parsed_limits(limits), moment(expires, datetime.now(UTC)) if expires else None
    if not name.strip():
        raise UsageError("--name is empty")
    with closing(state_of(settings_of(ctx))) as state:
        key, text = state.keys.create(name.strip(), scope, allowed, until)
    click.echo(text)
    ends = f"until {until:%Y-%m-%d %H:%M} UTC" if until else "until it is revoked"
    click.echo(f"{key.id}: {scope}, {shown_limits(allowed) or 'everything'}, {ends}; it is not shown again", err=True)


@keys.command("list")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_context
def list_(ctx: click.Context, form: str) -> None:
    """Show all keys there ever were, the newest first; what they are is not known."""
    with closing(state_of(settings_of(ctx))) as state:
        found = state.keys.every()
    if form == "json":
        click.echo(json.dumps([_json(each) for each in found], indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo("no keys; `outlay keys create` makes one", err=True)
        return
    from outlay.cli.formats import print_rows

    print_rows(["id", "name", "scope", "sees", "status", "created", "expires", "used"], [_row(each) for each in found])


@keys.command("revoke")
@click.argument("key_id", metavar="ID")
@click.pass_context
def revoke(ctx: click.Context, key_id: str) -> None:
    """Make a key worthless, from the next request on."""
    with closing(state_of(settings_of(ctx))) as state:
        if not state.keys.revoke(key_id):
            active = [each.id for each in state.keys.every() if each.status == "active"]
            raise UsageError(choices("key", key_id, active))
    click.echo(f"revoked {key_id}", err=True)


def parsed_limits(written: Sequence[str]) -> dict[str, list[str]]:
    """The values of each dimension: several of one are alternatives. Raises UsageError."""
    from outlay.core.limits import limits_of

    found: dict[str, list[str]] = {}
    for each in written:
        dimension, equals, value = each.partition("=")
        if not equals or not value:
            raise UsageError(f"--limit {each!r} is not DIMENSION=VALUE, such as source=aws or tag:team=core")
        found.setdefault(dimension, []).append(value)
    limits_of(found)
    return found


def moment(text: str, now: datetime) -> datetime:
    """When `90d`, `12h`, `8w`, `1y` from `now` is, or the end of a day (UTC). Raises UsageError."""
    try:
        if span := re.fullmatch(r"(\d{1,5})([hdwy])", text):
            until = now + int(span[1]) * _UNITS[span[2]]
        else:
            until = datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise UsageError(f"--expires {text!r} is neither 90d, 12h, 8w, 1y nor a day such as 2027-01-31") from None
    if until <= now:
        raise UsageError(f"--expires {text} has passed")
    return until


def shown_limits(limits: Mapping[str, Sequence[str]]) -> str:
    """The limits as they are written on the command line."""
    return " ".join(f"{dimension}={value}" for dimension, values in limits.items() for value in values)


def _json(key: Key) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope,
        "limits": {dimension: list(values) for dimension, values in key.limits.items()},
        "status": key.status,
        "created_at": _iso(key.created_at),
        "expires_at": _iso(key.expires_at),
        "revoked_at": _iso(key.revoked_at),
        "used_at": _iso(key.used_at),
    }


def _row(key: Key) -> list[str]:
    times = (f"{each:%Y-%m-%d %H:%M}" if each else "" for each in (key.created_at, key.expires_at, key.used_at))
    return [key.id, key.name, key.scope, shown_limits(key.limits) or "everything", key.status, *times]


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
