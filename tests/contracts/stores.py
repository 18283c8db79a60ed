"""How to make an empty store of every warehouse there is. A new engine adds its entry to KINDS, and no test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from outlay.core import plugins
from outlay.core.ports import Warehouse
from tests.servers_clickhouse import in_process

ROOT = Path(__file__).parents[2]

Settings = dict[str, Any]
Fixture = Callable[[str], Any]  # gives the value of a fixture by its name


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to run a warehouse: the settings of a new empty one, and how often there is time to try."""

    empty: Callable[[Fixture], Settings]
    examples: int  # of Hypothesis
    turns: int  # of each of two racing writers
    kills: int
    several: bool = True  # whether several processes can open it at once


def _folder(fixture: Fixture) -> Settings:
    return {"path": str(fixture("tmp_path_factory").mktemp("lake"))}


def _bucket(fixture: Fixture) -> Settings:
    return {"path": f"s3://lakes/{uuid4().hex}", "storage_options": fixture("s3")}


def _database(fixture: Fixture) -> Settings:
    return {"url": fixture("postgres").new_database()}


def _in_process(_: Fixture) -> Settings:
    return {"url": f"{in_process()}?database=outlay_{uuid4().hex}"}


def _over_http(fixture: Fixture) -> Settings:
    return {"url": fixture("clickhouse").new_database()}


KINDS: Mapping[str, Mapping[str, Kind]] = {
    "clickhouse": {
        "chdb": Kind(_in_process, examples=8, turns=0, kills=0, several=False),
        "http": Kind(_over_http, examples=4, turns=10, kills=10),
    },
    "lake": {
        "folder": Kind(_folder, examples=25, turns=15, kills=20),
        "s3": Kind(_bucket, examples=3, turns=4, kills=2),
    },
    "postgres": {"database": Kind(_database, examples=10, turns=15, kills=10)},
}


@dataclass(frozen=True, slots=True)
class Store:
    """A store by its plugin and settings: what any process needs to open it."""

    plugin: str
    settings: Settings

    def open(self) -> Warehouse:
        """A warehouse object that shares nothing with others but the store."""
        found: Warehouse = plugins.load("warehouses", self.plugin).model_validate(self.settings)
        return found


def every_kind() -> list[tuple[str, str]]:
    """Each warehouse with each of its kinds; with none if KINDS does not know it: its tests fail then."""
    return [(name, kind) for name in plugins.names("warehouses") for kind in KINDS.get(name, ("",))]


def kind_of(plugin: str, kind: str) -> Kind:
    """The kind. Raises LookupError that tells whoever adds a warehouse what is missing."""
    if plugin not in KINDS:
        raise LookupError(
            f"the contracts cannot be tested on the warehouse {plugin!r}: "
            f"KINDS of {Path(__file__).relative_to(ROOT)} does not say how to make an empty one"
        )
    return KINDS[plugin][kind]
