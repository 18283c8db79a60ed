"""API keys over HTTP: made and shown once, listed without what they are, revoked; never more than who makes them."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from outlay.core.settings import Api
from outlay.serve.access import Guard
from outlay.serve.app import create_app
from outlay.state import State
from outlay.state.keys import KEYS as KEYS_TABLE
from outlay.warehouses.lake import Lake
from tests.serve.access.conftest import OWN, Serve, basic, client, own
from tests.serve.conftest import NEVER, nothing

KEYS = "/api/v1/keys"
SUMMARY = "/api/v1/costs/summary"
SOON = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)


@pytest.fixture
def admin(serve: Serve) -> TestClient:
    """Somebody who may do everything."""
    return client(serve(keys=own(scope="admin")), OWN)


def limited(serve: Serve, **limits: list[str]) -> TestClient:
    """An admin who may see some money only."""
    named = {name.replace("tag_", "tag:"): tuple(values) for name, values in limits.items()}
    return client(serve(keys=own(scope="admin", limits=named)), OWN)


def made(asked: TestClient, **wish: Any) -> Any:
    """The JSON of a new key."""
    found = asked.post(KEYS, json={"name": "ci"} | wish)
    assert found.status_code == 201, found.text
    assert found.headers["cache-control"] == "no-store"
    return found.json()


def refused(asked: TestClient, wish: Any, status: int = 400) -> str:
    """The sentence that a wish is answered with."""
    found = asked.post(KEYS, content=json.dumps(wish), headers={"Content-Type": "application/json"})
    assert (found.status_code, found.headers["content-type"]) == (status, "application/problem+json"), found.text
    return str(found.json()["detail"])


def test_a_key_is_shown_once_and_lets_in(admin: TestClient, serve: Serve, state: State) -> None:
    wish = {"scope": "collect", "limits": {"source": ["prod"], "tag:team": ["core", "web"]}, "expires": "90d"}
    told = made(admin, **wish)
    secret = told["key"].rpartition(f"{told['id']}_")[2]
    assert len(secret) == 43
    assert (told["name"], told["scope"], told["limits"], told["status"]) == ("ci", "collect", wish["limits"], "active")
    assert told["revoked_at"] is told["used_at"] is None
    found = state.keys.find(told["key"])
    assert found is not None
    assert found.expires_at is not None
    assert timedelta(days=89) < found.expires_at - datetime.now(UTC) <= timedelta(days=90)
    asked = client(serve(), told["key"])
    assert asked.get(SUMMARY).json()["totals"] == {"USD": "12.500000000000000001"}
    assert asked.get(KEYS).status_code == 403
    (listed,) = admin.get(KEYS).json()["rows"]
    assert listed == {name: value for name, value in told.items() if name != "key"} | {"used_at": listed["used_at"]}
    assert listed["used_at"] is not None


def test_they_are_those_of_the_guard_wherever_the_charges_are(lake: Lake, state: State, tmp_path: Path) -> None:
    with closing(State(f"sqlite:///{tmp_path}/demo.db")) as other:
        guard = Guard(Api(), lambda: state.keys)
        app = create_app(lake, other, sources=[], collect=nothing, schedule=NEVER, guard=guard)
        _, admin = state.keys.create("boss", "admin")
        key = made(client(app, admin))["key"]
        assert client(app, key).get(SUMMARY).status_code == 200
        assert other.keys.every() == []


def test_as_much_or_little_as_on_the_command_line(admin: TestClient) -> None:
    told = made(admin, name="  ünï  ")
    assert (told["name"], told["scope"], told["limits"], told["expires_at"]) == ("ünï", "read", {}, None)
    moment = SOON.astimezone(UTC).isoformat()
    for written in (moment, moment.replace("+00:00", "Z")):
        assert made(admin, expires_at=written)["expires_at"] == moment
    until = made(admin, expires=f"{SOON:%Y-%m-%d}")["expires_at"]
    assert until == f"{SOON + timedelta(days=1):%Y-%m-%d}T00:00:00+00:00"


LATER = "2999-01-01T00:00:00"
WRONG: list[tuple[Any, str]] = [
    ({}, "body.name: field required"),
    ({"name": " "}, "name is empty"),
    ({"name": "a\nb"}, "name should have at most 100 characters, all of them printable"),
    ({"name": "x" * 101}, "body.name: string should have at most 100 characters"),
    ({"name": "ci", "scope": "all"}, "body.scope: input should be 'read', 'collect' or 'admin'"),
    ({"name": "ci", "limit": []}, "body.limit: extra inputs are not permitted"),
    ({"name": "ci", "limits": {"service": ["x"]}}, "no limit named 'service'; there are: source, account, tag:<key>"),
    ({"name": "ci", "limits": {"tag:": ["x"]}}, "no limit named 'tag:'"),
    ({"name": "ci", "limits": {"source": []}}, "body.limits.source: list should have at least 1 item"),
    ({"name": "ci", "limits": {"source": [""]}}, "body.limits.source.0: string should have at least 1 character"),
    ({"name": "ci", "limits": {"source": "aws"}}, "body.limits.source: input should be a valid list"),
    ({"name": "ci", "limits": {"source": ["\0"]}}, "limits should be text without NUL"),
    ({"name": "ci", "limits": {"source": ["\ud800"]}}, ""),
    ({"name": "ci", "limits": {"tag:\ud800": ["x"]}}, ""),
    ({"name": "\ud800"}, ""),
    ({"name": "ci", "expires": "soon"}, "expires 'soon' is neither 90d, 12h, 8w, 1y nor a day such as 2027-01-31"),
    ({"name": "ci", "expires": "0d"}, "expires 0d has passed"),
    ({"name": "ci", "expires": "2020-01-31"}, "expires 2020-01-31 has passed"),
    ({"name": "ci", "expires_at": "2020-01-31T00:00:00Z"}, "expires_at 2020-01-31T00:00:00Z has passed"),
    ({"name": "ci", "expires_at": LATER}, f"expires_at '{LATER}' is no moment with its offset"),
    ({"name": "ci", "expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at '9999-12-31T23:59:59-14:00' is no moment"),
    ({"name": "ci", "expires": "1d", "expires_at": f"{LATER}Z"}, "expires, expires_at: give one of them"),
    ([], "body: input should be a valid dictionary or object"),
]


@pytest.mark.parametrize(("wish", "detail"), WRONG)
def test_what_cannot_be_is_told_and_makes_nothing(admin: TestClient, wish: Any, detail: str) -> None:
    assert refused(admin, wish).startswith(detail)
    assert admin.get(KEYS).json() == {"rows": []}


def test_revoking(admin: TestClient, serve: Serve) -> None:
    told = made(admin)
    asked = client(serve(), told["key"])
    assert asked.get(SUMMARY).status_code == 200
    first = admin.delete(f"{KEYS}/{told['id']}")
    assert (first.status_code, first.json()["status"]) == (200, "revoked")
    assert first.json()["revoked_at"] is not None
    assert admin.delete(f"{KEYS}/{told['id']}").json() == first.json()
    assert asked.get(SUMMARY).status_code == 401
    assert [each["status"] for each in admin.get(KEYS).json()["rows"]] == ["revoked"]


@pytest.mark.parametrize("word", ["nope", "5f0c3a2e9d1b", "é", "%00", "a%2Fb", "x" * 500])
def test_revoking_what_is_not_there(admin: TestClient, word: str) -> None:
    found = admin.delete(f"{KEYS}/{word}")
    assert (found.status_code, found.json()["code"]) == (404, "not-found")
    assert len(found.json()["detail"]) < 200
    if word.isalnum() and len(word) < 20:
        assert found.json()["detail"] == f"no key {word!r}; GET /api/v1/keys lists them"


def test_a_whole_key_in_a_path_is_not_repeated(admin: TestClient) -> None:
    told = made(admin)
    found = admin.delete(f"{KEYS}/{told['key']}")
    assert found.json()["detail"] == f"no key 'outlay_{told['id']}_...'; GET /api/v1/keys lists them"
    for path in (f"{KEYS}/{told['key']}", f"/{told['key']}/x", f"/api/v1/{told['key']}/costs"):  # 405 and 404
        found = admin.get(path)
        assert f"outlay_{told['id']}_..." in found.json()["detail"]
        assert told["key"] not in found.text


def test_nothing_but_the_first_answer_tells_what_a_key_is(
    admin: TestClient, state: State, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = made(admin)
    secret = told["key"].rpartition(f"{told['id']}_")[2]
    hashed = state._database.read(KEYS_TABLE.select())[0].hash
    answers = [admin.get(KEYS).text, admin.delete(f"{KEYS}/{told['id']}").text, admin.post(KEYS, json={"name": 1}).text]
    for text in (*answers, caplog.text, json.dumps(told)):
        assert hashed not in text
    for text in (*answers, caplog.text):
        assert secret not in text
    lines = [
        (each.message, vars(each)["key_id"], vars(each)["by"]) for each in caplog.records if "key_id" in vars(each)
    ]
    assert lines == [("made a key", told["id"], "own"), ("revoked a key", told["id"], "own")]


# -- nobody makes a key that may more than his own -----------------------------------------------------


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"source": ["azure"]},
        {"source": ["prod", "azure"], "tag:team": ["core"]},
        {"source": ["prod"]},
        {"source": ["prod"], "account": ["1111"]},
        {"tag:team": ["core"]},
        {"source": ["prod"], "tag:team": ["core", "other"]},
    ],
)
def test_who_is_limited_makes_no_key_that_sees_more(serve: Serve, state: State, limits: dict[str, list[str]]) -> None:
    asked = limited(serve, source=["prod"], tag_team=["core", "web"])
    told = refused(asked, {"name": "more", "limits": limits}, 403)
    assert told == "limits: who is limited makes keys with at least the same limits"
    assert state.keys.every() == []


@pytest.mark.parametrize("more", [{}, {"account": ["1111"]}, {"tag:x": ["y"]}])
def test_who_is_limited_makes_keys_within_that(serve: Serve, more: dict[str, list[str]]) -> None:
    asked = limited(serve, source=["prod"], tag_team=["core", "web"])
    made(asked, limits={"source": ["prod"], "tag:team": ["web"], **more})
    made(asked, scope="admin", limits={"source": ["prod"], "tag:team": ["web", "core"], **more})


def test_an_account_by_its_other_name_is_the_same_limit(serve: Serve) -> None:
    made(limited(serve, account=["1111", "2222"]), limits={"sub_account": ["1111"]})


def test_who_sees_nothing_makes_no_key(serve: Serve, state: State) -> None:
    _, key = state.keys.create("none", "admin", {"source": []})
    for limits in ({}, {"source": ["prod"]}):
        refused(client(serve(), key), {"name": "more", "limits": limits}, 403)


def test_who_is_limited_sees_and_revokes_keys_within_that_alone(serve: Serve, state: State) -> None:
    mine, _ = state.keys.create("mine", "read", {"source": ["prod"], "account": ["1111"]})
    others = [state.keys.create("other", "read", limits)[0] for limits in ({}, {"source": ["azure"]})]
    asked = limited(serve, source=["prod"])
    assert [each["id"] for each in asked.get(KEYS).json()["rows"]] == [mine.id]
    for each in others:
        assert asked.delete(f"{KEYS}/{each.id}").status_code == 404
    assert asked.delete(f"{KEYS}/{mine.id}").status_code == 200
    assert {each.status for each in state.keys.every() if each.id != mine.id} == {"active"}


@contextmanager
def doors(serve: Serve) -> Iterator[list[TestClient]]:
    """Everybody who is not to get at keys."""
    readers = [client(serve(keys=own(scope=scope)), OWN) for scope in ("read", "collect")]
    yield [*readers, client(serve()), client(serve(insecure=True)), client(serve(), afar=False)]


def test_all_of_it_takes_an_admin(serve: Serve, state: State) -> None:
    key, _ = state.keys.create("ci", "read")
    with doors(serve) as every:
        for asked in every:
            for path in (KEYS, f"{KEYS}/", f"{KEYS}/{key.id}", f"{KEYS}/x/y"):
                for method in ("GET", "HEAD", "POST", "DELETE", "PUT", "PATCH"):
                    assert asked.request(method, path, json={"name": "x"}).status_code in (401, 403)
    assert [each.status for each in state.keys.every()] == ["active"]


def test_a_page_of_another_site_makes_none(serve: Serve, state: State) -> None:
    here = client(serve(keys=own(scope="admin")), afar=False, Authorization=basic(OWN))
    found = here.post(KEYS, json={"name": "x"}, headers={"Origin": "https://evil.example"})
    assert (found.status_code, found.json()["code"]) == (403, "cross-site")
    assert state.keys.every() == []
    assert re.fullmatch(r"outlay_[0-9a-f]{12}_[\w-]{43}", made(here)["key"])
