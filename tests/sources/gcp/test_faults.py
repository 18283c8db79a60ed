"""What goes wrong on the wire, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import pytest

from outlay.core.errors import (
    AuthError,
    BillError,
    NotFoundError,
    SourceError,
    ThrottledError,
    UnreachableError,
)
from outlay.core.ledger import Tally
from outlay.core.span import Period, Span
from outlay.sources.gcp import Gcp, asking, running
from tests.clouds.faults import Fault, FaultProxy
from tests.sources.gcp.fake import FakeBigQuery

OCTOBER = Span("gcp", Period(date(2026, 10, 1), date(2026, 11, 1)))
DAY = date(2026, 10, 3)
DATASET, LIST, TABLE, JOB, ROWS = r"datasets/billing\?", r"tables\?", r"tables/gcp", "POST .*/jobs", "/queries/"
EVERYWHERE = pytest.mark.parametrize("where", [DATASET, LIST, TABLE, JOB, ROWS])


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, without making them."""
    made: list[float] = []
    monkeypatch.setattr("outlay.sources.gcp.asking.time.sleep", made.append)
    return made


@pytest.fixture
def proxy(fake: FakeBigQuery, waits: list[float]) -> Iterator[FaultProxy]:
    fake.answers([(DAY, "1.5")])
    made = FaultProxy(fake.url)
    yield made
    made.close()


def fetch(fake: FakeBigQuery, proxy: FaultProxy, **settings: float) -> int:
    source = Gcp.model_validate({**fake.settings(), "endpoint_url": proxy.url, **settings})
    return sum(batch.num_rows for batch in source.fetch(OCTOBER))


def refusal(status: int, message: str, reason: str) -> bytes:
    error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    return json.dumps({"error": error}).encode()


@EVERYWHERE
def test_refused_credentials(fake: FakeBigQuery, proxy: FaultProxy, where: str) -> None:
    proxy.inject(Fault("status", match=where, status=401))
    with pytest.raises(AuthError, match="Google does not accept the credentials"):
        fetch(fake, proxy)


@pytest.mark.parametrize(
    ("where", "role"), [(DATASET, "dataViewer on the dataset"), (TABLE, "dataViewer"), (JOB, "jobUser on the project")]
)
def test_missing_permissions_name_the_role(fake: FakeBigQuery, proxy: FaultProxy, where: str, role: str) -> None:
    said = refusal(403, "Access Denied: Project asking: User does not have permission", "accessDenied")
    proxy.inject(Fault("status", match=where, status=403, body=said))
    with pytest.raises(AuthError, match=rf"is denied; it takes roles/bigquery\.{role}.*User does not have permission"):
        fetch(fake, proxy)


@pytest.mark.parametrize(
    ("reason", "message", "told"),
    [
        ("accessNotConfigured", "BigQuery API has not been used", "enable the BigQuery API in project asking"),
        ("billingNotEnabled", "Billing has not been enabled", "project asking needs a billing account"),
    ],
)
def test_projects_that_may_not_ask(fake: FakeBigQuery, proxy: FaultProxy, reason: str, message: str, told: str) -> None:
    proxy.inject(Fault("status", match=JOB, status=403, body=refusal(403, message, reason)))
    with pytest.raises(AuthError, match=told):
        fetch(fake, proxy)


def test_what_is_not_there(fake: FakeBigQuery, proxy: FaultProxy) -> None:
    said = refusal(404, "Not found: Dataset given:billing", "notFound")
    proxy.inject(Fault("status", match=DATASET, status=404, body=said))
    with pytest.raises(NotFoundError, match=r"check dataset and project_id.*Billing export.*24 hours"):
        fetch(fake, proxy)
    proxy.clear()
    elsewhere = refusal(404, "Not found: Table given:billing.t was not found in location US", "notFound")
    proxy.inject(Fault("status", match=JOB, status=404, body=elsewhere))
    with pytest.raises(NotFoundError, match=r"leave `location` out.*was not found in location US"):
        fetch(fake, proxy)


@EVERYWHERE
def test_too_many_requests_are_tried_again_and_then_told(
    fake: FakeBigQuery, proxy: FaultProxy, waits: list[float], where: str
) -> None:
    proxy.inject(Fault("status", match=where, status=429, headers={"Retry-After": "7"}, times=2))
    assert fetch(fake, proxy) == 1
    assert [7 <= wait < 8 for wait in waits] == [True, True]
    proxy.inject(Fault("status", match=where, status=429))
    with pytest.raises(ThrottledError, match="too many requests, tried 3 times at most"):
        fetch(fake, proxy)


def test_a_wait_that_is_too_long_is_left_to_the_next_collection(
    fake: FakeBigQuery, proxy: FaultProxy, waits: list[float]
) -> None:
    proxy.inject(Fault("status", status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(ThrottledError, match="it asks to wait 3600 s"):
        fetch(fake, proxy)
    assert waits == []


def test_a_rate_limit_may_come_with_403(fake: FakeBigQuery, proxy: FaultProxy) -> None:
    said = refusal(403, "Exceeded rate limits", "rateLimitExceeded")
    proxy.inject(Fault("status", match=JOB, status=403, body=said))
    with pytest.raises(ThrottledError, match="Exceeded rate limits"):
        fetch(fake, proxy)
    assert sum("/jobs" in line for line in proxy.requests) == 3


@EVERYWHERE
def test_errors_of_google_are_tried_again_and_then_told(fake: FakeBigQuery, proxy: FaultProxy, where: str) -> None:
    proxy.inject(Fault("status", match=where, status=500, times=2))
    assert fetch(fake, proxy) == 1
    proxy.inject(Fault("status", match=where, status=503))
    with pytest.raises(UnreachableError, match="answered 503, tried 3 times at most"):
        fetch(fake, proxy)


@EVERYWHERE
@pytest.mark.parametrize("kind", ["reset", "cut", "truncate"])
def test_answers_that_do_not_arrive_whole(fake: FakeBigQuery, proxy: FaultProxy, where: str, kind: str) -> None:
    proxy.inject(Fault(kind, match=where))  # type: ignore[arg-type]
    with pytest.raises(UnreachableError, match="tried 3 times"):
        fetch(fake, proxy)


@EVERYWHERE
def test_a_hang_ends_with_the_timeout(fake: FakeBigQuery, proxy: FaultProxy, where: str) -> None:
    proxy.inject(Fault("hang", match=where))
    with pytest.raises(UnreachableError, match=r"no whole answer \(ReadTimeout\), tried 2 times"):
        fetch(fake, proxy, timeout=0.1, attempts=2)


@EVERYWHERE
@pytest.mark.parametrize("answer", [b"[]", b"<html>Log in</html>", b'{"rows": 7}'])
def test_answers_of_something_else(fake: FakeBigQuery, proxy: FaultProxy, where: str, answer: bytes) -> None:
    proxy.inject(Fault("replace", match=where, change=lambda _: answer))
    with pytest.raises(SourceError, match=r"is not what BigQuery answers|it is empty|it lacks"):
        fetch(fake, proxy)


def test_a_column_of_the_answer_that_is_gone_is_named(fake: FakeBigQuery, proxy: FaultProxy) -> None:
    proxy.inject(Fault("replace", match=ROWS, change=lambda body: body.replace(b'"cost"', b'"costs"')))
    with pytest.raises(BillError, match="2026-10-03, Compute Engine: no 'cost'"):
        fetch(fake, proxy)


@pytest.mark.parametrize("cost", ["NaN", "Infinity", "much"])
def test_a_cost_that_is_no_amount(fake: FakeBigQuery, proxy: FaultProxy, cost: str) -> None:
    fake.answers([(DAY, cost)])
    with pytest.raises(BillError, match="gcp: BigQuery"):
        fetch(fake, proxy)


def test_pages_that_go_round_are_stopped(fake: FakeBigQuery, proxy: FaultProxy) -> None:
    fake.told.pages, fake.told.tokens = [fake.told.pages[0]] * 2, ["p1", "p1"]
    fake.told.total = 1_000_000
    with pytest.raises(UnreachableError, match="rows: stopped after 1 pages, as they go round in a circle"):
        fetch(fake, proxy)


def test_pages_that_never_end_are_stopped(
    fake: FakeBigQuery, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.told.pages, fake.told.tokens = [[]] * 20, [f"p{page}" for page in range(1, 20)] + [None]
    fake.told.total = 1
    monkeypatch.setattr(asking, "PAGES_MAX", 10)
    with pytest.raises(UnreachableError, match="stopped after 10 pages, as they do not end"):
        fetch(fake, proxy)


def test_a_page_that_comes_twice_or_not_at_all_is_noticed(fake: FakeBigQuery, proxy: FaultProxy) -> None:
    (page,) = fake.told.pages
    fake.told.pages, fake.told.tokens, fake.told.total = [page, page], ["p1", None], 1
    with pytest.raises(UnreachableError, match="1 rows were told and more came"):
        fetch(fake, proxy)
    fake.told.total = 3
    with pytest.raises(UnreachableError, match="3 rows were told and 2 came"):
        fetch(fake, proxy)


def test_a_query_that_takes_its_time_is_waited_for_but_not_for_ever(
    fake: FakeBigQuery, proxy: FaultProxy, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.told.running = 4
    assert fetch(fake, proxy) == 1
    assert len(waits) >= 3
    fake.told.running = 1000
    monkeypatch.setattr(running, "QUERY_SECONDS_MAX", 0.0)
    with pytest.raises(UnreachableError, match="the query is not done after 0 s"):
        fetch(fake, proxy)


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("backendError", UnreachableError),
        ("accessDenied", AuthError),
        ("notFound", NotFoundError),
        ("invalidQuery", SourceError),
    ],
)
def test_a_query_that_fails_when_it_runs(
    fake: FakeBigQuery, proxy: FaultProxy, reason: str, error: type[SourceError]
) -> None:
    fake.told.error = {"reason": reason, "message": "so it is"}
    with pytest.raises(error, match=r"gcp: BigQuery: jobs\.getQueryResults.*It says: 400|so it is"):
        fetch(fake, proxy)


def test_no_server_at_all(fake: FakeBigQuery, proxy: FaultProxy) -> None:
    proxy.close()
    with pytest.raises(UnreachableError, match=r"no whole answer \(ConnectionError\), tried 3 times"):
        fetch(fake, proxy)


def test_every_attempt_is_booked(fake: FakeBigQuery, proxy: FaultProxy) -> None:
    proxy.inject(Fault("status", match=TABLE, status=500, times=2))
    ledger = Tally()
    source = Gcp.model_validate({**fake.settings(), "endpoint_url": proxy.url}).with_ledger(ledger)
    list(source.fetch(OCTOBER))
    assert {operation: count for (_, operation), count in ledger.calls.items()} == {
        "datasets.get": 1,
        "tables.list": 1,
        "tables.get": 3,
        "dry run": 1,
        "query": 1,
        "rows": 1,
    }
