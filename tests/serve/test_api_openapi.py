"""The OpenAPI document: as it was, valid, and complete about who may and what can go wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient

from outlay.serve.access.scopes import ORDER, needed

GOLDEN = Path(__file__).with_name("openapi.json")
ANEW = "OUTLAY_WRITE_GOLDEN=1 .venv/bin/python -m pytest tests/serve/test_api_openapi.py"
COSTS = ["summary", "daily", "services", "accounts", "regions", "tags"]
NAMED = [*(f"/api/v1/costs/{name}" for name in COSTS), "/api/v1/{provider}/costs"]  # whose answers have an ETag


@pytest.fixture
def document(client: TestClient) -> Any:
    return client.get("/openapi.json").json()


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Each path, verb and operation."""
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


def test_golden(document: Any) -> None:
    """What programs out there were made from changes on purpose alone."""
    document["info"]["version"] = "1.2.3"
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("OUTLAY_WRITE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), f"if that is as it should be: {ANEW}; then look at its diff"


def test_it_is_valid(document: Any) -> None:
    schemathesis.openapi.from_dict(document).validate()
    assert "HTTPValidationError" not in str(document)


def test_it_is_told_the_same_twice(client: TestClient, document: Any) -> None:
    assert client.get("/openapi.json").json() == document


def test_every_answer_has_an_example_and_a_schema(document: Any) -> None:
    for path, verb, operation in operations(document):
        good = {"post": "201" if path.endswith("/keys") else "202"}.get(verb, "200")
        answers = [each for each in operation["responses"] if int(each) < 400]
        assert answers == [good, "304"] if path in NAMED else [good]
        content = operation["responses"][good]["content"]["application/json"]
        assert content["example"]
        assert content["schema"]["$ref"]


def test_every_problem_is_told_with_an_example(document: Any) -> None:
    told = document["components"]["responses"]
    for path, verb, operation in operations(document):
        problems = {each: answer for each, answer in operation["responses"].items() if int(each) >= 400}
        assert all(answer == {"$ref": f"#/components/responses/{each}"} for each, answer in problems.items())
        assert {"401", "403", "500", "503"} <= {*problems} <= {*told}
        assert ("404" in problems) == ("{" in path)
        assert ("413" in problems) == (verb == "post")
        assert ("409" in problems) == (path.startswith("/api/v1/costs/"))
    for status, answer in told.items():
        content = answer["content"]["application/problem+json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert (str(content["example"]["status"]), f"`{content['example']['code']}`" in answer["description"]) == (
            status,
            True,
        )


def test_each_route_says_who_may(document: Any) -> None:
    for path, verb, operation in operations(document):
        scope = needed(verb.upper(), path)
        said = operation["description"].rpartition("\n\n")[2]
        anybody_here = scope != "admin"
        assert operation["security"] == [{"key": [scope]}, *([{}] if anybody_here else [])]
        assert ("none on the server's own machine" in said) == anybody_here
        assert [each for each in ORDER if f"`{each}`" in said] == [*ORDER[ORDER.index(scope) :]]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
