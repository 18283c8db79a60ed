"""`outlay export-prometheus`: the metrics as a file, on a Pushgateway, or as history with days of their own."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outlay.cli.wiring import day, days_between, settings_of, split, state_of
from outlay.core.errors import OutlayError, UsageError

if TYPE_CHECKING:
    from outlay.core.settings import Settings
    from outlay.serve.pushgateway import Group

_ATTEMPTS = 5
_SUFFIX = ".prom"
_HISTORY = ("since", "until", "groups")
_PUSHING = ("grouping", "ca_file", "delete")


@click.command("export-prometheus")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False),
              help="Write a file, such as one in node_exporter's textfile folder.")  # fmt: skip
@click.option("--pushgateway", metavar="URL", help="Put them on a Pushgateway.")
@click.option("--job", default="outlay", show_default=True, help="The job on the Pushgateway.")
@click.option("--grouping", multiple=True, metavar="KEY=VALUE", help="A grouping label there, such as team=core.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Certificates (PEM) that its TLS is trusted by.")
@click.option("--delete", is_flag=True, help="Take the group off the Pushgateway instead.")
@click.option("--openmetrics", is_flag=True, help="Costs of past days, each with its day's own time.")
@click.option("--since", type=day, help="First day of --openmetrics, such as 2026-10-01.")
@click.option("--until", type=day, help="Last day of --openmetrics, inclusive.  [default: yesterday]")
@click.option("--group-by", "groups", multiple=True, help="Of --openmetrics: also by service,account,region,tag:KEY.")
@click.pass_context
def export_prometheus(
    ctx: click.Context,
    *,
    output: Path | None,
    pushgateway: str | None,
    job: str,
    grouping: tuple[str, ...],
    ca_file: Path | None,
    delete: bool,
    openmetrics: bool,
    since: date | None,
    until: date | None,
    groups: tuple[str, ...],
) -> None:
    """Hand the metrics of `outlay serve` to Prometheus by another way. Without options they go to stdout."""
    _agree(ctx)
    if openmetrics:
        _write(output, _history(settings_of(ctx), since, until, groups))
    elif pushgateway is not None:
        group = _group(pushgateway, job, grouping, ca_file)
        group.delete() if delete else group.put(_metrics(settings_of(ctx)))
    else:
        if output is not None and output.suffix != _SUFFIX:
            click.echo(f"{output}: node_exporter reads files that end in {_SUFFIX} only", err=True)
        _write(output, _metrics(settings_of(ctx)))


def _agree(ctx: click.Context) -> None:
    """Raise UsageError for options that have nothing to do with each other."""
    given = {name for name, value in ctx.params.items() if value}
    shown = {"groups": "--group-by", "ca_file": "--ca-file"}

    def refuse(names: tuple[str, ...], why: str) -> None:
        for name in names:
            if name in given:
                raise UsageError(f"{shown.get(name, f'--{name}')} {why}")

    if "openmetrics" not in given:
        refuse(_HISTORY, "is about --openmetrics")
    elif "since" not in given:
        raise UsageError("--openmetrics needs --since DAY, such as 2026-10-01")
    if "pushgateway" not in given:
        refuse(_PUSHING, "is about --pushgateway URL")
    else:
        refuse(("openmetrics",), "has days of their own, which a Pushgateway refuses: use --output")
        refuse(("output",), "and --pushgateway are two ways: give one")


def _group(url: str, job: str, grouping: tuple[str, ...], ca_file: Path | None) -> Group:
    from outlay.serve.pushgateway import Group, address

    labels: dict[str, str] = {}
    for each in grouping:
        name, equals, value = each.partition("=")
        if not equals or name in labels:
            raise UsageError(f"--grouping {each!r} is not KEY=VALUE, each key once; such as instance=billing")
        labels[name] = value
    place, login = address(url, os.environ)
    return Group(place, job, labels, login, ca_file)


def _metrics(settings: Settings) -> bytes:
    """What `outlay serve` would serve, rendered again when something was collected meanwhile."""
    from outlay import reports
    from outlay.serve import metrics

    names, options = [source.name for source in settings.sources], metrics.Options.of(settings)
    cap = settings.collection.api_spend_cap_usd
    rendered = b""
    with closing(state_of(settings)) as state:
        for _ in range(_ATTEMPTS):
            version = settings.store.version()
            rendered = metrics.render(settings.store, state, names, reports.today(), cap, options=options)
            if settings.store.version() == version:
                break
    return rendered


def _history(settings: Settings, since: date | None, until: date | None, groups: tuple[str, ...]) -> bytes:
    from outlay.serve import openmetrics

    assert since is not None  # noqa: S101 - _agree has seen to it
    days = days_between(since, until, ("--since", "--until"))
    return openmetrics.render(settings.store, days, split(groups), settings.metrics.top)


def _write(output: Path | None, data: bytes) -> None:
    """To stdout, or as all there is in a file. Raises OutlayError."""
    if output is None:
        sys.stdout.write(data.decode())
        return
    path = output.resolve()  # of a link, what it stands for is replaced
    if path.exists() and not path.is_file():
        raise UsageError(f"--output {output} is no file that could be replaced; left out, it is stdout")
    try:
        _replace(path, data)
    except OSError as error:
        raise OutlayError(f"cannot write {output}: {error.strerror}") from None


def _replace(path: Path, data: bytes) -> None:
    """By way of a file in the same folder whose name does not end in .prom: node_exporter would read it half-made."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o644)  # node_exporter is another user
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
