"""Child processes and what they used. Every measurement runs in one: this process stays small and warms nothing up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bills import DATA, THIRTY_DAYS
from benchmarks.report import Line, ratio_to_limit

HELP_SECONDS = 0.15
COSTS_SECONDS = 0.5
RUNS = 7
OUTLAY = str(Path(sys.executable).with_name("outlay"))


@dataclass(frozen=True, slots=True)
class Used:
    """What one finished process took: wall and CPU (user and system) seconds, and its largest memory in bytes."""

    seconds: float
    cpu_seconds: float
    memory_bytes: int
    out: str


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Used:
    """Run a command to its end. Raises RuntimeError with what it printed when it fails."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=DATA) as process:
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {out}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Used(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * unit, out)


def _paths() -> str:
    """Where children find this package and Outlay, whatever folder they start in."""
    given = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    return os.pathsep.join(str(Path(each).absolute()) for each in [str(Path(__file__).parent.parent), *given])


def child(module: str, *arguments: object) -> tuple[Any, Used]:
    """Run a module of this package, and read the JSON that is its output."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    used = run(command, {**os.environ, "PYTHONPATH": _paths()})
    return (json.loads(used.out) if used.out else None), used


def command_lines(lake: Path, size: str) -> list[Line]:
    """`outlay --help` and `outlay costs` as a person starts them."""
    days = ("--start-date", str(THIRTY_DAYS.start), "--end-date", f"{THIRTY_DAYS}".rpartition(".")[2])
    return [
        _line("outlay --help", ("--help",), lake, HELP_SECONDS),
        _line(f"outlay costs, 30 days by provider, {size}", ("costs", *days), lake, COSTS_SECONDS),
    ]


def _line(what: str, arguments: Sequence[str], lake: Path, limit: float) -> Line:
    settings = {"OUTLAY__STORE__PATH": str(lake), "PYTHONPATH": _paths()}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    used = [run([OUTLAY, *arguments], kept | settings) for _ in range(RUNS)]
    cpu = median(each.cpu_seconds for each in used)
    return ratio_to_limit(f"{what}, whole process", median(each.seconds for each in used), limit, "s", cpu)
