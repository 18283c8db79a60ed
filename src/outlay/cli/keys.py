"""`outlay keys`: who may ask the server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from outlay.cli.wiring import settings_of, state_of
from outlay.core.errors import UsageError, choices
from outlay.core.grants import moment, named, parsed_limits

if TYPE_CHECKING:
    from outlay.state.keys import Key


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
    called, allowed = named(name), parsed_limits(limits)
    until = moment(expires, datetime.now(UTC)) if expires else None
    with closing(state_of(settings_of(ctx))) as state:
        key, text = state.keys.create(called, scope, allowed, until)
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
        from outlay.state.keys import as_json

        click.echo(json.dumps([as_json(each) for each in found], indent=2, ensure_ascii=False))
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


def shown_limits(limits: Mapping[str, Sequence[str]]) -> str:
    """The limits as they are written on the command line."""
    return " ".join(f"{dimension}={value}" for dimension, values in limits.items() for value in values)


def _row(key: Key) -> list[str]:
    times = (f"{each:%Y-%m-%d %H:%M}" if each else "" for each in (key.created_at, key.expires_at, key.used_at))
    return [key.id, key.name, key.scope, shown_limits(key.limits) or "everything", key.status, *times]
