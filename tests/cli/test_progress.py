"""How a collection shows what it does, on a terminal and elsewhere."""

from __future__ import annotations

import io
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from outlay.cli import progress as module
from outlay.cli.progress import Walk, line, progress
from outlay.collect import Progress
from outlay.state import Run

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DONE = Run("aws", "aws 2026-10", NOW, 2.5, 1200, {"USD": Decimal("12.346")})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_became_of_a_span() -> None:
    def told(**more: object) -> str:
        return line(Progress("aws", "aws 2026-10", 1200, replace(DONE, **more)))  # type: ignore[arg-type]

    assert line(Progress("aws", "aws 2026-10", 1200)) == "aws 2026-10: 1,200 rows"
    assert told() == "aws 2026-10: 1,200 rows, 12.35 USD, 2.5 s"
    assert told(totals={}) == "aws 2026-10: 1,200 rows, nothing billed, 2.5 s"
    assert told(error="no", code="auth") == "aws 2026-10: failed"
    assert told(unchanged=True) == "aws 2026-10: unchanged"
    assert told(note="its account is counted once, by payer") == "aws 2026-10: its account is counted once, by payer"
    assert line(Progress("aws", "", run=replace(DONE, span="", error="no"))) == "aws: failed"


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, "1 s"), (59.4, "59 s"), (60, "1 min"), (3540, "59 min"), (4800, "1 h 20 min")]
)
def test_how_long_it_takes(seconds: float, told: str) -> None:
    assert module._lasting(seconds) == told


def walked(*months: int) -> dict[tuple[str, str], Decimal | None]:
    return {("aws", f"aws 2026-{month:02}"): Decimal("0.01") for month in months}


def test_a_walk_counts_what_is_done_paid_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = Walk({**walked(10, 9, 8), ("files", "files 2026-10"): None}, started=100.0)
    monkeypatch.setattr(time, "monotonic", lambda: 110.0)
    assert str(walk) == "0 of 4 spans, 0 of 0.03 USD"
    walk.take(Progress("aws", "aws 2026-10", 5))
    walk.take(Progress("aws", "aws 2026-10", 5, DONE))
    assert str(walk) == "1 of 4 spans, 0.01 of 0.03 USD, 30 s left"
    walk.take(Progress("files", "files 2026-10", 5, replace(DONE, source="files")))
    walk.take(Progress("aws", "aws readings", 5, replace(DONE, span="aws readings")))
    assert str(walk) == "2 of 4 spans, 0.01 of 0.03 USD, 10 s left"


def test_a_source_that_fails_ends_its_walk() -> None:
    walk = Walk(walked(10, 9, 8))
    walk.take(Progress("aws", "aws 2026-10", 0, replace(DONE, error="no", code="auth")))
    assert (walk.done, walk.left, str(walk)) == (1, {}, "1 of 1 spans")


def test_a_free_walk_tells_no_price() -> None:
    assert str(Walk({("files", "files 2026-10"): None})) == "0 of 1 spans"


@pytest.mark.parametrize("walk", [None, Walk(walked(10, 9))])
def test_on_a_terminal_lines_move(monkeypatch: pytest.MonkeyPatch, walk: Walk | None) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress(walk) as tell:
        tell(Progress("aws", "aws 2026-10", 7))
        tell(Progress("aws", "aws 2026-10", 1200, DONE))
        tell(Progress("files", "files 2026-10", 3))
    said = terminal.getvalue()
    assert "aws 2026-10: 1,200 rows, 12.35 USD, 2.5 s" in said
    assert "files 2026-10: 3 rows" in said
    assert ("1 of 2 spans, 0.01 of 0.02 USD" in said) is (walk is not None)
