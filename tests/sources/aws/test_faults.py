"""What goes wrong on the wire ends as an error of its kind, and nothing half-wrong is taken for a bill."""

from __future__ import annotations

import sys
import traceback
from dataclasses import replace
from typing import Any

import pytest

from outlay.core.errors import AuthError, BillError, NotFoundError, SourceError, ThrottledError, UnreachableError
from outlay.core.ledger import Tally
from outlay.sources.aws import Aws
from tests.clouds.aws import AwsCloud
from tests.clouds.faults import Fault, FaultProxy
from tests.servers import Response, answering
from tests.sources.aws.support import (
    DAYS,
    JSON,
    KEY,
    S3,
    SECRET,
    TOKEN,
    Answer,
    OddCloud,
    charge,
    day,
    group,
    odd,
    page,
    refusal,
    rows,
    source,
)

# On the wire, by the official client


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        (Fault("status", status=401), AuthError, "does not accept the credentials"),
        (
            Fault("status", status=403),
            AuthError,
            "GetCostAndUsage is denied; it takes the permission ce:GetCostAndUsage",
        ),
        (Fault("status", status=404), NotFoundError, "GetCostAndUsage found nothing"),
        (Fault("status", status=429), ThrottledError, "GetCostAndUsage is throttled, tried 3 times"),
        (Fault("status", status=429, headers={"Retry-After": "1"}), ThrottledError, "is throttled, tried 3 times"),
        (Fault("status", status=500), UnreachableError, "GetCostAndUsage failed, tried 3 times at most: 500"),
        (Fault("status", status=503, body=b"<html>busy</html>"), UnreachableError, "GetCostAndUsage failed"),
        (Fault("hang", seconds=30), UnreachableError, "AWS cannot be reached: Read timeout"),
        (Fault("reset"), UnreachableError, "AWS cannot be reached"),
        (Fault("cut"), UnreachableError, "the answer is cut short|AWS cannot be reached"),
        (Fault("truncate"), UnreachableError, "the answer is cut short"),
        (Fault("replace", change=lambda _: b"<html>Sign in</html>"), UnreachableError, "the answer is cut short"),
        (
            Fault("replace", change=lambda body: body.replace(b"UnblendedCost", b"Cost")),
            BillError,
            "no 'UnblendedCost'",
        ),
        (
            Fault("replace", change=lambda body: body.replace(b"ResultsByTime", b"Results")),
            UnreachableError,
            "not one of",
        ),
    ],
    ids=lambda value: f"{value.kind}{value.status}" if isinstance(value, Fault) else "",
)
def test_a_fault_on_the_wire(cloud: AwsCloud, fault: Fault, error: type[SourceError], said: str) -> None:
    cloud.give([charge(each, S3, "eu-west-1", "1") for each in DAYS.each_day()])
    proxy, tally = FaultProxy(cloud.url), Tally()
    asked = source(cloud, endpoint_url=proxy.url, attempts=3, timeout=0.3).with_ledger(tally)
    proxy.inject(replace(fault, match="GetCostAndUsage"))
    with pytest.raises(error, match=f"^aws: .*({said})") as caught:
        rows(asked)
    assert type(caught.value) is error
    proxy.clear()
    assert len(rows(asked)) == 2  # nothing of it was kept
    proxy.close()


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_cloud_that_refuses_everything(cloud: AwsCloud, status: int) -> None:
    proxy = FaultProxy(cloud.url)
    proxy.inject(Fault("status", status=status))
    errors = {401: AuthError, 403: AuthError, 429: ThrottledError, 500: UnreachableError}
    with pytest.raises(errors[status]):
        rows(source(cloud, endpoint_url=proxy.url))
    proxy.close()


def test_an_attempt_more_gets_over_a_fault(cloud: AwsCloud) -> None:
    cloud.give([charge(DAYS.start, S3, "eu-west-1", "1")])
    proxy = FaultProxy(cloud.url)
    proxy.inject(Fault("status", match="GetCostAndUsage", status=429, times=1))
    assert len(rows(source(cloud, endpoint_url=proxy.url, attempts=2))) == 1
    proxy.close()


def test_nobody_there_is_unreachable() -> None:
    with answering(OddCloud(page())) as url:
        pass
    asked = Aws.model_validate({"endpoint_url": url, "attempts": 1, "access_key_id": KEY, "secret_access_key": SECRET})
    with pytest.raises(UnreachableError, match=r"^aws: AWS cannot be reached: .*127\.0\.0\.1"):
        asked.test()


@pytest.mark.parametrize("code", ["LimitExceededException", "ThrottlingException"])
def test_throttling_without_end_is_told_as_that(code: str) -> None:
    with (
        odd(refusal(code, "Rate exceeded")) as (asked, _),
        pytest.raises(ThrottledError, match=f"{code}: Rate exceeded"),
    ):
        rows(asked)


# Pages without end


def test_pages_in_a_circle_end() -> None:
    with (
        odd(page(token="again")) as (asked, it),
        pytest.raises(SourceError, match=rf"{DAYS.start}.*after 2 pages"),
    ):
        rows(asked)
    assert len(it.asked) == 2


def test_pages_without_end_end() -> None:
    endless = [page(token=f"page{i}") for i in range(9)]
    with odd(*endless, max_pages=3) as (asked, it), pytest.raises(SourceError, match="stopped after max_pages=3 pages"):
        rows(asked)
    assert len(it.asked) == 3


def test_a_page_that_comes_again_is_not_counted_twice() -> None:
    once = day(DAYS.start, group("S3", "eu-west-1", "1"))
    with (
        odd(page(once, token="more"), page(once)) as (asked, _),
        pytest.raises(BillError, match=rf"{DAYS.start}, S3 / eu-west-1: told twice"),
    ):
        rows(asked)


# Answers that are none


@pytest.mark.parametrize(
    "answer",
    [
        Response(b'{"ResultsByTime": [{"Est', headers=JSON),
        Response(b'{"ResultsByTime": [{"Est', headers=JSON, length=4000),
        Response(b"<html>Welcome</html>", headers={"Content-Type": "text/html"}),
        Response(b"", headers=JSON),
        Response(b"{}", headers=JSON),
        Response(b"[]", headers=JSON),
        Response(b'{"ResultsByTime": "none"}', headers=JSON),
    ],
    ids=["cut", "broken-off", "html", "empty", "no-fields", "list", "text"],
)
def test_no_answer_is_not_zero(answer: Response) -> None:
    tally = Tally()
    with odd(answer) as (asked, _), pytest.raises(UnreachableError, match="the answer is cut short"):
        rows(asked.with_ledger(tally))
    assert tally._answers == {}
    assert tally.settled == frozenset()


def _without(metric: str) -> dict[str, Any]:
    found = group("S3", "eu-west-1", "1")
    del found["Metrics"][metric]
    return found


def _in_two_currencies() -> dict[str, Any]:
    found = group("S3", "eu-west-1", "1")
    found["Metrics"]["AmortizedCost"]["Unit"] = "CNY"
    return found


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (group("S3", "eu-west-1", "NaN"), "S3 / eu-west-1: not an amount: 'NaN'"),
        (group("S3", "eu-west-1", "12,5"), "S3 / eu-west-1: not an amount: '12,5'"),
        (group("S3", "eu-west-1", 1.5), "S3 / eu-west-1: a float is not money"),  # type: ignore[arg-type]
        (group("S3", "eu-west-1", "1", unit="N/A"), "S3 / eu-west-1: no currency: 'N/A'"),
        (_without("AmortizedCost"), "S3 / eu-west-1: no 'AmortizedCost'"),
        (_in_two_currencies(), "two currencies in one charge: USD and CNY"),
        (group("S3", "eu-west-1", "1") | {"Keys": ["S3"]}, ", S3: "),
    ],
)
def test_a_charge_that_cannot_be_is_named(wrong: dict[str, Any], said: str) -> None:
    with odd(page(day(DAYS.start, wrong))) as (asked, _), pytest.raises(BillError) as caught:
        rows(asked)
    assert str(caught.value).startswith(f"aws: Cost Explorer, {DAYS}, {DAYS.start}, S3")
    assert said in str(caught.value)


@pytest.mark.parametrize("start", [str(DAYS.end), "1999-01-01", "yesterday", None])
def test_a_day_nobody_asked_for_is_an_error(start: str | None) -> None:
    wrong = day(DAYS.start)
    wrong["TimePeriod"]["Start"] = start
    with odd(page(wrong)) as (asked, _), pytest.raises(BillError, match=rf"aws: Cost Explorer, {DAYS.start}\.\."):
        rows(asked)


# Refusals


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("AccessDeniedException", r"GetCostAndUsage is denied; it takes the permission ce:GetCostAndUsage.*: no$"),
        ("UnrecognizedClientException", r"does not accept the credentials .*AWS_ACCESS_KEY_ID"),
        ("InvalidSignatureException", r"does not accept the credentials .*AWS_SECRET_ACCESS_KEY"),
        ("ExpiredTokenException", r"have expired .*AWS_SESSION_TOKEN"),
    ],
)
def test_a_refusal_says_what_to_do(code: str, said: str) -> None:
    with odd(refusal(code)) as (asked, _), pytest.raises(AuthError, match=f"^aws: .*{said}"):
        asked.test()


@pytest.mark.parametrize("code", ["AccessDeniedException", "SignatureDoesNotMatch", "ExpiredToken", "Odd"])
def test_secrets_stay_secret(code: str) -> None:
    quoting = refusal(code, f"the string to sign was x-amz-security-token:{TOKEN} {KEY} {SECRET}", 403)
    with odd(quoting) as (asked, _), pytest.raises(SourceError) as caught:
        rows(asked)
    shown = "".join(traceback.format_exception(caught.value))
    shown += repr(asked) + str(asked) + asked.model_dump_json()
    assert [secret for secret in (KEY, SECRET, TOKEN) if secret in shown] == []


def test_without_boto3_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, cloud: AwsCloud) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    for use in (lambda: source(cloud).test(), lambda: rows(source(cloud)), lambda: source(cloud).covers()):
        with pytest.raises(SourceError, match=r"^aws: boto3 is missing; pip install 'outlay\[aws\]'$"):
            use()


def test_an_odd_answer_of_sts_is_no_account() -> None:
    answers: list[Answer] = [page(day(DAYS.start, group("S3", "eu-west-1", "1"))), page()]
    unsaid = Response(b"<html>Welcome</html>", headers={"Content-Type": "text/html"})
    with (
        odd(*answers, sts=unsaid) as (asked, _),
        pytest.raises(UnreachableError, match=r"^aws: AWS cannot be reached: Unable to parse response"),
    ):
        rows(asked)
