"""/{provider}/costs: one provider at a glance, whose parts add up in each currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient

from outlay.serve.api import providers
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.serve.conftest import day
from tests.serve.local import app_of, client_of

KINDS = {"prod": "aws", "azure": "azure", "sponsored": "azure-sponsorship", "team.core": "heroku", "team.web": "heroku"}


@pytest.fixture
def asked(lake: Lake, state: State) -> TestClient:
    """A client of a server with several sources, whose first two have charges."""
    return client_of(app_of(lake, state, sources=[*KINDS], kinds=KINDS, tag_keys=["team"]))


def costs(client: TestClient, what: str) -> Any:
    """The JSON of a question that has an answer."""
    response = client.get(f"/api/v1/{what}")
    assert response.status_code == 200, response.text
    return response.json()


def test_one_provider_at_a_glance(asked: TestClient) -> None:
    assert costs(asked, "aws/costs?start_date=2026-09-01&end_date=2026-10-05") == {
        "time_period": {"start": "2026-09-01", "end": "2026-10-05"},
        "currency": "USD",
        "total_cost": "18.250000000000000001",
        "by_service": {"Amazon EC2": "16.25", "Amazon S3": "2.000000000000000001"},
        "by_region": {"eu-west-1": "17.75", "us-east-1": "2.000000000000000001", "": "-1.5"},
        "by_tag": {"team": {"core": "10.5", "": "5.75", "web": "2.000000000000000001"}},
        "other_currencies": [],
        "measure": "billed",
        "provisional_from": "2026-10-05",
    }


def test_tags_measures_and_what_is_left_out_are_as_asked(asked: TestClient) -> None:
    found = costs(asked, "azure/costs?measure=effective&tag_key=a&tag_key=b&tag_key=a")
    assert (found["measure"], found["total_cost"], found["by_tag"]) == (
        "effective", "3.25", {"a": {"": "3.25"}, "b": {"": "3.25"}}
    )  # fmt: skip
    assert costs(asked, "aws/costs?exclude=credits")["total_cost"] == "12.500000000000000001"


@pytest.mark.parametrize(
    ("word", "total"),
    [
        ("prod", "11.000000000000000001"),  # a source
        ("AWS", "11.000000000000000001"),
        ("Microsoft", "3.5"),
        ("azure-sponsorship", "0"),  # a kind, of which nothing is stored
        ("team", "0"),
        ("heroku", "0"),
    ],
)
def test_words_stand_for_providers_sources_and_kinds(asked: TestClient, word: str, total: str) -> None:
    found = costs(asked, f"{word}/costs")
    assert found["total_cost"] == total
    assert (found["currency"] is None) is (total == "0")


def test_words_that_stand_for_nothing_are_answered_with_the_choices(asked: TestClient) -> None:
    response = asked.get("/api/v1/gcp/costs")
    assert (response.status_code, response.json()["code"]) == (404, "not-found")
    assert response.json()["detail"] == (
        "no provider or source named 'gcp'; there are:"
        " aws, azure, azure-sponsorship, heroku, prod, sponsored, team.core, team.web"
    )


def test_currencies_stand_side_by_side(asked: TestClient, lake: Lake) -> None:
    rows = [charge(day(4), "7", source="many", provider="AWS", billing_currency=each) for each in ("CHF", "EUR")]
    put(lake, rows)
    found = costs(asked, "aws/costs")
    assert (found["currency"], found["total_cost"]) == ("USD", "11.000000000000000001")
    other = {"total_cost": "7", "by_service": {"": "7"}, "by_region": {"": "7"}, "by_tag": {"team": {"": "7"}}}
    assert found["other_currencies"] == [{"currency": "CHF", **other}, {"currency": "EUR", **other}]
    swapped = costs(asked, "aws/costs?currency=eur")
    assert (swapped["currency"], [each["currency"] for each in swapped["other_currencies"]]) == ("EUR", ["CHF", "USD"])
    assert costs(asked, "many/costs?currency=JPY")["currency"] == "CHF"


def test_parts_add_up_whatever_things_are_called(
    asked: TestClient, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["", None, "__other__", *(f"s{n}" for n in range(9))]
    put(lake, [charge(day(4), f"{n}.1", source="many", provider="Odd", service_name=s) for n, s in enumerate(names)])
    whole = costs(asked, "odd/costs")
    assert len(whole["by_service"]) == 11  # an empty name and none are one
    monkeypatch.setattr(providers, "LIMIT_MAX", 5)
    bounded = costs(asked, "odd/costs")
    assert len(bounded["by_service"]) == 6
    assert bounded["by_service"].popitem()[0] == "__other__"
    for found in (whole, costs(asked, "odd/costs")):
        assert sum(map(Decimal, found["by_service"].values())) == Decimal(found["total_cost"]) == Decimal("67.2")


def test_a_glance_is_not_sent_twice(asked: TestClient, lake: Lake) -> None:
    first = asked.get("/api/v1/aws/costs")
    tag = first.headers["etag"]
    again = asked.get("/api/v1/aws/costs", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert asked.get("/api/v1/azure/costs", headers={"If-None-Match": tag}).status_code == 200
    put(lake, [charge(day(4), "4", source="other")])
    assert asked.get("/api/v1/aws/costs", headers={"If-None-Match": tag}).status_code == 200


def test_answers_are_refreshed_once_in_a_while(asked: TestClient) -> None:
    for what in ("aws/costs?", "costs/summary?provider=aws&"):
        tag = asked.get(f"/api/v1/{what}").headers["etag"]
        first = asked.get(f"/api/v1/{what}force_refresh=true", headers={"If-None-Match": tag})
        assert first.status_code == 200
        second = asked.get(f"/api/v1/{what}force_refresh=true")
        assert (second.status_code, second.json()["code"]) == (429, "too-soon")
        assert 0 < int(second.headers["retry-after"]) <= 60
        assert second.json()["detail"].startswith("this answer was refreshed a moment ago; ask again in ")
        assert asked.get(f"/api/v1/{what}").status_code == 200
    assert asked.get("/api/v1/azure/costs?force_refresh=true").status_code == 200


@pytest.mark.parametrize("what", ["opportunities", "analysis", ""])
def test_what_is_not_there_yet_is_not_there(asked: TestClient, what: str) -> None:
    response = asked.get(f"/api/v1/aws/{what}")
    assert (response.status_code, response.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    ("what", "detail"),
    [
        ("costs?measure=cash", "measure: input should be 'billed', 'effective', 'contracted' or 'list'"),
        ("costs?service=x", "no parameter named 'service'; there are: start_date, end_date, measure"),
        ("costs?start_date=2026-10-02&end_date=2026-10-01", "start_date 2026-10-02 comes after end_date 2026-10-01"),
        ("costs?tag_key=", "tag_key.0: string should have at least 1 character"),
    ],
)
def test_bad_questions_name_the_parameter_and_the_choices(asked: TestClient, what: str, detail: str) -> None:
    response = asked.get(f"/api/v1/aws/{what}")
    assert (response.status_code, response.json()["code"]) == (400, "usage")
    assert response.json()["detail"].startswith(detail)
