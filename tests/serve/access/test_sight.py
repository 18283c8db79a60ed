"""A limited key sees its money alone, through every door: API, metrics, dashboard, jobs, caches."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from time import monotonic, sleep
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from outlay.cache import Guarded
from outlay.cache.memory import Memory
from outlay.core.ports import DayChange
from outlay.core.settings import Api, Dashboard
from outlay.serve.access import Guard
from outlay.serve.app import create_app
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.serve.access.conftest import client
from tests.serve.conftest import NEVER, day, nothing

DOORS = [
    *(f"/api/v1/costs/{each}" for each in ("summary", "daily", "services", "accounts", "regions", "tags?key=team")),
    "/api/v1/costs/summary?group_by=source,provider,service,account,region,tag:team",
    "/api/v1/costs/restatements",
    "/api/v1/sources",
    "/api/v1/jobs",
    "/metrics",
]
AZURE = re.compile(r"azure|microsoft|Microsoft|Virtual|EUR|3\.5|3\.25")
PROD = re.compile(r"prod|Amazon|1111|10\.5|USD|eu-west|us-east")


@pytest.fixture
def app(lake: Lake, state: State) -> Iterator[FastAPI]:
    """The server with a cache, over restatements of both sources, its metrics rendered."""
    for source, currency in (("prod", "USD"), ("azure", "EUR")):
        state.past.record(source, [DayChange(day(5), currency, Decimal("1.125"), Decimal("2.25"))])
    guard = Guard(Api(), lambda: state.keys)
    made = create_app(
        lake,
        state,
        sources=["prod", "azure"],
        collect=nothing,
        schedule=NEVER,
        dashboard=Dashboard(),
        cache=Guarded(Memory(8 * 2**20), "memory"),
        guard=guard,
        http=Api(),
    )
    with client(made, afar=False) as here:
        deadline = monotonic() + 20
        while here.get("/metrics").status_code != 200 and monotonic() < deadline:
            sleep(0.02)
        yield made


def limited(app: FastAPI, state: State, may: str = "read", **limits: Any) -> TestClient:
    key = state.keys.create("x", may, {name.replace("tag_", "tag:"): values for name, values in limits.items()})[1]
    return client(app, key)


def told(asked: TestClient, path: str) -> str:
    """What is told at a path, without comments."""
    found = asked.get(path)
    assert found.status_code == 200
    return "\n".join(line for line in found.text.splitlines() if not line.startswith("#"))


@pytest.mark.parametrize("path", DOORS)
def test_no_door_tells_of_the_other_source(app: FastAPI, state: State, path: str) -> None:
    whole, prod = client(app, afar=False), limited(app, state, source=["prod"])
    azure, none = limited(app, state, source=["azure"]), limited(app, state, source=["elsewhere"])
    for _ in range(2):  # the second time from whatever keeps answers
        everything = told(whole, path)
        for asked, shown, hidden in ((prod, PROD, AZURE), (azure, AZURE, PROD)):
            found = told(asked, path)
            assert not hidden.search(found), found
            assert bool(shown.search(found)) == bool(shown.search(everything))
        assert not AZURE.search(told(none, path))
        assert not PROD.search(told(none, path))


def test_limits_by_account_and_tag(app: FastAPI, state: State) -> None:
    path = "/api/v1/costs/summary"
    assert limited(app, state, account=["1111"]).get(path).json()["totals"] == {"USD": "10.5"}
    assert limited(app, state, tag_team=["web"]).get(path).json()["totals"] == {"USD": "2.000000000000000001"}
    assert limited(app, state, tag_team=["web"], account=["1111"]).get(path).json()["rows"] == []
    assert limited(app, state, tag_team=["core", "web"]).get(path).json()["totals"] == {"USD": "12.500000000000000001"}


def test_what_is_asked_narrows_and_never_widens(app: FastAPI, state: State) -> None:
    asked = limited(app, state, source=["azure"])
    for query in ("provider=aws", "account=1111", "tag=team:core", "service=Amazon EC2", "account=&provider=aws"):
        assert asked.get(f"/api/v1/costs/summary?{query}").json()["totals"] == {}
    assert asked.get("/api/v1/costs/summary?provider=azure").json()["totals"] == {"EUR": "3.5"}
    assert asked.get("/api/v1/costs/summary?force_refresh=true").json()["totals"] == {"EUR": "3.5"}


@pytest.mark.parametrize(
    "limits", [{"account": ["1111"]}, {"tag_team": ["core"]}, {"source": ["prod"], "account": ["1"]}]
)
def test_restatements_are_refused_where_the_ledger_cannot_tell(
    app: FastAPI, state: State, limits: dict[str, Any]
) -> None:
    found = limited(app, state, **limits).get("/api/v1/costs/restatements")
    assert (found.status_code, found.json()["code"]) == (403, "limited")
    metrics = limited(app, state, **limits).get("/metrics").text
    assert "restated" not in metrics
    assert "api_spend" not in metrics


def test_an_etag_of_others_is_none_of_ours(app: FastAPI, state: State) -> None:
    path = "/api/v1/costs/summary"
    prod, azure = limited(app, state, source=["prod"]), limited(app, state, source=["azure"])
    name = prod.get(path).headers["etag"]
    assert prod.get(path, headers={"If-None-Match": name}).status_code == 304
    found = azure.get(path, headers={"If-None-Match": name})
    assert (found.status_code, found.json()["totals"]) == (200, {"EUR": "3.5"})
    assert client(app, afar=False).get(path, headers={"If-None-Match": name}).status_code == 200


def test_a_page_of_others_does_not_go_on_here(app: FastAPI, state: State) -> None:
    path = "/api/v1/costs/services?limit=1"
    cursor = limited(app, state, source=["prod"]).get(path).json()["next_cursor"]
    found = limited(app, state, source=["azure"]).get(path, params={"cursor": cursor})
    assert found.status_code in (400, 409)


def test_jobs_and_collecting_are_of_the_sources_that_are_seen(app: FastAPI, state: State) -> None:
    whole, azure = client(app, afar=False), limited(app, state, "collect", source=["azure"])
    jobs = {name: whole.post(f"/api/v1/{name}/collect").json()["job_id"] for name in ("prod", "azure")}
    assert azure.get(f"/api/v1/jobs/{jobs['azure']}").status_code == 200
    assert azure.get(f"/api/v1/jobs/{jobs['prod']}").status_code == 404
    assert {job["source"] for job in azure.get("/api/v1/jobs").json()["rows"]} == {"azure"}
    assert azure.post("/api/v1/azure/collect").status_code == 202
    refused = azure.post("/api/v1/prod/collect")
    assert refused.status_code == 404
    assert not PROD.search(refused.text.replace("'prod'", ""))
    by_account = limited(app, state, "collect", account=["1111"])
    assert by_account.get("/api/v1/jobs").json()["rows"] == []
    assert by_account.post("/api/v1/prod/collect").status_code == 404


def dashboard(asked: TestClient) -> str:
    """What the page's callback answers."""
    ids = ["url.search", "dates.value", "providers.value", "measure.value", "currency.value", "tick.n_intervals"]
    dependency = asked.get("/_dash-dependencies").json()[0]
    inputs = [{"id": each.split(".")[0], "property": each.split(".")[1]} for each in ids]
    values: dict[str, Any] = {"measure": "billed", "url": ""}
    outputs = re.findall(r"\.\.\.?([a-z_]+)\.([a-z_-]+)", ".." + dependency["output"].strip("."))
    body = {
        "output": dependency["output"],
        "outputs": [{"id": name, "property": prop} for name, prop in outputs],
        "inputs": [each | {"value": values.get(each["id"])} for each in inputs],
        "state": [{"id": "seen", "property": "data", "value": None}],
        "changedPropIds": [],
    }
    found = asked.post("/_dash-update-component", json=body)
    assert found.status_code == 200, found.text
    return json.dumps(found.json())


def test_the_dashboard_shows_that_money_alone(app: FastAPI, state: State) -> None:
    everything = dashboard(client(app, afar=False))
    assert AZURE.search(everything)
    assert PROD.search(everything)
    assert not re.search("azure|microsoft|virtual|EUR", dashboard(limited(app, state, source=["prod"])), re.IGNORECASE)
    assert not re.search("prod|amazon|1111|USD", dashboard(limited(app, state, source=["azure"])), re.IGNORECASE)
