"""What was restated, over HTTP; and that all pages know which days are not settled yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient

from outlay.core.ports import DayChange
from outlay.core.query import CostQuery
from outlay.core.span import Period
from outlay.serve.access.remembered import LimitedPast
from outlay.serve.dashboard.numbers import Numbers, Reader
from outlay.serve.dashboard.view import View
from outlay.state import Restatement, Settling, State
from outlay.warehouses.lake import Lake
from tests.serve.conftest import TODAY, day

PATH = "/api/v1/costs/restatements"
EXACT = Decimal("42.000000000000000001")


@pytest.fixture(autouse=True)
def _restated(state: State) -> None:
    state.past.record("prod", [DayChange(day(3), "USD", None, Decimal(41)), DayChange(day(4), "USD", None, Decimal(1))])
    state.past.record("prod", [DayChange(day(3), "USD", Decimal(41), EXACT)])
    state.past.record("azure", [DayChange(day(4), "EUR", Decimal(2), Decimal("3.5"))])


def rows(client: TestClient, query: str = "") -> list[tuple[str, ...]]:
    """What was restated: source, day, before and after."""
    response = client.get(f"{PATH}?{query}")
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["rows"]
    return [(each["source"], each["day"], each["before"], each["after"]) for each in found]


AZURE = ("azure", "2026-10-04", "2", "3.5")
PROD = ("prod", "2026-10-03", "41", "42.000000000000000001")


def test_the_newest_change_first_and_first_beliefs_not_at_all(client: TestClient) -> None:
    assert rows(client) == [AZURE, PROD]
    (first, _) = client.get(PATH).json()["rows"]
    assert first["observed_at"].endswith("+00:00")
    assert first["currency"] == "EUR"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("source=prod", [PROD]),
        ("source=prod,azure", [AZURE, PROD]),
        ("source=nope", []),
        ("start_date=2026-10-04", [AZURE]),
        ("end_date=2026-10-03", [PROD]),
        ("start_date=2026-10-03&end_date=2026-10-03", [PROD]),
        ("limit=1", [AZURE]),
    ],
)
def test_questions(client: TestClient, query: str, expected: list[tuple[str, ...]]) -> None:
    assert rows(client, query) == expected


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("start_date=2026-10-04&end_date=2026-10-03", "start_date 2026-10-04 comes after end_date 2026-10-03"),
        ("start_date=4", "start_date: not a day from 1970-01-01 on: '4'; write it as 2026-10-31"),
        ("limit=0", "limit: input should be greater than or equal to 1"),
        ("sources=prod", "no parameter named 'sources'; there are: source, start_date, end_date, limit, cursor"),
    ],
)
def test_bad_questions_are_problem_documents(client: TestClient, query: str, detail: str) -> None:
    response = client.get(f"{PATH}?{query}")
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, response.json()["code"], response.json()["detail"]) == (400, "usage", detail)


def test_pages_are_all_of_it_in_its_order(client: TestClient, state: State) -> None:
    for number in range(7):  # of one moment
        state.past.record("prod", [DayChange(day(n), "USD", Decimal(number), Decimal(n)) for n in (1, 2)])
    whole = client.get(PATH).json()
    assert (len(whole["rows"]), whole["next_cursor"]) == (16, None)
    for limit in (1, 3, 8, 15, 16, 17):
        found: list[Any] = []
        cursor = ""
        while cursor is not None:
            told = client.get(f"{PATH}?limit={limit}" + (f"&cursor={cursor}" if cursor else "")).json()
            assert len(told["rows"]) <= limit
            found, cursor = found + told["rows"], told["next_cursor"]
        assert found == whole["rows"]


def test_a_cursor_is_of_one_question_and_one_ledger(client: TestClient, state: State) -> None:
    cursor = client.get(f"{PATH}?limit=1").json()["next_cursor"]
    other = client.get(f"{PATH}?source=prod&cursor={cursor}")
    assert (other.status_code, other.json()["code"]) == (400, "usage")
    assert client.get(f"{PATH}?cursor=x").json()["detail"] == "cursor: not one that an answer had as its next_cursor"
    state.past.record("prod", [DayChange(day(3), "USD", EXACT, Decimal(1))])
    late = client.get(f"{PATH}?limit=1&cursor={cursor}")
    assert (late.status_code, late.json()["code"]) == (409, "changed")


def test_what_is_restated_while_a_page_is_asked_is_noticed(
    client: TestClient, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = client.get(f"{PATH}?limit=1").json()["next_cursor"]
    asked = LimitedPast.restated

    def meanwhile(past: LimitedPast, sources: Sequence[str], days: Period, limit: int) -> list[Restatement]:
        found = asked(past, sources, days, limit)
        state.past.record("prod", [DayChange(day(3), "USD", EXACT, Decimal(limit))])
        return found

    monkeypatch.setattr(LimitedPast, "restated", meanwhile)
    late = client.get(f"{PATH}?limit=1&cursor={cursor}")
    assert (late.status_code, late.json()["code"]) == (409, "changed")
    assert client.get(PATH).status_code == 200


def test_costs_are_provisional_from_the_first_day_that_is_not_settled(client: TestClient, state: State) -> None:
    def first() -> Any:
        return client.get("/api/v1/costs/summary").json()["provisional_from"]

    assert first() == "2026-10-05"  # the day's own flag
    tag = client.get("/api/v1/costs/summary").headers["etag"]
    state.past.record_settling("azure", Settling(9, day(1)))
    assert first() == "2026-10-04"
    assert client.get("/api/v1/costs/summary", headers={"If-None-Match": tag}).status_code == 200
    assert client.get("/api/v1/costs/daily?provider=aws").json()["provisional_from"] == "2026-10-05"
    state.past.record_settling("prod", Settling(9, day(1)))
    assert first() == "2026-10-01"


def test_the_dashboard_marks_the_same_days(lake: Lake) -> None:
    days = Period(TODAY - timedelta(days=30), TODAY)
    unsettled = {"azure": day(1), "prod": day(2)}
    numbers = Reader(lake, View.of_search(""), days, TODAY, unsettled).numbers(5, 5)
    assert isinstance(numbers, Numbers)
    assert numbers.currency == "USD"
    assert [(each.provider, each.provisional_from) for each in numbers.daily] == [("aws", day(5))]
    numbers = Reader(lake, View.of_search(""), days, TODAY, {"prod": day(1)}).numbers(5, 5)
    assert isinstance(numbers, Numbers)
    assert [each.provisional_from for each in numbers.daily] == [day(1)]
    assert lake.query(CostQuery(days)).num_rows == 2
