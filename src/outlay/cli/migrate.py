"""`outlay migrate-store`: from the settings' store to another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outlay.cli.wiring import settings_of
from outlay.core.money import shown

if TYPE_CHECKING:
    from outlay.core.ports import Warehouse

_FILES = (".yaml", ".yml")


@click.command("migrate-store")
@click.option("--to", required=True, metavar="URL", help="A folder, bucket or database; or the outlay.yaml of it.")
@click.pass_context
def migrate_store(ctx: click.Context, to: str) -> None:
    """Copy every charge from the store of the settings to another, and prove that the sums are equal."""
    from outlay.cli.formats import print_rows
    from outlay.migrate import migrate

    settings = settings_of(ctx)
    new = _store(to)
    rows = []
    for each in migrate(settings.store, new):
        costs = ", ".join(shown(cost, currency) for currency, cost in each.sums.billed.items())
        there = "was there" if each.there else "copied"
        click.echo(f"{each.source} {each.month:%Y-%m}: {each.sums.rows:,} charges, {there}", err=True)
        rows.append([each.source, f"{each.month:%Y-%m}", f"{each.sums.rows:,}", costs, "equal"])
    print_rows(["source", "month", "charges", "billed", "sums"], rows, frozenset({"charges", "billed"}))
    click.echo("both stores hold the same charges; now name the new one under `store:`", err=True)


def _store(to: str) -> Warehouse:
    from outlay.core.config import load, store_at

    if to.endswith(_FILES):
        return load(Path(to), os.environ, Path.cwd()).store
    return store_at(to, os.environ)
