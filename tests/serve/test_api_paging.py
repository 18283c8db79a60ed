"""Pages: every row once, in one order, of the same charges; and cursors that are good for nothing else."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from outlay.core.query import CostQuery
from outlay.serve.api.paging import Cursor
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.serve.conftest import day
from tests.serve.local import app_of, client_of
from tests.serve.stores import Store


def pages(client: TestClient, what: str) -> Iterator[Any]:
    """Every page of an answer, from the first on."""
    cursor = ""
    while cursor is not None:
        response = client.get(f"/api/v1/costs/{what}" + (f"&cursor={cursor}" if cursor else ""))
        assert response.status_code == 200, response.text
        yield response.json()
        cursor = response.json()["next_cursor"]


def refused(client: TestClient, what: str, status: int = 400) -> str:
    """The sentence that a bad question is answered with."""
    response = client.get(f"/api/v1/costs/{what}")
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    return str(response.json()["detail"])


@pytest.fixture
def many(lake: Lake, client: TestClient) -> TestClient:
    """A client of a store with 30 services, of which 20 cost the same, and one currency more."""
    put(lake, [charge(day(4), f"{max(n, 20)}", source="many", service_name=f"s{n:02}") for n in range(30)])
    return client


@pytest.mark.parametrize("limit", [1, 2, 7, 31, 32, 33, 34, 100])
@pytest.mark.parametrize("what", ["services?measure=billed", "daily?group_by=service,tag:team"])
def test_pages_are_the_whole_answer_in_its_order(many: TestClient, what: str, limit: int) -> None:
    whole = many.get(f"/api/v1/costs/{what}").json()
    assert len(whole["rows"]) >= 33
    found = list(pages(many, f"{what}&limit={limit}"))
    assert [row for page in found for row in page["rows"]] == whole["rows"]
    assert {len(page["rows"]) for page in found[:-1]} <= {limit}
    assert all(page | {"rows": 0, "next_cursor": 0} == whole | {"rows": 0, "next_cursor": 0} for page in found)
    assert whole["next_cursor"] is None


def test_pages_may_differ_in_size_and_have_names_of_their_own(many: TestClient) -> None:
    first = many.get("/api/v1/costs/services?limit=10")
    second = many.get(f"/api/v1/costs/services?limit=5&cursor={first.json()['next_cursor']}")
    rows = many.get("/api/v1/costs/services").json()["rows"]
    assert second.json()["rows"] == rows[10:15]
    assert second.headers["etag"] != first.headers["etag"]
    url, tag = str(second.request.url), second.headers["etag"]
    assert many.get(url, headers={"If-None-Match": tag}).status_code == 304


def test_a_cursor_is_of_one_question(many: TestClient) -> None:
    cursor = many.get("/api/v1/costs/services?limit=10").json()["next_cursor"]
    for what in ("services?measure=list", "services?start_date=2026-10-01", "regions?limit=10", "services?region=x"):
        told = refused(many, what + f"&cursor={cursor}")
        assert told.startswith("cursor: it belongs to another question; ask with the parameters of the page before")


@pytest.mark.parametrize("cursor", ["x", "%00", "====", "é", "AAAA", urlsafe_b64encode(b"x" * 23).decode(), "a" * 64])
def test_what_is_no_cursor_is_refused(many: TestClient, cursor: str) -> None:
    assert refused(many, f"services?cursor={cursor}") == "cursor: not one that an answer had as its next_cursor"


def test_other_places_in_an_answer_lead_nowhere(many: TestClient) -> None:
    assert "at most 64" in refused(many, f"services?cursor={'a' * 65}")
    cursor = many.get("/api/v1/costs/services?limit=10").json()["next_cursor"]
    start = Cursor(*_parts(cursor))
    for offset, rows in ((10_000, 0), (2**39, 0), (0, 1)):
        told = many.get(f"/api/v1/costs/services?limit=1&cursor={start.after(offset - 10).text()}").json()
        assert (len(told["rows"]), len(told["totals"])) == (rows, 2)
    assert "another question" in refused(many, f"services?cursor={start.after(2**50).text()}")


def _parts(cursor: str) -> tuple[int, bytes, bytes]:
    raw = urlsafe_b64decode(cursor)
    return int.from_bytes(raw[:8]), raw[8:16], raw[16:]


def test_pages_of_charges_that_changed_are_refused(many: TestClient, lake: Lake) -> None:
    first = many.get("/api/v1/costs/services?limit=10").json()
    put(lake, [charge(day(4), "1", source="late")])
    response = many.get(f"/api/v1/costs/services?limit=10&cursor={first['next_cursor']}")
    assert (response.status_code, response.json()["code"]) == (409, "changed")
    assert response.json()["detail"] == "the charges have changed since the first page; start again without `cursor`"


def test_charges_that_change_while_a_page_is_asked_are_noticed(
    lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(app_of(Store(lake), state))
    cursor = client.get("/api/v1/costs/services?limit=1").json()["next_cursor"]
    asked = Store.query

    def meanwhile(store: Store, query: CostQuery) -> Any:
        put(lake, [charge(day(4), "1", source="late")])
        return asked(store, query)

    monkeypatch.setattr(Store, "query", meanwhile)
    response = client.get(f"/api/v1/costs/services?limit=1&cursor={cursor}")
    assert (response.status_code, response.json()["code"]) == (409, "changed")
