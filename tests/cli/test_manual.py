"""docs/cli.md names every command and every option there is."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import click
import pytest

from outlay.cli import COMMANDS, outlay
from outlay.core.query import ALIASES, DIMENSIONS

MANUAL = Path(__file__).parents[2] / "docs" / "cli.md"


def section(command: str) -> str:
    """What the manual says of a command."""
    parts = re.split(r"^## ", MANUAL.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return next(part for part in parts if f"`outlay {command}`" in part.partition("\n")[0])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_the_manual(command: str) -> None:
    found = outlay.get_command(click.Context(outlay), command)
    assert found is not None
    said = section(command)

    for parameter in found.params:
        for option in parameter.opts:
            assert f"`{option}" in said, f"{command} {option}"


@pytest.mark.parametrize(("name", "entry"), COMMANDS.items())
def test_the_list_of_commands_says_what_each_does(name: str, entry: tuple[str, str]) -> None:
    module, said = entry
    import_module(f"outlay.cli.{module}")

    assert len(said) < 60
    assert said.endswith(".")
    assert name in MANUAL.read_text(encoding="utf-8")


def test_every_dimension_is_in_the_manual() -> None:
    words = set(re.findall(r"[a-z_]+", section("costs")))

    assert {*DIMENSIONS, *ALIASES} - words == set()
