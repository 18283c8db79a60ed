"""Everything that OpenAPI says, tried with what it allows and what it does not, from a fixed seed.

For a longer run by hand: OUTLAY_API_CASES=1000 OUTLAY_API_SEED=7 pytest tests/serve/test_api_schema.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks
from starlette.types import ASGIApp, Receive, Scope, Send

from outlay.core.settings import Api
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.serve.conftest import day
from tests.serve.local import app_of

KINDS = {"prod": "aws", "azure": "azure", "files": "files"}
CASES = int(os.environ.get("OUTLAY_API_CASES", "40"))  # of each route
SEED = int(os.environ.get("OUTLAY_API_SEED", "20261006"))

COSTS = ["summary", "daily", "services", "accounts", "regions", "tags", "restatements"]
ROUTES = [
    *(f"GET /api/v1/costs/{name}" for name in COSTS),
    "GET /api/v1/sources",
    "GET /api/v1/keys",
    "POST /api/v1/keys",
    "DELETE /api/v1/keys/{key_id}",
    "GET /api/v1/jobs",
    "GET /api/v1/jobs/{job_id}",
    "GET /api/v1/{provider}/costs",
    "POST /api/v1/{provider}/collect",
    "POST /api/v1/{provider}/refresh",
]


def wrong_is_refused(ctx: Any, response: Any, case: Any) -> bool | None:
    """But where nothing wrong is sent: as a list of texts a text is right, and some values leave nothing to send.

    Nor is it wrong here to show no key: nobody guards this app, and who may what is tried in tests/serve/access.
    """
    sent = parse_qs(urlsplit(response.request.url).query, keep_blank_values=True)
    nothing = {"name": "Authorization", "required": False, "schema": {}}
    told = {each["name"]: each for each in [nothing, *case.operation.definition.raw.get("parameters", ())]}
    changed = {each.parameter for each in getattr(case.meta.phase.data, "mutations", ())}
    if changed and changed <= told.keys() and all(_is_right(told[name], name in sent) for name in changed):
        return None
    return checks.negative_data_rejection(ctx, response, case)


def _is_right(parameter: Any, sent: bool) -> bool:
    """Whether no text that was sent for it, or nothing at all, is wrong."""
    return parameter["schema"].get("items") == {"type": "string"} if sent else not parameter["required"]


# Not whether all that fits the schema is accepted: that the end of some days comes before their start, say, or that a
# job is there, no schema can tell.
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.allow_header_conformance,
    wrong_is_refused,
]

Operations = dict[str, schemathesis.APIOperation[Any, Any, Any, Any]]


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operations]:
    """Every verb and path that the server tells of; what was refreshed there may be at once again."""
    folder = tmp_path_factory.mktemp("api")
    lake, state = Lake(path=str(folder / "lake")), State(f"sqlite:///{folder}/state.db")
    lake.prepare()
    more: dict[str, Any] = {
        "service_name": "Amazon EC2",
        "region_id": "eu-west-1",
        "tags": [("team", "core"), ("a:b", "\u2603\0")],
    }
    put(lake, [charge(day(1), "1.5", **more), charge(day(2), "-0.5"), charge(day(2), "2", billing_currency="EUR")])
    told = {"sources": [*KINDS], "kinds": KINDS, "tag_keys": ["team"], "http": Api(force_refresh_seconds=0)}
    api = schemathesis.openapi.from_asgi("/openapi.json", asleep(app_of(lake, state, **told)))
    found = [each.ok() for each in api.get_all_operations()]  # type: ignore[union-attr] # it fails for one that is none
    yield {each.label: each for each in found}
    state.close()


def asleep(app: ASGIApp) -> ASGIApp:
    """The app, that is told of no start: it does nothing in the background."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await app(scope, receive, send)

    return asked


def test_every_route_is_tried(operations: Operations) -> None:
    assert sorted(operations) == sorted(ROUTES)


@pytest.mark.parametrize("route", ROUTES)
def test_the_api_is_what_it_says(operations: Operations, route: str) -> None:
    operation = operations[route]
    cases = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    if operation.query or operation.body:  # else nothing that can be sent is wrong
        cases |= operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

    @seed(SEED)
    @settings(max_examples=CASES, phases=[Phase.generate], suppress_health_check=[*HealthCheck], database=None)
    @given(st.data())
    def tried(data: st.DataObject) -> None:
        case = data.draw(cases)
        case.call_and_validate(checks=CHECKS)

    tried()
