"""`outlay costs --as-of`: what was believed on another day; and which days are provisional."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from outlay.core import focus
from outlay.core.span import Period, Span
from outlay.state import Settling, State, ledgered
from outlay.warehouses.lake import Lake
from tests.charges import charge
from tests.cli.conftest import Outlay

OCTOBER = ("costs", "--start-date", "2026-10-01", "--end-date", "2026-10-31")


@pytest.fixture
def restated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that was collected on 4 October and changed two days later."""
    lake = Lake(path="data")
    with closing(State(f"sqlite:///{folder}/data/state.db")) as state:
        for at, cost in (("2026-10-04", "1"), ("2026-10-06", "1.000000000000000001")):
            monkeypatch.setattr(ledgered, "now", lambda at=at: datetime.fromisoformat(f"{at}T12:00"))
            span = Span.of_days("prod", Period(date(2026, 10, 2), date(2026, 10, 3)))
            changes = lake.replace(span, [focus.batch([charge(date(2026, 10, 2), cost)])]).changes
            state.past.record("prod", changes)
    return folder


def test_what_was_believed_at_the_end_of_a_day(outlay: Outlay, restated: Path) -> None:
    def cost(as_of: str) -> list[str]:
        return [row["cost"] for row in json.loads(outlay(*OCTOBER, "--format", "json", "--as-of", as_of).out)["rows"]]

    assert cost("2026-10-03") == []
    assert cost("2026-10-04") == ["1"]
    assert cost("2026-10-05") == ["1"]
    assert cost("2026-10-06T11:59") == ["1"]
    assert cost("2026-10-06") == ["1.000000000000000001"]
    assert cost(datetime.now(UTC).date().isoformat()) == ["1.000000000000000001"]


def test_its_days_end_before_the_day_they_were_believed_on(outlay: Outlay, restated: Path) -> None:
    found = json.loads(outlay("costs", "--as-of", "2026-10-04", "--format", "json", "--days", "3").out)
    assert found["period"] == {"start": "2026-10-01", "end": "2026-10-03"}
    found = json.loads(outlay("costs", "--as-of", "2026-10-04", "--format", "json", "--start-date", "2026-10-02").out)
    assert found["period"] == {"start": "2026-10-02", "end": "2026-10-03"}
    assert found["totals"] == {"USD": "1"}


def test_what_is_not_known_any_more_is_refused(outlay: Outlay, restated: Path) -> None:
    done = outlay(*OCTOBER, "--as-of", "2026-10-04", "--group-by", "service")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(
        "outlay: of what was believed on 2026-10-04 only billed costs are known, by date, month, source, provider;"
        " not by service: older versions of the store, which know all, are kept from "
    )
    for moment, reason in (("2999-01-01", "is still to come"), ("tomorrow", "is no day")):
        assert reason in outlay(*OCTOBER, "--as-of", moment).err


def test_a_state_that_measured_days_makes_them_provisional(outlay: Outlay, restated: Path) -> None:
    with closing(State(f"sqlite:///{restated}/data/state.db")) as state:
        state.past.record_settling("prod", Settling(3, date(2026, 10, 1)))
    assert json.loads(outlay(*OCTOBER, "--format", "json").out)["provisional_from"] == "2026-10-02"
    assert outlay(*OCTOBER).out.endswith("; provisional from 2026-10-02\n")
    as_of = json.loads(outlay(*OCTOBER, "--format", "json", "--as-of", "2026-10-04").out)
    assert as_of["provisional_from"] == "2026-10-02"
    as_of = json.loads(outlay(*OCTOBER, "--format", "json", "--as-of", "2026-10-06").out)
    assert as_of["provisional_from"] is None
