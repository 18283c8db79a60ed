"""`outlay init`, `outlay init-db`, `outlay test-auth`: before the first collection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outlay.cli.wiring import named_sources, settings_of, state_of, write_file
from outlay.core.config import FILE, TEMPLATE
from outlay.core.errors import AuthError, OutlayError, SomeSourcesFailed

if TYPE_CHECKING:
    from outlay.core.ports import Source


@click.command("init")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.pass_context
def init(ctx: click.Context, force: bool) -> None:
    """Write a commented outlay.yaml."""
    target: Path = ctx.find_root().obj or Path(FILE)
    if target.exists() and not force:
        raise OutlayError(f"{target} is there already; --force overwrites it")
    write_file(target, TEMPLATE.read_bytes())
    click.echo(f"wrote {target}; next: `outlay test-auth`, then `outlay collect`", err=True)


@click.command("init-db")
@click.pass_context
def init_db(ctx: click.Context) -> None:
    """Create or migrate the store. Harmless when that is done."""
    settings = settings_of(ctx)
    settings.store.prepare()
    state_of(settings).close()
    click.echo("the store is ready", err=True)


@click.command("test-auth")
@click.option("--providers", multiple=True, help="Only these sources, by name: aws,files.")
@click.pass_context
def test_auth(ctx: click.Context, providers: tuple[str, ...]) -> None:
    """Ask every source whether access works, and say what is missing."""
    sources = named_sources(settings_of(ctx), providers)
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(_answer, sources))
    width = max(len(source.name) for source in sources)
    for source, (ok, line) in zip(sources, answers, strict=True):
        click.echo(f"{source.name:{width}}  {'ok    ' if ok else 'failed'}  {line}")
    failed = [source.name for source, (ok, _) in zip(sources, answers, strict=True) if not ok]
    if len(failed) == len(sources):
        raise AuthError("no source can be reached")
    if failed:
        raise SomeSourcesFailed(f"cannot reach: {', '.join(failed)}")


def _answer(source: Source) -> tuple[bool, str]:
    try:
        return True, source.test()
    except OutlayError as error:
        return False, str(error)
    except Exception as error:  # of what nobody foresaw only the kind is told: its text might hold a secret
        return False, f"unexpected {type(error).__name__}"
