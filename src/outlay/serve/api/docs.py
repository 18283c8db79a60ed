"""/docs: the API on one page, made from its OpenAPI document; it loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from fastapi import FastAPI

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code { font-size: .95em } table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-top: 1px solid #8884 }
"""


def mount(app: FastAPI) -> None:
    """Add the page at /docs."""

    @app.get("/docs", include_in_schema=False)
    def page() -> HTMLResponse:
        return HTMLResponse("".join(_page(app.openapi())))


def _page(document: dict[str, Any]) -> Iterator[str]:
    title = escape(document["info"]["title"])
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title} API</title>'
    yield f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
    yield f"<h1>{title} API {escape(document['info']['version'])}</h1>"
    yield f"<p>{escape(document['info']['description'])}"
    yield ' The whole of it as <a href="openapi.json">OpenAPI</a>.</p>'
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield f"<h2><code>{verb.upper()} {escape(path)}</code></h2>"
            yield f"<p>{escape(operation['description'])}</p>"
            yield from _parameters([*operation.get("parameters", []), *_body(operation, document)])


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    if not parameters:
        return
    yield "<table><tr><th>Parameter<th>What it says<th>Choices</tr>"
    for each in parameters:
        required = " (required)" if each["required"] else ""
        told = escape(each.get("description", "")) + required
        yield f"<tr><td><code>{escape(each['name'])}</code><td>{told}<td>{_choices(each['schema'])}</tr>"
    yield "</table>"


def _body(operation: dict[str, Any], document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The fields of the JSON that an operation takes, as if they were parameters."""
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    for part in (schema, *schema.get("anyOf", ())):
        model = document["components"]["schemas"].get(part.get("$ref", "").rpartition("/")[2], {})
        for name, field in model.get("properties", {}).items():
            told = f"In a JSON body: {field.get('description', '')}"
            yield {"name": name, "required": name in model.get("required", ()), "description": told, "schema": field}


def _choices(schema: dict[str, Any]) -> str:
    found = [value for part in (schema, *schema.get("anyOf", ())) for value in part.get("enum", ())]
    return " ".join(f"<code>{escape(str(value))}</code>" for value in found)
