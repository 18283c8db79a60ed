"""The OpenAPI document: what is true of all routes is said of each, from what decides it."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any

from outlay.serve.access.scopes import ORDER, includes, needed
from outlay.serve.api.problems import MEDIA_TYPE, PROBLEMS, Problem

if TYPE_CHECKING:
    from fastapi import FastAPI

Document = dict[str, Any]

BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key that `outlay keys create` or `POST /api/v1/keys` made, one of the settings, or a token of the"
    " issuer in the settings. It has one of the scopes `read`, `collect` and `admin`, each of which includes those"
    " before it. On the server's own machine `read` and `collect` need none, unless `api.open_loopback` is off.",
}
ALWAYS = (401, 403, 500, 503)
OTHERS = ("HTTPValidationError", "ValidationError")  # FastAPI's own word for what is a Problem here


def mount(app: FastAPI) -> None:
    """Have the app tell of security and problems, too."""
    plain = app.openapi
    app.openapi = cache(lambda: described(deepcopy(plain())))  # type: ignore[method-assign] # as FastAPI wants it


def described(document: Document) -> Document:
    """The same document, with who may and what can go wrong."""
    parts = document["components"]
    parts["schemas"]["Problem"] = Problem.model_json_schema()
    parts["schemas"] = {name: parts["schemas"][name] for name in sorted(parts["schemas"]) if name not in OTHERS}
    parts["responses"] = {str(status): _response(status) for status in PROBLEMS}
    parts["securitySchemes"] = {"key": BEARER}
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            _describe(operation, needed(verb.upper(), path))
    return document


def _describe(operation: Document, scope: Any) -> None:
    *others, last = (f"`{each}`" for each in ORDER[ORDER.index(scope) :])
    enough = f"{', '.join(others)} or {last}" if others else last
    local: list[Document] = [{}] if includes("collect", scope) else []  # as access.LOCAL
    none = "; none on the server's own machine" if local else ""
    operation["description"] += f"\n\nTakes a key of the scope {enough}{none}."
    operation["security"] = [{"key": [scope]}, *local]
    answers = operation["responses"]
    answers.pop("422", None)
    asked = any(each["in"] == "query" for each in operation.get("parameters", ()))
    usual = [*ALWAYS, *([400] if asked else []), *([400, 413] if "requestBody" in operation else [])]
    problems = {*usual, *(int(status) for status in answers if int(status) >= 400)}
    good = {status: answers[status] for status in answers if int(status) < 400}
    named = {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(problems)}
    operation["responses"] = good | named


def _response(status: int) -> Document:
    """What a problem is told as."""
    described, problem = PROBLEMS[status]
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": problem.model_dump()}
    return {"description": described, "content": {MEDIA_TYPE: content}}
