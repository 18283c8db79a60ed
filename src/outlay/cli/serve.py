"""`outlay serve`, its parts alone, and `outlay demo`: wire the server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from functools import cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from outlay.cli.wiring import ask_of, settings_of, state_of
from outlay.core.errors import UsageError

if TYPE_CHECKING:
    from outlay.core.settings import Settings
    from outlay.serve.access import Guard
    from outlay.serve.schedule import Collect
    from outlay.state import Run

F = TypeVar("F", bound=Callable[..., Any])


def _listens(section: str = "api", port: int = 8000) -> Callable[[F], F]:
    """The options --host, --port and --insecure; the section of the settings that has what is left out."""
    options = (
        click.option("--host", help=f"Address to listen on.  [default: {section}.host, 127.0.0.1]"),
        click.option(
            "--port",
            type=click.IntRange(0, 65535),
            help=f"Port to listen on.  [default: {section}.port, {port}]",
        ),
        click.option("--insecure", is_flag=True, help="Whoever shows no key may read, beyond this machine too."),
    )
    return lambda command: reduce(lambda made, option: option(made), reversed(options), command)


@click.command("serve")
@_listens()
@click.pass_context
def serve(ctx: click.Context, host: str | None, port: int | None, insecure: bool) -> int:
    """Dashboard, API, /metrics and scheduler in one process. Without any settings, on generated data."""
    settings = settings_of(ctx)
    guard = _guard(settings, insecure=insecure)
    if not settings.sources:
        click.echo("no clouds in the settings: serving generated demo data (`outlay init` writes a file)", err=True)
        settings = _on_demo(settings)
    return _serve(settings, host, port, guard)


@click.command("exporter")
@_listens()
@click.pass_context
def exporter(ctx: click.Context, host: str | None, port: int | None, insecure: bool) -> int:
    """Collect by the schedule, and serve /metrics alone."""
    settings = _with_sources(settings_of(ctx))
    return _serve(settings, host, port, _guard(settings, insecure=insecure), parts=("metrics",))


@click.command("api")
@_listens()
@click.pass_context
def api(ctx: click.Context, host: str | None, port: int | None, insecure: bool) -> int:
    """Serve the REST API alone: it collects what it is asked for, and never by itself."""
    settings = settings_of(ctx)
    return _serve(settings, host, port, _guard(settings, insecure=insecure), parts=("api",), by_itself=False)


@click.command("dashboard")
@_listens("dashboard", 8050)
@click.pass_context
def dashboard(ctx: click.Context, host: str | None, port: int | None, insecure: bool) -> int:
    """Serve the dashboard alone, on what others collect."""
    settings = settings_of(ctx)
    section = settings.dashboard
    if not section.enabled:
        raise UsageError("dashboard.enabled is false in the settings")
    guard = _guard(settings, insecure=insecure)
    place = host or section.host, section.port if port is None else port
    return _serve(settings, *place, guard, parts=("dashboard",), by_itself=False)


@click.command("demo")
@_listens()
@click.pass_context
def demo(ctx: click.Context, host: str | None, port: int | None, insecure: bool) -> int:
    """The same on generated data, without credentials."""
    settings = settings_of(ctx)
    return _serve(_on_demo(settings), host, port, _guard(settings, insecure=insecure))


def _with_sources(settings: Settings) -> Settings:
    """The same settings. Raises UsageError when there is nothing to collect."""
    if not settings.sources:
        raise UsageError("no clouds in the settings: `outlay init` writes a file, `outlay demo` shows generated data")
    return settings


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
        monitoring=settings.monitoring.model_copy(update={"notifications": None}),  # nobody is told of made-up money
    )


def _guard(settings: Settings, *, insecure: bool) -> Guard:
    """Who may ask: whoever has a key of the settings' own state, which is opened once one is looked up."""
    from outlay.serve.access import Guard

    state = cache(lambda: state_of(settings))
    return Guard(settings.api, lambda: state().keys, insecure=insecure)


def _refuse_strangers(host: str, guard: Guard) -> None:
    """Raise UsageError where others than this machine can ask, and nobody is asked for a key."""
    from outlay.serve.access.place import is_loopback

    if not guard.insecure and not is_loopback(host) and not guard.anybody():
        raise UsageError(
            f"{host} is not this machine alone, and whoever reaches it could read all costs: make a key with"
            " `outlay keys create`, name keys or an issuer in the settings (api.keys, api.oidc), or say --insecure"
        )


def _serve(
    settings: Settings,
    host: str | None,
    port: int | None,
    guard: Guard,
    *,
    parts: Collection[str] = ("dashboard", "api", "metrics"),
    by_itself: bool = True,
) -> int:
    """Serve these parts. `by_itself`: collect by the schedule, and judge what was collected."""
    from dataclasses import replace

    from outlay.cache import open_cache
    from outlay.cache.answers import kind_of
    from outlay.cli.judging import judge_of
    from outlay.collect import refresh, tidy
    from outlay.history import complete, measure
    from outlay.serve import app as server
    from outlay.serve import logs
    from outlay.serve.metrics import Options
    from outlay.state import Wish

    host = host or settings.api.host
    _refuse_strangers(host, guard)
    logs.setup(settings.logging.level, settings.logging.format)
    settings.store.prepare()
    state = state_of(settings)
    section = settings.collection
    kept = open_cache(settings)
    sources = {source.name: source for source in settings.sources}
    judge = judge_of(settings, state)

    def wished(wish: Wish) -> Collect:
        ask = ask_of(settings, kept, fresh=wish.fresh)
        if wish.days:
            ask = replace(ask, lookback_days=wish.days, backfill_days=wish.days)

        def collect(name: str, stop: threading.Event) -> list[Run]:
            complete(settings.store, state, [name])
            runs = refresh([sources[name]], settings.store, state, ask, stop=stop, names=[*sources])
            measure(state, section.lookback_days, [name])
            if not stop.is_set():
                judge.run()
            return runs

        return collect

    app = server.create_app(
        settings.store,
        state,
        sources=[*sources],
        collect=wished(Wish()),
        wished=wished,
        schedule=section.schedule if by_itself else None,
        tidy=lambda: tidy(settings.store, state),
        dashboard=settings.dashboard,
        workers=section.workers,
        spend_cap_usd=section.api_spend_cap_usd,
        cache=kept,
        cache_seconds=settings.cache.ttl,
        shown=Options.of(settings),
        kinds={name: kind_of(source) for name, source in sources.items()},
        tag_keys=settings.metrics.tag_keys,
        http=settings.api,
        jobs=[judge.keep_on] if by_itself else [],
        guard=guard,
        parts=parts,
    )
    return server.run(app, host, settings.api.port if port is None else port)
