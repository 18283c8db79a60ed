"""`outlay serve` and `outlay demo`: wire the server."""

from __future__ import annotations

import threading
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outlay.cli.wiring import ask_of, settings_of, state_of
from outlay.core.errors import UsageError

if TYPE_CHECKING:
    from outlay.core.settings import Settings

_HOST = click.option("--host", help="Address to listen on.  [default: api.host, 127.0.0.1]")
_PORT = click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.  [default: api.port, 8000]")


_INSECURE = click.option("--insecure", is_flag=True, help="Listen beyond this machine, though anybody may then read.")


@click.command("serve")
@_HOST
@_PORT
@_INSECURE
@click.pass_context
def serve(ctx: click.Context, host: str | None, port: int | None, insecure: bool) -> int:
    """Dashboard, API, /metrics and scheduler in one process. Without any settings, on generated data."""
    settings = settings_of(ctx)
    if not settings.sources:
        click.echo("no clouds in the settings: serving generated demo data (`outlay init` writes a file)", err=True)
        settings = _on_demo(settings)
    return _serve(settings, host or settings.api.host, port, insecure=insecure)


@click.command("demo")
@_HOST
@_PORT
@_INSECURE
@click.pass_context
def demo(ctx: click.Context, host: str | None, port: int | None, insecure: bool) -> int:
    """The same on generated data, without credentials."""
    settings = _on_demo(settings_of(ctx))
    return _serve(settings, host or settings.api.host, port, insecure=insecure)


def _on_demo(settings: Settings) -> Settings:
    """The same settings over the demo source, in a folder of its own: never mixed with what was really billed."""
    from dataclasses import replace

    from pydantic import SecretStr

    from outlay.core.plugins import load
    from outlay.core.settings import State as StateSection

    folder = Path("data") / "demo"
    return replace(
        settings,
        sources=(load("sources", "demo")(),),
        store=load("warehouses", "lake")(path=str(folder)),
        state=StateSection(url=SecretStr(f"sqlite:///{folder}/state.db")),
    )


def _serve(settings: Settings, host: str, port: int | None, *, insecure: bool) -> int:
    if not insecure and not _is_loopback(host):
        raise UsageError(
            f"{host} is not this machine alone, and whoever reaches it could read all costs; say --insecure"
        )
    from outlay.cache import open_cache
    from outlay.collect import refresh, tidy
    from outlay.history import complete, measure
    from outlay.serve import app as server
    from outlay.serve import logs

    logs.setup(settings.logging.level, settings.logging.format)
    settings.store.prepare()
    state = state_of(settings)
    section = settings.collection
    cache = open_cache(settings)
    ask, sources = ask_of(settings, cache), {source.name: source for source in settings.sources}

    def collect(name: str, stop: threading.Event) -> None:
        complete(settings.store, state, [name])
        refresh([sources[name]], settings.store, state, ask, stop=stop, names=[*sources])
        measure(state, section.lookback_days, [name])

    app = server.create_app(
        settings.store,
        state,
        sources=[*sources],
        collect=collect,
        schedule=section.schedule,
        tidy=lambda: tidy(settings.store, state),
        dashboard=settings.dashboard,
        workers=section.workers,
        spend_cap_usd=section.api_spend_cap_usd,
        cache=cache,
        cache_seconds=settings.cache.ttl,
    )
    return server.run(app, host, settings.api.port if port is None else port)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
