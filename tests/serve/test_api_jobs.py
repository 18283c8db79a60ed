"""Collecting when somebody asks: jobs over HTTP, from their start to what became of them, and of sources."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from time import monotonic, sleep
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from outlay.core.access import ApiKey
from outlay.core.errors import StoreError
from outlay.core.settings import Api
from outlay.serve.access import Guard
from outlay.serve.app import create_app
from outlay.state import Run, State, Wish
from outlay.warehouses.lake import Lake
from tests.serve.conftest import NEVER
from tests.serve.local import app_of, client_of

KINDS = {"prod": "aws", "research": "aws", "azure": "azure"}


class Work:
    """Collections that end when they are let, and remember what was wished."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.release = threading.Event()
        self.wishes: list[tuple[str, Wish]] = []
        self.error: Exception | None = None

    def wished(self, wish: Wish) -> Callable[[str, threading.Event], list[Run]]:
        """What collects as somebody wished."""

        def collect(source: str, stop: threading.Event) -> list[Run]:
            self.wishes.append((source, wish))
            done = Run(source, f"{source} 2026-10", datetime.now(UTC), 0.5, 4, {"USD": Decimal("1.50")}, paid_calls=1)
            self.state.record_run(done)
            deadline = monotonic() + 10
            while not (self.release.wait(0.01) or stop.is_set()):
                assert monotonic() < deadline
            if self.error:
                raise self.error
            return [done]

        return collect


@pytest.fixture
def work(state: State) -> Work:
    """What the server collects with."""
    return Work(state)


@pytest.fixture
def asked(lake: Lake, state: State, work: Work) -> TestClient:
    """A client of a server with three sources."""
    told = {"sources": [*KINDS], "kinds": KINDS, "collect": work.wished(Wish()), "wished": work.wished}
    return client_of(app_of(lake, state, **told))


def post(client: TestClient, what: str, body: Any = None) -> Any:
    """The JSON of what was started."""
    response = client.post(f"/api/v1/{what}", json=body) if body is not None else client.post(f"/api/v1/{what}")
    assert response.status_code == 202, response.text
    told = response.json()
    assert response.headers["location"] == f"/api/v1/jobs/{told['job_id']}"
    assert (told["status"], told["job_id"]) == ("started", told["jobs"][0]["job_id"])
    return told


def get(client: TestClient, what: str) -> Any:
    """The JSON of an answer."""
    response = client.get(f"/api/v1/{what}")
    assert response.status_code == 200, response.text
    return response.json()


def ended(client: TestClient, job: str) -> Any:
    """A job once it is over."""
    deadline = monotonic() + 10
    while (found := get(client, f"jobs/{job}"))["status"] in ("queued", "running"):
        assert monotonic() < deadline
        sleep(0.01)
    return found


def test_a_job_from_its_start_to_its_end(asked: TestClient, work: Work) -> None:
    started = post(asked, "azure/collect", {"days": 7})
    job = started["job_id"]
    assert started["jobs"] == [{"source": "azure", "job_id": job, "new": True}]
    second = post(asked, "azure/collect")
    assert second["jobs"] == [{"source": "azure", "job_id": job, "new": False}]
    assert get(asked, "sources")["rows"][0]["job_id"] == job
    work.release.set()
    found = ended(asked, job)
    times = [found.pop(name) for name in ("requested_at", "started_at", "ended_at")]
    assert times == sorted(times)
    run = found.pop("runs")[0]
    assert run.pop("started_at") >= times[0]
    assert found == {
        "id": job, "source": "azure", "status": "succeeded", "requested_by": found["requested_by"], "days": 7,
        "force_refresh": False, "rows": 4, "code": None, "error": None,
    }  # fmt: skip
    assert run == {
        "span": "azure 2026-10", "seconds": 0.5, "rows": 4, "totals": {"USD": "1.5"}, "unchanged": False,
        "paid_calls": 1, "code": None, "error": None, "note": None,
    }  # fmt: skip
    assert work.wishes == [("azure", Wish(7))]
    assert get(asked, "sources")["rows"][0]["job_id"] is None


def test_a_word_for_several_sources_starts_a_job_for_each(asked: TestClient, work: Work) -> None:
    work.release.set()
    started = post(asked, "aws/collect", {"force_refresh": True})
    assert [each["source"] for each in started["jobs"]] == ["prod", "research"]
    for each in started["jobs"]:
        ended(asked, each["job_id"])
    assert sorted(work.wishes) == [("prod", Wish(None, fresh=True)), ("research", Wish(None, fresh=True))]
    listed = get(asked, "jobs")["rows"]
    assert {each["id"] for each in listed} == {each["job_id"] for each in started["jobs"]}
    assert "runs" not in listed[0]


def test_refreshing_is_bounded(asked: TestClient, work: Work) -> None:
    first = post(asked, "prod/refresh")
    assert post(asked, "prod/refresh")["jobs"] == [{**first["jobs"][0], "new": False}]
    work.release.set()
    ended(asked, first["job_id"])
    response = asked.post("/api/v1/prod/refresh")
    assert (response.status_code, response.json()["code"]) == (429, "too-soon")
    assert 0 < int(response.headers["retry-after"]) <= 60
    assert response.json()["detail"].startswith("prod was refreshed a moment ago; ask again in ")
    both = post(asked, "aws/refresh", {"days": 3})  # of two sources one may
    assert [each["source"] for each in both["jobs"]] == ["research"]
    assert ended(asked, post(asked, "prod/collect")["job_id"])["status"] == "succeeded"
    assert work.wishes == [("prod", Wish(fresh=True)), ("research", Wish(3, fresh=True)), ("prod", Wish())]


def test_a_job_that_fails_says_why_without_secrets(asked: TestClient, work: Work) -> None:
    work.release.set()
    work.error = StoreError("cannot write the lake at /full: disk full")
    found = ended(asked, post(asked, "azure/collect")["job_id"])
    assert (found["status"], found["code"], found["error"]) == ("failed", "store", str(work.error))
    work.error = ValueError("password=hunter2")
    found = ended(asked, post(asked, "prod/collect")["job_id"])
    assert (found["code"], found["error"]) == ("unexpected", "unexpected ValueError; the log has the whole story")


def test_the_list_of_jobs_goes_on_page_by_page(asked: TestClient, work: Work) -> None:
    work.release.set()
    made = [post(asked, f"{name}/collect")["job_id"] for name in KINDS]
    for job in made:
        ended(asked, job)
    first = get(asked, "jobs?limit=2")
    second = get(asked, f"jobs?limit=2&cursor={first['next_cursor']}")
    assert [each["id"] for each in [*first["rows"], *second["rows"]]] == made[::-1]
    assert second["next_cursor"] is None
    assert [each["source"] for each in get(asked, "jobs?source=prod,azure")["rows"]] == ["azure", "prod"]
    assert get(asked, "jobs?status=failed")["rows"] == []
    for bad in ("x", "%00", "e" * 44, "f" * 32):
        response = asked.get(f"/api/v1/jobs?cursor={bad}")
        assert (response.status_code, response.json()["code"]) == (400, "usage"), bad


def test_jobs_of_a_server_that_ended_have_failed(lake: Lake, state: State, work: Work) -> None:
    told = {"sources": ["prod"], "collect": work.wished(Wish()), "schedule": NEVER}
    with TestClient(create_app(lake, state, **told)) as client:  # type: ignore[arg-type]
        deadline = monotonic() + 10
        while not work.wishes:
            assert monotonic() < deadline
            sleep(0.01)
        assert client.get("/healthz").status_code == 200
    after = client_of(app_of(lake, state))
    found = ended(after, get(after, "jobs")["rows"][0]["id"])
    assert (found["status"], found["code"], found["requested_by"]) == ("failed", "restart", "schedule")
    assert found["error"] == "the server ended before it was done; what it had stored by then is kept"
    assert [run["rows"] for run in found["runs"]] == [4]


def test_sources_tell_how_fresh_they_are(asked: TestClient) -> None:
    started = "2026-10-06T00:30:00+00:00"
    assert get(asked, "sources")["rows"] == [
        {
            "name": "azure", "kind": "azure", "status": "stale", "last_success": None, "last_attempt": started,
            "provisional_from": None, "job_id": None, "code": "not-found", "error": "no such export",
        },
        {
            "name": "prod", "kind": "aws", "status": "fresh", "last_success": started, "last_attempt": started,
            "provisional_from": "2026-10-04", "job_id": None, "code": None, "error": None,
        },
        {
            "name": "research", "kind": "aws", "status": "new", "last_success": None, "last_attempt": None,
            "provisional_from": None, "job_id": None, "code": None, "error": None,
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ('{"days": 0}', "body.days: input should be greater than or equal to 1"),
        ('{"day": 1}', "body.day: extra inputs are not permitted"),
        ('{"days": ', "body: not JSON, from character "),
        ("[]", "body: input should be"),
    ],
)
def test_bad_bodies_are_refused(asked: TestClient, work: Work, body: str, detail: str) -> None:
    response = asked.post("/api/v1/prod/collect", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (400, "usage")
    assert response.json()["detail"].startswith(detail)
    assert work.wishes == []


def test_problems_of_collecting(asked: TestClient, work: Work) -> None:
    large = asked.post("/api/v1/prod/collect", content=b" " * 70_000, headers={"Content-Type": "application/json"})
    assert (large.status_code, large.json()["code"]) == (413, "too-large")
    assert large.headers["content-type"] == "application/problem+json"
    unknown = asked.post("/api/v1/gcp/collect")
    assert (unknown.status_code, unknown.json()["detail"]) == (
        404, "no source or provider in the settings named 'gcp'; there are: aws, azure, prod, research"
    )  # fmt: skip
    job = asked.get("/api/v1/jobs/nope")
    assert (job.status_code, job.json()["code"]) == (404, "not-found")
    wrong = asked.get("/api/v1/prod/collect")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert work.wishes == []


def test_only_pages_of_the_origins_in_the_settings_may_ask(lake: Lake, state: State) -> None:
    asks = {"Origin": "https://costs.example.com", "Access-Control-Request-Method": "GET"}
    for origins, allowed in ((), None), (("https://costs.example.com",), "https://costs.example.com"), (("*",), "*"):
        client = client_of(app_of(lake, state, http=Api(cors_origins=origins)))
        for response in (
            client.options("/api/v1/costs/summary", headers=asks),
            client.get("/api/v1/costs/summary", headers={"Origin": asks["Origin"]}),
        ):
            assert response.headers.get("access-control-allow-origin") == allowed
            assert "access-control-allow-credentials" not in response.headers
    with pytest.raises(ValueError, match="no origin: 'https://x/path'; write it as "):
        Api(cors_origins=("https://x/path",))


def test_a_key_limited_to_a_source_knows_of_no_other(lake: Lake, state: State, work: Work) -> None:
    work.release.set()
    text = SecretStr("a-key-of-more-than-20-characters")
    key = ApiKey(name="azure-team", key=text, scope="collect", limits={"source": ("azure",)})
    settings = Api(keys=(key,))
    told = {"sources": [*KINDS], "kinds": KINDS, "collect": work.wished(Wish()), "wished": work.wished}
    app = app_of(lake, state, guard=Guard(settings, lambda: state.keys), **told)
    whole, limited = client_of(app), client_of(app)
    limited.headers["Authorization"] = f"Bearer {text.get_secret_value()}"
    theirs = post(whole, "prod/collect")["job_id"]
    mine = post(limited, "azure/collect")["job_id"]
    assert ended(limited, mine)["requested_by"] == "azure-team"
    assert [each["id"] for each in get(limited, "jobs")["rows"]] == [mine]
    assert {each["id"] for each in get(whole, "jobs")["rows"]} == {mine, theirs}
    assert [each["name"] for each in get(limited, "sources")["rows"]] == ["azure"]
    refused = [limited.get(f"/api/v1/jobs/{theirs}"), limited.post("/api/v1/prod/collect"),
               limited.get("/api/v1/prod/costs"), limited.get("/api/v1/aws/costs")]  # fmt: skip
    assert [response.status_code for response in refused] == [404] * 4
    assert all("prod" not in response.json()["detail"].partition("there are")[2] for response in refused)
    tags = [client.get("/api/v1/costs/summary").headers["etag"] for client in (whole, limited)]
    assert tags[0] != tags[1]
