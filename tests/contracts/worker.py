"""A process that replaces what it is told to: `python -m tests.contracts.worker`, a job a line, `done` after each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa
from pydantic import TypeAdapter

from outlay.core import focus
from outlay.core.span import Period, Span
from tests.charges import charge, midnight
from tests.contracts.stores import ROOT, Store


@dataclass(frozen=True, slots=True)
class Job:
    """Replace the span once with each of the costs: `rows` charges of it on every day of `charged`."""

    store: Store
    span: Span
    charged: Period
    costs: tuple[str, ...]
    rows: int = 3


JOB = TypeAdapter(Job)


def charges(span: Span, charged: Period, cost: str, rows: int = 3) -> pa.RecordBatch:
    """The charges of one replace; all are billed in the first month of the span."""
    billed: dict[str, Any] = {
        "billing_period_start": midnight(span.months.start),
        "billing_period_end": midnight(span.months.end),
    }
    return focus.batch(charge(day, cost, span.source, **billed) for day in charged.each_day() for _ in range(rows))


class Worker:
    """A running worker, seen from outside."""

    def __init__(self, process: subprocess.Popen[str], told: IO[str], said: IO[str]) -> None:
        self.process = process
        self._told, self._said = told, said

    def start(self, job: Job) -> None:
        """Hand the job over, and do not wait for it."""
        self._told.write(JOB.dump_json(job).decode() + "\n")
        self._told.flush()

    def expect(self, word: str) -> None:
        """Wait for the worker to say the word; AssertionError when it says anything else."""
        said = self._said.readline().strip()
        assert said == word, said


@contextmanager
def worker() -> Iterator[Worker]:
    """A worker that is killed in the end, if it has not ended by then."""
    command = [sys.executable, "-m", "tests.contracts.worker"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            yield Worker(process, process.stdin, process.stdout)
        finally:
            process.kill()


def main() -> None:
    import deltalake  # noqa: F401 - a job starts when it is told, not an import later
    import duckdb  # noqa: F401

    print("ready", flush=True)
    for line in sys.stdin:
        job = JOB.validate_json(line)
        warehouse = job.store.open()
        batches = {cost: charges(job.span, job.charged, cost, job.rows) for cost in dict.fromkeys(job.costs)}
        print("started", flush=True)
        for cost in job.costs:
            warehouse.replace(job.span, [batches[cost]])
        print("done", flush=True)


if __name__ == "__main__":
    main()
