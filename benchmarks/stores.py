"""The stores that are measured: a lake in a folder, and databases of servers on 127.0.0.1 that run for one report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outlay.core.ports import Warehouse

New = Callable[[], "Store"]


@dataclass(frozen=True, slots=True)
class Store:
    """A store by its plugin and settings: what any process needs to open it. As text it is JSON."""

    plugin: str
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, text: str) -> Store:
        """The store that a text stands for."""
        return cls(**json.loads(text))

    def __str__(self) -> str:
        return json.dumps({"plugin": self.plugin, "settings": self.settings})

    def open(self) -> Warehouse:
        """The warehouse."""
        from outlay.core import plugins

        found: Warehouse = plugins.load("warehouses", self.plugin).model_validate(dict(self.settings))
        return found


def lake(folder: Path, compression: str) -> Store:
    """The lake in a folder."""
    return Store("lake", {"path": str(folder), "compression": compression})


@contextmanager
def servers() -> Iterator[Mapping[str, New]]:
    """Starts each server; what is given makes an empty store there."""
    from tests.servers_clickhouse import clickhouse_server
    from tests.servers_postgres import postgres_server

    with postgres_server() as postgres, clickhouse_server() as clickhouse:
        yield {
            "PostgreSQL": lambda: Store("postgres", {"url": postgres.new_database()}),
            "ClickHouse": lambda: Store("clickhouse", {"url": clickhouse.new_database()}),
        }
