"""A store for tests of those who ask one."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pyarrow as pa

from outlay.core.query import CostQuery
from outlay.warehouses.lake import Lake


@dataclass
class Store:
    """A lake that counts the questions it is asked, and can be slow (until `gate` is set) or broken."""

    lake: Lake
    asked: int = 0
    error: Exception | None = None
    gate: Event | None = None
    waiting: Event = field(default_factory=Event)

    def query(self, query: CostQuery) -> pa.Table:
        self.asked += 1
        if self.error is not None:
            raise self.error
        if self.gate is not None:
            self.waiting.set()
            assert self.gate.wait(20)
        return self.lake.query(query)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.lake, name)
