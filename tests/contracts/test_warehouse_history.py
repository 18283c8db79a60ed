"""What was believed, and what an invoice is compared with, is the same on every warehouse."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from outlay import history
from outlay.core import focus
from outlay.core.query import CostQuery, Filter
from outlay.core.span import Period, Span, next_month
from outlay.reconcile import Invoice, reconcile
from outlay.state import State, ledgered
from tests.charges import charge
from tests.contracts.conftest import NewStore
from tests.contracts.model import EVER

OCTOBER, DAY = date(2026, 10, 1), date(2026, 10, 5)
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
EXACT = Decimal("1.000000000000000001")


def test_what_was_believed_and_what_is_stored(
    new_store: NewStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = new_store().open()
    warehouse.prepare()
    month = Span("prod", Period(OCTOBER, next_month(OCTOBER)))
    bills = [
        [charge(DAY, "1"), charge(DAY, "-0.25", charge_category="Credit")],
        [charge(DAY, str(EXACT)), charge(DAY + timedelta(days=1), "5")],
        [charge(DAY, str(EXACT)), charge(DAY, "-0.25", charge_category="Credit")],
    ]
    with closing(State(f"sqlite:///{tmp_path}/state.db")) as state:
        for number, rows in enumerate(bills):
            at = (NOON + timedelta(days=number)).replace(tzinfo=None)
            monkeypatch.setattr(ledgered, "now", lambda at=at: at)
            state.past.record("prod", warehouse.replace(month, [focus.batch(rows)]).changes)
        history.complete(warehouse, state, ["prod"])
        assert len(state.restatements(first=True)) == 5  # nothing was missing

        def believed(days: int) -> dict[tuple[date, str], Decimal]:
            query = CostQuery(EVER, ("date", "provider"), (Filter("source", ("prod",)),))
            found = history.as_of(warehouse, state, query, NOON + timedelta(days=days))
            return {(row["date"], row["provider"]): row["cost"] for row in found.rows}

        quarter, next_day = Decimal("0.25"), DAY + timedelta(days=1)
        assert believed(-1) == {}
        assert believed(0) == {(DAY, "aws"): 1 - quarter}
        assert believed(1) == {(DAY, "aws"): EXACT, (next_day, "aws"): Decimal(5)}
        assert believed(2) == {(DAY, "aws"): EXACT - quarter}

    found = reconcile(warehouse, "prod", OCTOBER, Invoice(EXACT))
    assert found.stored.billed == {"usage": EXACT, "credits": -quarter}
    assert found.explanation is not None
    assert [(part.category, part.amount) for part in found.explanation.parts] == [("credits", quarter)]
