"""The cost endpoints over a real lake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from outlay.core.errors import StoreError
from outlay.core.query import CostQuery
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.serve.conftest import day

ROUTES = ["summary", "daily", "services", "accounts", "regions", "tags"]


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Each path, verb and operation of an OpenAPI document."""
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


def costs(client: TestClient, what: str) -> Any:
    """The JSON of a question that has an answer."""
    response = client.get(f"/api/v1/costs/{what}")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


def rows(client: TestClient, what: str) -> list[tuple[str, ...]]:
    """The rows of an answer, without their currency."""
    return [tuple(v for k, v in row.items() if k != "currency") for row in costs(client, what)["rows"]]


def refused(client: TestClient, what: str) -> str:
    """The sentence that a bad question is answered with."""
    response = client.get(f"/api/v1/costs/{what}")
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem | {"detail": ""} == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "code": "usage",
        "detail": "",
    }
    return str(problem["detail"])


def test_the_summary_of_the_last_30_days(client: TestClient) -> None:
    assert costs(client, "summary") == {
        "period": {"start": "2026-09-06", "end": "2026-10-05"},
        "measure": "billed",
        "totals": {"EUR": "3.5", "USD": "11.000000000000000001"},
        "rows": [
            {"provider": "aws", "currency": "USD", "cost": "11.000000000000000001"},
            {"provider": "azure", "currency": "EUR", "cost": "3.5"},
        ],
        "provisional_from": "2026-10-05",
        "next_cursor": None,
    }


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("daily", [("2026-10-01", "10.5"), ("2026-10-04", "3.5"), ("2026-10-05", "0.500000000000000001")]),
        ("daily?granularity=monthly&start_date=2026-09-01", [("2026-09-01", "7.25"), ("2026-10-01", "3.5"),
                                                             ("2026-10-01", "11.000000000000000001")]),
        ("daily?group_by=provider,account&provider=aws,nope&exclude=credits", [
            ("2026-10-01", "aws", "1111", "10.5"), ("2026-10-05", "aws", None, "2.000000000000000001")]),
        ("services?provider=AWS", [("aws", "Amazon EC2", "9"), ("aws", "Amazon S3", "2.000000000000000001")]),
        ("services?measure=effective&provider=azure", [("azure", 'Virtual "Machines"\\', "3.25")]),
        ("accounts?service=Amazon+EC2", [("aws", "1111", "10.5"), ("aws", None, "-1.5")]),
        ("accounts?account=1111&granularity=monthly&start_date=2026-09-01", [
            ("2026-09-01", "aws", "1111", "7.25"), ("2026-10-01", "aws", "1111", "10.5")]),
        ("regions?region=eu-west-1&region=us-east-1", [("aws", "eu-west-1", "10.5"),
                                                       ("aws", "us-east-1", "2.000000000000000001")]),
        ("regions?region=&provider=aws", [("aws", None, "-1.5")]),
        ("tags?key=team", [("core", "10.5"), (None, "3.5"), ("web", "2.000000000000000001"), (None, "-1.5")]),
        ("tags?key=team&tag=team:core&tag=team:web&limit=1", [("core", "10.5")]),
        ("summary?tag=aws\\:by:ann:1", [("aws", "2.000000000000000001")]),
        ("summary?tag=team:core&tag=aws\\:by:ann:1", []),
        ("summary?group_by=tag:team&group_by=charge_category&exclude=Usage", [(None, "Credit", "-1.5")]),
        ("summary?start_date=2026-10-06", []),
        ("summary?end_date=1970-01-02", []),
    ],
)  # fmt: skip
def test_questions(client: TestClient, what: str, expected: list[tuple[str, ...]]) -> None:
    assert rows(client, what) == expected


def test_totals_are_of_all_rows_beyond_the_limit_too(client: TestClient) -> None:
    found = costs(client, "services?limit=1&provider=aws")
    assert (len(found["rows"]), found["totals"]) == (1, {"USD": "11.000000000000000001"})


@pytest.mark.parametrize(
    ("what", "detail"),
    [
        ("summary?measure=cash", "measure: input should be 'billed', 'effective', 'contracted' or 'list'"),
        ("daily?granularity=hourly", "granularity: input should be 'daily' or 'monthly'"),
        ("summary?limit=0", "limit: input should be greater than or equal to 1"),
        ("summary?limit=10001", "limit: input should be less than or equal to 10000"),
        (
            "summary?start_date=yesterday",
            "start_date: not a day from 1970-01-01 on: 'yesterday'; write it as",
        ),
        (
            "summary?start_date=1759708800",
            "start_date: not a day from 1970-01-01 on: '1759708800'; write it as",
        ),
        ("summary?end_date=9999-12-31", "end_date: not a day from 1970-01-01 on: '9999-12-31'"),
        ("summary?start_date=2026-02-30", "start_date: not a day from 1970-01-01 on: '2026-02-30'"),
        (
            "summary?start_date=2026-10-02&end_date=2026-10-01",
            "start_date 2026-10-02 comes after end_date 2026-10-01",
        ),
        ("summary?group_by=servic", "no dimension named 'servic'; there are: date, month, source, provider"),
        (
            "summary?exclude=fees",
            "no kind of charge named 'fees'; there are: credits, refunds, taxes, purchases",
        ),
        ("summary?tag=team", "tag: not key:value: 'team'"),
        ("summary?from=x", "no parameter named 'from'; there are: start_date, end_date, provider"),
        ("services?group_by=region", "no parameter named 'group_by'; there are: start_date"),
        ("tags", "key: field required"),
    ],
)
def test_bad_questions_name_the_parameter_and_the_choices(client: TestClient, what: str, detail: str) -> None:
    assert refused(client, what).startswith(detail)


def test_an_answer_is_not_sent_twice(client: TestClient, lake: Lake) -> None:
    first = client.get("/api/v1/costs/summary")
    tag = first.headers["etag"]
    again = client.get("/api/v1/costs/summary", headers={"If-None-Match": f'"x", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get("/api/v1/costs/daily", headers={"If-None-Match": tag}).status_code == 200

    put(lake, [charge(day(4), "4", source="other")])
    changed = client.get("/api/v1/costs/summary", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert Decimal(changed.json()["totals"]["USD"]) == Decimal("15.000000000000000001")


def test_long_answers_are_compressed(client: TestClient, lake: Lake) -> None:
    put(lake, [charge(day(4), "1", source="many", service_name=f"service {n}") for n in range(50)])
    response = client.get("/api/v1/costs/services", headers={"Accept-Encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert len(response.json()["rows"]) == 53


def test_problems_of_the_store_and_of_ours(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lost(_lake: Lake, _query: CostQuery) -> None:
        raise StoreError("cannot read the lake at /gone: no such folder")

    monkeypatch.setattr(Lake, "query", lost)
    response = client.get("/api/v1/costs/summary")
    assert (response.status_code, response.json()["code"]) == (503, "store")
    assert response.json()["detail"] == "cannot read the lake at /gone: no such folder"

    monkeypatch.setattr(Lake, "query", lambda _lake, _query: 1 / 0)
    response = client.get("/api/v1/costs/summary")
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert "division" not in response.text
    assert response.headers["x-request-id"]
    assert "ZeroDivisionError" in caplog.text


def test_other_problems(client: TestClient) -> None:
    missing = client.get("/api/v1/nope")
    assert (missing.status_code, missing.json()["code"]) == (404, "not-found")
    assert missing.json()["detail"] == "there is nothing at /api/v1/nope"
    wrong = client.post("/api/v1/costs/summary")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method-not-allowed")
    assert wrong.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/keys", "GET, HEAD, POST"),
        ("GET", "/api/v1/keys/x", "DELETE"),
        ("DELETE", "/api/v1/costs/summary", "GET, HEAD"),
        ("HEAD", "/api/v1/aws/collect", "POST"),
        ("POST", "/docs", "GET, HEAD"),
    ],
)
def test_a_verb_that_is_not_there_is_told_those_that_are(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    found = client.request(method, path)
    assert (found.status_code, found.headers["allow"]) == (405, allowed)
    if method != "HEAD":
        assert found.json()["detail"] == f"{method} is not for {path}; there are: {allowed}"


def test_the_docs_load_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "//" not in page
    assert "openapi.json" in page
    for name in ROUTES:
        assert f"GET /api/v1/costs/{name}" in page
    assert "key</code><td>The tag&#x27;s key. (required)" in page
    assert "POST /api/v1/{provider}/collect" in page
    assert "days</code><td>In a JSON body: So many days before today." in page


def test_every_route_and_parameter_is_documented(client: TestClient) -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    document = client.get("/openapi.json").json()
    for path, _, operation in operations(document):
        assert f"`{path}`" in text
        for parameter in operation.get("parameters", ()):
            name = parameter["name"]
            assert f"`{{{name}}}`" in text or f"`{name}`" in text or f"{{{name}}}`" in text
    for model in ("Wished", "JobWithRuns", "SourceOf", "ProviderCosts", "Wish", "Made"):
        for name in document["components"]["schemas"][model]["properties"]:
            assert f"`{name}`" in text or f'"{name}"' in text, name
    for example in text.split("```json")[1:]:
        json.loads(example.split("```")[0])
