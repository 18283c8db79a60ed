"""From the command line to the parts: settings, state, the sources that were named."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from outlay.cli.peek import peek
from outlay.core.config import load
from outlay.core.errors import ConfigError, OutlayError, UsageError, choices
from outlay.core.span import Period

if TYPE_CHECKING:
    from outlay.cache import Guarded
    from outlay.collect import Ask
    from outlay.core.ports import Source
    from outlay.core.settings import Settings
    from outlay.state import State

F = TypeVar("F", bound=Callable[..., Any])


def day(text: str) -> date:
    """A day such as 2026-10-31."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no day; write it as 2026-10-31") from None


def days_options(command: F) -> F:
    """The options --start-date and --end-date; what a person types as the end is inclusive."""
    command = click.option("--end-date", type=day, help="Last day, inclusive.")(command)
    return click.option("--start-date", type=day, help="First day, such as 2026-10-01.")(command)


def asked_days(start: date | None, end: date | None) -> Period | None:
    """The days between two arguments, the end included and yesterday if left out; None when both are left out."""
    if start is None and end is None:
        return None
    if start is None:
        raise UsageError("--end-date needs a --start-date")
    return days_between(start, end)


def days_between(first: date, last: date | None, names: tuple[str, str] = ("--start-date", "--end-date")) -> Period:
    """The days between two arguments of these names, the last included and yesterday if left out."""
    from outlay.reports import today

    last = last if last is not None else today() - timedelta(days=1)
    if last < first:
        raise UsageError(f"{names[0]} {first} is after {names[1]} {last}")
    return Period(first, last + timedelta(days=1))


def settings_of(ctx: click.Context) -> Settings:
    """The settings that the command line, the file and the environment add up to."""
    return load(ctx.find_root().obj, os.environ, Path.cwd())


def state_of(settings: Settings) -> State:
    """The state, opened."""
    from outlay.state import State

    assert settings.state.url is not None  # noqa: S101 - loading fills it in
    return State(settings.state.url.get_secret_value())


def cache_of(settings: Settings) -> Guarded | None:
    """The cache of a command, which ends soon: none where it would end with it. Raises CacheError."""
    if settings.cache.type == "memory":
        return None
    from outlay.cache import open_cache

    return open_cache(settings)


def unsettled(settings: Settings) -> dict[str, date]:
    """The first day of each source that may still change: `history.provisional_from`."""
    try:
        rows = peek(settings, "SELECT source, provisional_from FROM settling")
    except sqlite3.Error:  # made by a version that did not measure yet, or not ours to read: costs are told anyway
        return {}
    if rows is not None:
        return {source: date.fromisoformat(day) for source, day in rows}
    from outlay.history import provisional_from

    with closing(state_of(settings)) as state:
        return provisional_from(state)


def ask_of(settings: Settings, cache: Guarded | None = None, *, fresh: bool = False) -> Ask:
    """What to collect when nobody says otherwise. `fresh`: going round the answers of before."""
    from outlay.cache.answers import Answers
    from outlay.collect import Ask
    from outlay.state import Limits

    section = settings.collection
    limits = Limits(section.api_spend_cap_usd, section.api_calls_per_hour)
    answers = Answers(cache, settings.cache.seconds, fresh)
    return Ask(lookback_days=section.lookback_days, backfill_days=section.backfill_days, limits=limits, answers=answers)


def named_sources(settings: Settings, names: Sequence[str]) -> list[Source]:
    """The sources of these names or kinds, or all.

    Raises UsageError with the choices, ConfigError when there are none.
    """
    every = list(settings.sources)
    if not every:
        raise ConfigError("no sources: name some under `clouds:` in outlay.yaml (write one with `outlay init`)")
    wanted = split(names)
    for name in wanted:
        if not any(_is_called(each, name) for each in every):
            raise UsageError(choices("source", name, [each.name for each in every]))
    return [each for each in every if not wanted or any(_is_called(each, name) for name in wanted)]


def _is_called(source: Source, name: str) -> bool:
    """Whether it has this name, is one of the accounts of the source of this name, or of the kind of this name."""
    field = getattr(type(source), "model_fields", {}).get("name")
    kind = field.default if field is not None else None
    return source.name == name or source.name.startswith(f"{name}.") or kind == name


def write_file(path: Path, data: bytes) -> None:
    """Make `data` all there is in a file, or leave it as it was. Raises OutlayError."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        try:
            partial.write_bytes(data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise OutlayError(f"cannot write {path}: {error.strerror}") from None


def split(values: Sequence[str]) -> list[str]:
    """Values given as several options, or as one with commas."""
    return [word.strip() for value in values for word in value.split(",") if word.strip()]
