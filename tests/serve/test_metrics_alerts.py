"""Budgets, thresholds and alerts as Prometheus has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from outlay.core.settings import Monitoring
from outlay.serve.metrics import alerts
from outlay.serve.metrics.families import as_text
from outlay.state import State
from outlay.state.alerts import Seen
from outlay.state.deliveries import Outbox
from outlay.warehouses.lake import Lake

NOW = datetime(2026, 10, 6, 6, tzinfo=UTC)
MONITORING = Monitoring.model_validate(
    {
        "thresholds": {"daily": {"warning": 100, "critical": 200}},
        "rules": [{"kind": "threshold", "name": "eu", "critical": 5, "currency": "EUR"}],
        "budgets": [
            {"name": "all", "amount": 100},
            {"name": "gone", "amount": 100, "start": "2020-01-01", "end": "2020-01-31"},
            {"name": "web", "amount": 50, "period": "quarterly", "filters": {"tag:team": ["web"]}},
        ],
    }
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with closing(State(f"sqlite:///{tmp_path}/state.db")) as found:
        yield found


def samples(families: Iterator[Metric]) -> dict[str, float]:
    """Each series and its value."""
    lines = as_text(families).decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_thresholds_and_budgets(lake: Lake, state: State) -> None:
    found = samples(alerts.families(lake, state, MONITORING))
    assert found['outlay_threshold{currency="",rule="daily",severity="warning"}'] == 100
    assert found['outlay_threshold{currency="EUR",rule="eu",severity="critical"}'] == 5
    every = '{budget="all",currency="USD",period="monthly"}'
    spent = found[f"outlay_budget_spent{every}"]
    assert spent > 0
    assert found[f"outlay_budget_amount{every}"] == 100
    assert found[f"outlay_budget_used_ratio{every}"] == pytest.approx(spent / 100)
    assert found[f"outlay_budget_pace_ratio{every}"] > spent / 100
    assert 'outlay_budget_spent{budget="web",currency="USD",period="quarterly"}' in found
    assert not any("gone" in name for name in found)


def test_alerts_and_what_nobody_took(lake: Lake, state: State) -> None:
    before = alerts.world(state)
    seen = Seen("warning", "12.00 USD", "Too much.", (), {"title": "12.00 USD"})
    state.alerts.update("daily", {"USD": seen}, NOW, timedelta(), Outbox(["mail", "chat"]))
    delivery = state.deliveries.claim(["mail"], NOW)
    assert delivery is not None
    state.deliveries.failed(delivery, NOW, "away")
    assert alerts.world(state) != before
    found = samples(alerts.families(lake, state, Monitoring()))
    assert found == {
        'outlay_alert_firing{rule="daily",severity="warning",subject="USD"}': 1,
        'outlay_alert_deliveries_unfinished{channel="chat",status="waiting"}': 1,
        'outlay_alert_deliveries_unfinished{channel="mail",status="to_be_tried_again"}': 1,
    }
