"""Who may ask: keys by every way in, scopes, loopback and its impostors, pages of other sites, failed attempts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outlay.core.errors import StoreError
from outlay.serve import access
from outlay.serve.access import Guard
from outlay.serve.access.scopes import OPEN
from outlay.serve.app import create_app
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.serve.access.conftest import AFAR, OWN, Serve, basic, client, own
from tests.serve.access.issuer import AUDIENCE, issuing
from tests.serve.conftest import NEVER, nothing

SUMMARY = "/api/v1/costs/summary"
READ = [SUMMARY, "/api/v1/sources", "/api/v1/jobs", "/api/v1/aws/costs", "/", "/docs", "/openapi.json", "/_dash-layout"]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that refusals would have waited; nobody does."""
    found: list[float] = []

    async def at_once(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(access, "sleep", at_once)
    return found


@pytest.mark.parametrize("path", sorted(OPEN))
def test_health_is_told_to_everybody(serve: Serve, path: str) -> None:
    for shown in (None, "nonsense"):
        assert client(serve(), shown).get(path).status_code == 200


@pytest.mark.parametrize("path", [*READ, "/metrics", "/nothing/here", "/healthz/", "//healthz", "/healthz/../metrics"])
def test_all_else_takes_a_key(serve: Serve, path: str) -> None:
    found = client(serve()).get(path, follow_redirects=False)
    assert found.status_code == 401
    assert found.headers["content-type"] == "application/problem+json"
    assert found.headers.get_list("www-authenticate") == [
        'Bearer realm="Outlay"',
        'Basic realm="Outlay", charset="UTF-8"',
    ]
    assert found.json()["code"] == "unauthorized"


@pytest.mark.parametrize("path", READ)
def test_a_key_reads_as_bearer_and_as_password(serve: Serve, state: State, path: str) -> None:
    _, key = state.keys.create("ci", "read")
    for shown in (f"Bearer {key}", f"bearer   {key}", basic(key), basic(key, ""), basic(key, "ünï")):
        assert client(serve(), Authorization=shown).get(path).status_code == 200


def test_a_key_of_the_settings_is_as_good(serve: Serve, state: State) -> None:
    app = serve(keys=own())
    assert client(app, OWN).get(SUMMARY).status_code == 200
    assert client(app, Authorization=basic(OWN)).get(SUMMARY).status_code == 200
    assert client(app, OWN + "x").get(SUMMARY).status_code == 401
    assert client(app, state.keys.create("ci", "read")[1]).get(SUMMARY).status_code == 200


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Bearer",
        "Bearer ",
        "Digest x",
        "Basic",
        "Basic !!!",
        "Basic bWU=",
        "Basic /w==",
        "Bearer outlay__",
        "x" * 99,
    ],
)
def test_what_is_no_key_is_refused(serve: Serve, shown: str) -> None:
    found = client(serve(keys=own()), Authorization=shown).get(SUMMARY)
    assert found.status_code == 401
    assert 'error="invalid_token"' in found.headers["www-authenticate"]


def test_two_keys_at_once_are_refused(serve: Serve) -> None:
    headers = [("Authorization", f"Bearer {OWN}"), ("Authorization", "Bearer x")]
    assert client(serve(keys=own())).get(SUMMARY, headers=headers).status_code == 401


def test_a_key_in_the_address_is_none(serve: Serve) -> None:
    asked = client(serve(keys=own()))
    assert asked.get(SUMMARY, params={"key": OWN, "access_token": OWN, "api_key": OWN}).status_code == 401


def test_keys_that_are_over_are_told_so_to_whoever_has_them(serve: Serve, state: State) -> None:
    gone, key = state.keys.create("ci", "admin")
    app = serve()
    assert client(app, key).get(SUMMARY).status_code == 200
    state.keys.revoke(gone.id)
    found = client(app, key).get(SUMMARY)
    assert (found.status_code, found.json()["detail"]) == (401, "this key was revoked")
    _, old = state.keys.create("ci", "admin", expires_at=datetime.now(UTC) - timedelta(days=2))
    assert "this key expired on 20" in client(app, old).get(SUMMARY).json()["detail"]
    assert client(app, key[:-1]).get(SUMMARY).json()["detail"] == "this key or token is not valid"


@pytest.mark.parametrize("scope", ["read", "collect", "admin"])
def test_scopes(serve: Serve, scope: str) -> None:
    asked = client(serve(keys=own(scope=scope)), OWN)
    assert asked.get(SUMMARY).status_code == 200
    assert asked.head("/metrics").status_code == 503
    found = asked.post("/api/v1/prod/collect")
    if scope == "read":
        assert (found.status_code, found.json()["code"]) == (403, "scope")
        assert found.json()["detail"] == "this needs the scope collect, and own has read"
        assert 'error="insufficient_scope", scope="collect"' in found.headers["www-authenticate"]
    else:
        assert found.status_code == 202
    assert asked.get("/api/v1/keys").status_code == (200 if scope == "admin" else 403)
    assert asked.head("/api/v1/keys").status_code == (200 if scope == "admin" else 403)
    assert asked.post("/api/v1/keys", json={"name": "more"}).status_code == (201 if scope == "admin" else 403)
    assert asked.delete("/api/v1/keys/1").status_code == (404 if scope == "admin" else 403)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "post"])
def test_no_method_gets_around_the_scope(serve: Serve, method: str) -> None:
    assert client(serve(keys=own()), OWN).request(method, "/api/v1/prod/collect").status_code == 403


def test_jobs_say_who_wanted_them(serve: Serve) -> None:
    asked = client(serve(keys=own(scope="collect")), OWN)
    job = asked.post("/api/v1/prod/collect").json()["job_id"]
    assert asked.get(f"/api/v1/jobs/{job}").json()["requested_by"] == "own"


# -- here and elsewhere --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1:8000", "127.8.9.1", "[::1]:8000", "LOCALHOST"]
)
def test_on_this_machine_no_key_is_needed(serve: Serve, host: str) -> None:
    asked = client(serve(), afar=False, host=host)
    assert asked.get(SUMMARY).status_code == 200
    assert asked.post("/api/v1/prod/collect").status_code == 202


IMPOSTORS = {
    "another name for it": {"host": "evil.example"},
    "a name that begins like it": {"host": "localhost.evil.example"},
    "a name of digits": {"host": "127.0.0.1.evil.example:8000"},
    "a user in the name": {"host": "localhost@evil.example"},
    "no name": {"host": ""},
    "a broken name": {"host": "[::1"},
    "this machine's other address": {"host": "192.0.2.1:8000"},
    "all addresses": {"host": "0.0.0.0:8000"},
    "through a proxy": {"X-Forwarded-For": "198.51.100.9"},
    "through a proxy that says localhost": {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
    "through one that says so by the standard": {"Forwarded": "for=127.0.0.1"},
    "through one that says little": {"Via": "1.1 proxy"},
}


@pytest.mark.parametrize("headers", IMPOSTORS.values(), ids=IMPOSTORS)
def test_what_only_looks_like_this_machine_needs_a_key(serve: Serve, headers: dict[str, str]) -> None:
    assert client(serve(), afar=False).get(SUMMARY, headers=headers).status_code == 401
    asked = client(serve(keys=own()), OWN, afar=False)
    assert asked.get(SUMMARY, headers=headers).status_code == 200


def test_from_elsewhere_no_name_helps(serve: Serve) -> None:
    assert client(serve(), host="localhost:8000").get(SUMMARY).status_code == 401


def test_loopback_can_be_closed(serve: Serve) -> None:
    assert client(serve(open_loopback=False), afar=False).get(SUMMARY).status_code == 401


def test_a_wrong_key_is_wrong_on_loopback_too(serve: Serve) -> None:
    assert client(serve(), "wrong", afar=False).get(SUMMARY).status_code == 401
    assert client(serve(keys=own()), OWN, afar=False).post("/api/v1/prod/collect").status_code == 403


def test_insecure_lets_anybody_read_and_no_more(serve: Serve) -> None:
    app = serve(insecure=True, keys=own(scope="collect"))
    assert client(app).get(SUMMARY).status_code == 200
    assert client(app).post("/api/v1/prod/collect").status_code == 401
    assert client(app, OWN).post("/api/v1/prod/collect").status_code == 202
    assert client(app, "wrong").get(SUMMARY).status_code == 401


FOREIGN = {
    "another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "another port of this machine": {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"},
    "a browser that says only from where": {"Origin": "https://evil.example"},
    "from nowhere": {"Origin": "null"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_pages_of_other_sites_change_nothing(serve: Serve, headers: dict[str, str]) -> None:
    app = serve(keys=own(scope="collect"))
    here, remembered = client(app, afar=False), client(app, Authorization=basic(OWN))
    for asked in (here, remembered):
        found = asked.post("/api/v1/prod/collect", headers=headers)
        assert (found.status_code, found.json()["code"]) == (403, "cross-site")
    assert client(app, OWN).post("/api/v1/prod/collect", headers=headers).status_code == 202


def test_pages_of_ours_and_of_listed_origins_do(serve: Serve) -> None:
    app = serve(cors_origins=("https://costs.example.com",))
    asked = client(app, afar=False)
    for headers in (
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8000"},
        {"Origin": "http://localhost:8000"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://costs.example.com"},
    ):
        assert asked.post("/api/v1/prod/collect", headers=headers).status_code == 202


def test_a_page_that_may_ask_needs_no_key_to_ask_whether_it_may(serve: Serve) -> None:
    app = serve(cors_origins=("https://costs.example.com",))
    ask = {"Origin": "https://costs.example.com", "Access-Control-Request-Method": "GET"}
    found = client(app).options(SUMMARY, headers=ask | {"Access-Control-Request-Headers": "authorization"})
    assert found.status_code == 200
    assert client(app).get(SUMMARY, headers=ask).headers["access-control-allow-origin"] == ask["Origin"]


# -- tokens and faults ---------------------------------------------------------------------------------


@pytest.fixture
def tokens() -> Iterator[Any]:
    with issuing() as issuer:
        yield issuer


def test_tokens_are_taken_for_keys(serve: Serve, tokens: Any, caplog: pytest.LogCaptureFixture) -> None:
    app = serve(oidc={"issuer": tokens.url, "audience": [AUDIENCE], "limits": {"source": "sources"}})
    reader = client(app, tokens.token(sources=["azure"]))
    assert reader.get(SUMMARY).json()["totals"] == {"EUR": "3.5"}
    assert reader.post("/api/v1/azure/collect").status_code == 403
    collector = client(app, tokens.token(sources="*", scope="outlay:collect"))
    assert collector.post("/api/v1/azure/collect").status_code == 202
    assert client(app, tokens.token(aud="others")).get(SUMMARY).status_code == 401
    none = client(app, tokens.token(sources="*", scope="openid")).get(SUMMARY)
    assert (none.status_code, none.json()["code"]) == (403, "scope")
    tokens.down = True
    assert client(app, tokens.token(header={"kid": "two"})).get(SUMMARY).status_code == 401


def test_an_issuer_that_was_never_reached_is_told_and_keys_count(serve: Serve, tokens: Any) -> None:
    tokens.down = True
    app = serve(oidc={"issuer": tokens.url, "audience": [AUDIENCE]}, keys=own())
    found = client(app, tokens.token()).get(SUMMARY)
    assert (found.status_code, found.json()["code"], found.headers["retry-after"]) == (503, "issuer", "5")
    assert tokens.url not in found.text
    assert client(app, OWN).get(SUMMARY).status_code == 200


def test_a_state_out_of_reach_lets_nobody_in_and_tells_nothing(lake: Lake, state: State) -> None:
    def broken() -> Any:
        raise StoreError("cannot use the state at sqlite:////secret/place: disk full")

    from outlay.core.settings import Api

    guard = Guard(Api(), broken)
    app = create_app(lake, state, sources=[], collect=nothing, schedule=NEVER, guard=guard)
    found = client(app, "outlay_x").get(SUMMARY)
    assert found.status_code == 503
    assert "secret" not in found.text
    assert client(app, afar=False).get(SUMMARY).status_code == 200


def test_a_use_that_cannot_be_noted_stops_nobody(
    serve: Serve, state: State, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, key = state.keys.create("ci", "read")

    def broken(_work: object) -> None:
        raise StoreError("disk full")

    monkeypatch.setattr(state._database, "write", broken)
    assert client(serve(), key).get(SUMMARY).status_code == 200
    assert "disk full" in caplog.text


def test_refusals_are_in_the_log_with_their_id_and_without_the_key(
    serve: Serve, state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    from outlay.serve import logs

    before = logging.getLogger().handlers[:]
    logs.setup("INFO", "json")
    try:
        gone, key = state.keys.create("ci", "read")
        state.keys.revoke(gone.id)
        secret = "outlay_000000000000_" + "s3cret" * 7 + "x"
        for shown in (key, secret, "Bearer\n"):
            client(serve(), shown.strip(), X_Request_Id="my-id").get(SUMMARY)
    finally:
        logging.basicConfig(handlers=before, force=True)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    refused = [line for line in lines if line["event"].startswith("refused: ")]
    assert [line["event"] for line in refused[:2]] == [
        f"refused: the key {gone.id}, which was revoked",
        "refused: an unknown key",
    ]
    assert {(line["client"], line["request_id"]) for line in refused} == {(AFAR[0], "my-id")}
    assert "s3cret" not in str(lines)
    assert key.split("_", 2)[2] not in str(lines)


def test_whoever_goes_on_failing_waits_and_a_right_key_never(serve: Serve, state: State, waits: list[float]) -> None:
    app = serve()
    right = client(app, state.keys.create("ci", "read")[1])
    assert [client(app).get(SUMMARY).status_code for _ in range(9)] == [401] * 9  # who shows no key tries none
    assert waits == []
    assert [client(app, "wrong").get(SUMMARY).status_code for _ in range(9)] == [401] * 9
    assert waits == [0.25, 0.5, 1, 2, 4, 5]
    assert right.get(SUMMARY).status_code == 200
    assert client(app, "wrong", afar=False).get(SUMMARY).status_code == 401
    assert len(waits) == 6


def test_there_are_no_web_sockets(serve: Serve) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), client(serve(), afar=False).websocket_connect("/"):
        pass


def test_without_a_guard_everybody_may_do_everything(lake: Lake, state: State, tmp_path: Path) -> None:
    app = create_app(lake, state, sources=["prod"], collect=nothing, schedule=NEVER)
    assert client(app).get(SUMMARY).status_code == 200
    assert client(app).post("/api/v1/prod/collect").status_code == 202
