"""The report: one line for each measurement, each a ratio to a limit or to a peer of the same run."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import Literal

RESULTS = Path(__file__).parent / "results.json"
GIB = 1 << 30
WIDTH = 150


@dataclass(frozen=True, slots=True)
class Line:
    """One measurement. `ratio` is measured to reference; `goal` is the `at` least or most of it, None for no goal.

    `cpu_seconds`  user and system time of what was measured, where it was taken: it shows when others kept the
                   machine busy, as wall time cannot
    """

    what: str
    measured: float
    unit: str
    against: str
    reference: float
    goal: float | None = None
    at: Literal["least", "most"] = "most"
    cpu_seconds: float | None = None
    peer_cpu_seconds: float | None = None

    @property
    def ratio(self) -> float:
        return self.measured / self.reference

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        return self.ratio >= self.goal if self.at == "least" else self.ratio <= self.goal


def ratio_to_limit(what: str, measured: float, limit: float, unit: str, cpu_seconds: float | None = None) -> Line:
    """A line whose reference is a limit that measured may not pass."""
    return Line(what, measured, unit, "limit", limit, goal=1.0, cpu_seconds=cpu_seconds)


def write(lines: Sequence[Line], path: Path = RESULTS) -> None:
    """Keep the report as JSON."""
    made = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "on": _machine(),
        "lines": [{**asdict(line), "ratio": line.ratio, "met": line.met} for line in lines],
    }
    path.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


def show(lines: Sequence[Line]) -> None:
    """Print the report as a table."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption=_machine(), caption_justify="left")
    for title in ("what", "measured", "against", "ratio", "goal", "met", "CPU s", "peer's"):
        table.add_column(title, justify="left" if title in {"what", "met"} else "right")
    for line in lines:
        table.add_row(
            line.what,
            amount(line.measured, line.unit),
            f"{line.against} {amount(line.reference, line.unit)}",
            f"{line.ratio:.2f}",
            "" if line.goal is None else f"{'>=' if line.at == 'least' else '<='} {line.goal:g}",
            {True: "yes", False: "NO", None: ""}[line.met],
            *("" if cpu is None else f"{cpu:.2f}" for cpu in (line.cpu_seconds, line.peer_cpu_seconds)),
        )
    Console(width=max(WIDTH, Console().width)).print(table)


def _machine() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "deltalake", "pyarrow"))
    return (
        f"{cpu_count()} CPUs, {platform.system()} {platform.machine()}, Python {platform.python_version()}, {libraries}"
    )


def amount(value: float, unit: str) -> str:
    """A number in the unit a person reads: bytes in GiB, short times in milliseconds."""
    if unit == "bytes":
        return f"{value / GIB:.2f} GiB"
    if unit == "s":
        return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"
    return f"{value:,.0f} {unit}"
