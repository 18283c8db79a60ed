"""The metrics of somebody who may see some money only: nothing in them tells of any other."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from outlay.core.errors import StoreError
from outlay.core.gauges import Compat, Gauge
from outlay.core.limits import EVERYTHING, Limits, limits_of
from outlay.core.ports import DayChange
from outlay.core.settings import Metrics
from outlay.serve import metrics
from outlay.serve.metrics import Exposition, Options, render
from outlay.state import Run, State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.serve.conftest import TODAY, day
from tests.serve.scrape import families, samples
from tests.serve.test_metrics_compat import invoices

ALL = Options(
    Metrics(
        tag_keys=("team",),
        compat=Compat(heroku=True, aws=True, azure=True, gcp=True, cloud_cost=True),
        gauges=(Gauge(name="mine", group_by=("source",), days=30),),
    ),
    {"prod": "aws", "azure": "azure", "heroku": "heroku"},
    {"prod": {"team": "core"}},
)


@pytest.fixture
def full(state: State) -> State:
    """A state that knows something of every kind, of two sources."""
    state.record_readings("heroku", TODAY, invoices("web"))
    run = Run("azure", "azure 2026-10", datetime(2026, 10, 6, 1, tzinfo=UTC), 1.0)
    state.record_run(run, [DayChange(day(1), "USD", Decimal(1), Decimal(2))])
    return state


def text_of(lake: Lake, state: State, **allowed: str) -> bytes:
    limits = limits_of({name.replace("_", ":"): [value] for name, value in allowed.items()})
    return render(lake, state, ["prod", "azure", "heroku"], TODAY, Decimal(5), options=ALL, limits=limits)


def test_by_source(lake: Lake, full: State) -> None:
    text = text_of(lake, full, source="prod")
    seen = {
        labels["source"] for family in families(text).values() for _, labels, *_ in family.samples if "source" in labels
    }
    assert seen == {"prod"}
    assert b"azure" not in text.replace(b"azure_", b"")
    assert samples(text, "outlay_cost_month_to_date")[0][1] == 11.0
    assert samples(text, "heroku_invoice_current_total_usd") == []
    assert samples(text, "outlay_api_spend_cap_usd") == []
    assert samples(text, "outlay_api_spend_month_to_date_usd") != []
    assert samples(text, "azure_api_errors_total") == []


def test_by_account(lake: Lake, full: State) -> None:
    text = text_of(lake, full, account="1111")
    billed = [value for labels, value in samples(text, "outlay_cost_month_to_date") if labels["measure"] == "billed"]
    assert billed == [10.5]
    left = {name for name in families(text) if not name.startswith(("outlay_cost_", "cloud_cost_"))}
    clouds = {f"{cloud}_total_monthly_cost_usd" for cloud in ("aws", "azure", "gcp")}
    assert left == {"outlay_build_info", "outlay_account_info", "mine", *clouds}
    assert [labels["account"] for labels, _ in samples(text, "outlay_account_info")] == ["1111"]
    assert "outlay_cost_restated" not in families(text)
    assert samples(text, "cloud_cost_last_update_timestamp") == []


def test_by_source_and_tag_the_state_of_the_source_is_told_but_not_its_money(lake: Lake, full: State) -> None:
    text = text_of(lake, full, source="prod", tag_team="core")
    assert samples(text, "outlay_source_up") == [({"source": "prod"}, 1.0)]
    assert not {"outlay_cost_restated", "outlay_api_calls_month_to_date", "aws_api_calls_total"} & families(text).keys()


def client_of(exposition: Exposition, limits: Limits) -> TestClient:
    app = FastAPI()
    metrics.mount(app, exposition, lambda: limits)
    return TestClient(app)


def test_each_gets_his_own_until_something_changes(lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = Exposition(lake, state)
    mine = limits_of({"source": ["azure"]})
    client, everybody = client_of(ready, mine), client_of(ready, EVERYTHING)
    assert client.get("/metrics").status_code == 503
    ready.refresh()
    first = client.get("/metrics").content
    assert b"prod" not in first
    assert b"prod" in everybody.get("/metrics").content
    assert ready.limited(mine) is ready.limited(mine)
    put(lake, [charge(day(4), "4", source="azure", provider="Microsoft", sub_account_id="new")])
    assert client.get("/metrics").content == first, "as old as what everybody gets"
    ready.refresh()
    assert b'account="new"' in client.get("/metrics").content

    def lost(_lake: Lake) -> str:
        raise StoreError("cannot read the lake at /gone")

    put(lake, [charge(day(4), "5", source="azure", provider="Microsoft", sub_account_id="newer")])
    ready.refresh()
    monkeypatch.setattr(Lake, "version", lost)
    assert b'account="new"' in client.get("/metrics").content, "the last state is kept"
    with pytest.raises(StoreError):
        ready.limited(limits_of({"source": ["prod"]}))


def test_no_more_are_kept_than_fit(lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outlay.serve.metrics.exposition.LIMITED_MAX", 2)
    ready = Exposition(lake, state)
    ready.refresh()
    one, two, three = (limits_of({"source": [name]}) for name in ("a", "b", "c"))
    first, second = ready.limited(one), ready.limited(two)
    ready.limited(three)
    assert ready.limited(two) is second
    assert ready.limited(one) is not first
