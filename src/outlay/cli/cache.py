"""`outlay cache`: what is kept of earlier answers, and dropping it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from outlay.cache import KINDS
from outlay.cli.wiring import settings_of

if TYPE_CHECKING:
    from outlay.cache import Cache


@click.group("cache")
def cache() -> None:
    """Show or clear what is kept of earlier answers."""


@cache.command("stats")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_context
def stats(ctx: click.Context, form: str) -> None:
    """Show how much is kept."""
    kept = _shared(ctx)
    sizes = kept.sizes() if kept else {}
    if form == "json":
        rows = [{"kind": kind, "entries": each.entries, "bytes": each.bytes} for kind, each in sizes.items()]
        click.echo(json.dumps(rows, indent=2))
        return
    if kept and not sizes:
        click.echo(f"nothing is kept in {kept.place}", err=True)
    if sizes:
        from outlay.cli.formats import print_rows

        shown = [[kind, f"{each.entries:,}", f"{each.bytes / 2**20:,.1f}"] for kind, each in sizes.items()]
        print_rows(["kind", "entries", "MiB"], shown, frozenset({"entries", "MiB"}))


@cache.command("clear")
@click.option("--kind", type=click.Choice(KINDS), help="Only answers of providers, or only those of reports.")
@click.pass_context
def clear(ctx: click.Context, kind: str | None) -> None:
    """Drop what is kept; what is asked next is asked anew."""
    if kept := _shared(ctx):
        click.echo(f"dropped {kept.clear(kind):,} entries of {kept.place}", err=True)


def _shared(ctx: click.Context) -> Cache | None:
    """The cache of the settings, if this process has to do with it; else what there is instead is told."""
    from outlay.cache import open_cache

    settings = settings_of(ctx)
    found = open_cache(settings)
    if found is None:
        click.echo("the cache is off (cache.enabled)", err=True)
        return None
    if settings.cache.type == "memory":
        click.echo("the cache is in the memory of each process, and ends with it (cache.type)", err=True)
        return None
    return found.cache
