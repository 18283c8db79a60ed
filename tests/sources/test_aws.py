"""The AWS source against the official client over a real wire: moto's server, and one that misbehaves."""

from __future__ import annotations

import json
import re
import traceback
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from outlay.core.errors import AuthError, BillError, SourceError
from outlay.core.focus import schema
from outlay.core.plugins import load
from outlay.core.span import Period, Span, Window
from outlay.sources.aws import Aws
from tests.servers import Request, Response, answering, moto_server

ACCOUNT = "123456789012"
KEY, SECRET, TOKEN = "AKIDSECRETSECRETSECR", "hush/this+is/secret", "token-that-is-secret"
DAYS = Period(date(2026, 10, 1), date(2026, 10, 3))
SPAN = Span.of_days("aws", DAYS)
JSON = {"Content-Type": "application/x-amz-json-1.1"}
USAGE = {"Not": {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit", "Refund", "Tax"]}}}

Answer = Response | dict[str, Any]


@pytest.fixture(autouse=True)
def _no_aws_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Aws.ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


def aws(url: str, **settings: Any) -> Aws:
    keys = {"access_key_id": KEY, "secret_access_key": SECRET, "session_token": TOKEN}
    return Aws.model_validate({"endpoint_url": url, "attempts": 1} | keys | settings)


def group(first: str, second: str, billed: str, effective: str | None = None, unit: str = "USD") -> dict[str, Any]:
    effective = billed if effective is None else effective
    return {
        "Keys": [first, second],
        "Metrics": {
            "UnblendedCost": {"Amount": billed, "Unit": unit},
            "AmortizedCost": {"Amount": effective, "Unit": unit},
        },
    }


def day(start: date, *groups: dict[str, Any], estimated: bool = False) -> dict[str, Any]:
    period = {"Start": str(start), "End": str(start + timedelta(days=1))}
    return {"TimePeriod": period, "Estimated": estimated, "Total": {}, "Groups": list(groups)}


def page(*days: dict[str, Any], token: str | None = None) -> dict[str, Any]:
    more = {"NextPageToken": token} if token else {}
    return {"ResultsByTime": list(days), "DimensionValueAttributes": []} | more


def rows(source: Aws, span: Span = SPAN) -> list[dict[str, Any]]:
    batches = list(source.fetch(span))
    assert all(each.schema == schema() for each in batches)
    found: list[dict[str, Any]] = pa.Table.from_batches(batches).to_pylist()
    return found


def inject(url: str, *pages: dict[str, Any], account: str = ACCOUNT) -> None:
    body = json.dumps({"account_id": account, "results": pages}).encode()
    for path, data in (
        ("/moto-api/reset", b""),
        ("/moto-api/static/ce/cost-and-usage-results", body),
    ):
        request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.status in {200, 201}


class Cloud:
    """An AWS that says what it is told, the last thing for ever, and keeps what it was asked."""

    def __init__(self, *answers: Answer, sts: Response | None = None) -> None:
        self.answers = list(answers)
        self.sts = sts or Response(
            f"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{ACCOUNT}</Account>"
            "</GetCallerIdentityResult></GetCallerIdentityResponse>".encode(),
            headers={"Content-Type": "text/xml"},
        )
        self.asked: list[dict[str, Any]] = []
        self.actions: set[str] = set()

    def __call__(self, request: Request) -> Response:
        target = request.headers.get("X-Amz-Target", "")
        if not target:
            found = re.search(r"Action=(\w+)", request.body.decode())
            self.actions.add(f"sts:{found and found.group(1)}")
            return self.sts
        self.actions.add("ce:" + target.removeprefix("AWSInsightsIndexService."))
        self.asked.append(json.loads(request.body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, Response) else Response(json.dumps(answer).encode(), headers=JSON)


def refusal(code: str, message: str = "no", status: int = 400) -> Response:
    return Response(json.dumps({"__type": code, "message": message}).encode(), status, JSON)


@contextmanager
def cloud(*answers: Answer, sts: Response | None = None, **settings: Any) -> Iterator[tuple[Aws, Cloud]]:
    it = Cloud(*answers, sts=sts)
    with answering(it) as url:
        yield aws(url, **settings), it


# What comes back, from moto


def test_two_pages_become_the_charges_they_are(moto: str) -> None:
    first, second = DAYS.each_day()
    inject(
        moto,
        page(
            day(
                first,
                group("Amazon EC2", "eu-west-1", "10.1234567891", "8.5"),
                group("S3", "us-east-1", "0", "0"),
            ),
            token="page2",
        ),
        page(day(second, group("Amazon EC2", "NoRegion", "0.0000000001", "0"), estimated=True)),
        page(
            day(first, group("Tax", "Tax", "2.05"), group("Credit", "Amazon EC2", "-5.0000000001")),
            day(second, group("Refund", "S3", "-1"), estimated=True),
        ),
    )
    source = aws(moto)
    found = rows(source)
    seen = [
        (
            str(row["charge_date"]),
            row["charge_category"],
            row["service_name"],
            row["region_id"],
            row["provisional"],
            row["billed_cost"].normalize(),
            row["effective_cost"].normalize(),
        )
        for row in found
    ]
    assert seen == [
        ("2026-10-01", "Usage", "Amazon EC2", "eu-west-1", False, Decimal("10.1234567891"), Decimal("8.5")),
        ("2026-10-02", "Usage", "Amazon EC2", None, True, Decimal("0.0000000001"), Decimal(0)),
        ("2026-10-01", "Tax", "Tax", None, False, Decimal("2.05"), Decimal("2.05")),
        (
            "2026-10-01",
            "Credit",
            "Amazon EC2",
            None,
            False,
            Decimal("-5.0000000001"),
            Decimal("-5.0000000001"),
        ),
        ("2026-10-02", "Adjustment", "S3", None, True, Decimal(-1), Decimal(-1)),
    ]
    assert sum(row["billed_cost"] for row in found) == Decimal("6.1734567891")
    assert source.paid_calls == 3


def test_a_row_says_where_and_when_it_was_charged(moto: str) -> None:
    inject(moto, page(day(date(2026, 10, 2), group("Amazon S3", "eu-central-1", "1.5"))), page())
    (row,) = rows(aws(moto, name="aws-prod"), Span.of_days("aws-prod", DAYS))
    told = {name: value for name, value in row.items() if value is not None}
    assert told == {
        "source": "aws-prod",
        "provider": "aws",
        "provider_name": "AWS",
        "billing_account_id": ACCOUNT,
        "billed_cost": Decimal("1.5"),
        "effective_cost": Decimal("1.5"),
        "billing_currency": "USD",
        "billing_period_start": datetime(2026, 10, 1, tzinfo=UTC),
        "billing_period_end": datetime(2026, 11, 1, tzinfo=UTC),
        "charge_period_start": datetime(2026, 10, 2, tzinfo=UTC),
        "charge_period_end": datetime(2026, 10, 3, tzinfo=UTC),
        "charge_date": date(2026, 10, 2),
        "charge_category": "Usage",
        "service_name": "Amazon S3",
        "region_id": "eu-central-1",
        "cut": "service,region",
        "provisional": False,
    }


def test_the_same_span_twice_is_the_same(moto: str) -> None:
    inject(moto, page(day(DAYS.start, group("S3", "eu-west-1", "1.5"))), page())
    assert rows(aws(moto)) == rows(aws(moto)) != []


def test_a_role_is_another_account(moto: str) -> None:
    inject(moto, page(day(DAYS.start, group("S3", "eu-west-1", "7"))), page(), account="222222222222")
    source = aws(moto, role_arn="arn:aws:iam::222222222222:role/outlay", external_id="shared-word")
    (row,) = rows(source)
    assert (row["billing_account_id"], row["billed_cost"]) == ("222222222222", 7)
    assert source.test() == "account 222222222222: Cost Explorer answers"


def test_access_is_tested_with_one_page(moto: str) -> None:
    inject(moto, page())
    source = aws(moto)
    assert source.test() == f"account {ACCOUNT}: Cost Explorer answers"
    assert source.paid_calls == 1


# What is asked


def test_the_two_questions_part_the_money() -> None:
    with cloud(page(token="more"), page()) as (source, it):
        assert rows(source) == []
    shared = {
        "TimePeriod": {"Start": "2026-10-01", "End": "2026-10-03"},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost", "AmortizedCost"],
    }
    by = {key: {"Type": "DIMENSION", "Key": key} for key in ("SERVICE", "REGION", "RECORD_TYPE")}
    usage = shared | {"GroupBy": [by["SERVICE"], by["REGION"]], "Filter": USAGE}
    special = shared | {"GroupBy": [by["RECORD_TYPE"], by["SERVICE"]], "Filter": USAGE["Not"]}
    assert it.asked == [usage, usage | {"NextPageToken": "more"}, special]


def test_the_documented_policy_is_what_the_source_uses() -> None:
    text = Path(__file__).parents[2].joinpath("docs/sources/aws.md").read_text("utf-8")
    policy = json.loads(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0])
    with cloud(page()) as (source, it):
        source.test()
        rows(source)
    (statement,) = policy["Statement"]
    assert set(statement["Action"]) == it.actions
    assert statement["Effect"] == "Allow"


def test_spans_are_months_newest_first_within_what_is_kept() -> None:
    today = datetime.now(UTC).date()
    kept = list(aws("http://127.0.0.1:1").spans(Window(Period(date(2000, 1, 1), date(2100, 1, 1)))))
    assert len(kept) == 14
    assert kept[0] == Span.of_days("aws", Period(today.replace(day=1), today + timedelta(days=1)))
    oldest = kept[-1].months.start
    assert oldest.year * 12 + oldest.month == today.year * 12 + today.month - 13
    assert [each.months.start for each in kept] == sorted((each.months.start for each in kept), reverse=True)


@pytest.mark.parametrize("year", [2000, 2100])
def test_a_window_of_other_times_is_an_error(year: int) -> None:
    with pytest.raises(SourceError, match=rf"aws: Cost Explorer has the days .* none of {year}-01-01"):
        aws("http://127.0.0.1:1").spans(Window(Period(date(year, 1, 1), date(year, 2, 1))))


@pytest.mark.parametrize(("days", "usd"), [(1, "0.02"), (30, "0.02"), (31, "0.04")])
def test_the_price_is_a_page_per_question_and_month(days: int, usd: str) -> None:
    start = date(2026, 10, 1)
    span = Span.of_days("aws", Period(start, start + timedelta(days=days)))
    assert aws("http://127.0.0.1:1").price(span) == Decimal(usd)


# What goes wrong


def test_pages_in_a_circle_end() -> None:
    with (
        cloud(page(token="again")) as (source, it),
        pytest.raises(SourceError, match=r"2026-10-01.*after 2 pages"),
    ):
        rows(source)
    assert len(it.asked) == 2


def test_pages_without_end_end() -> None:
    endless = [page(token=f"page{i}") for i in range(9)]
    with (
        cloud(*endless, max_pages=3) as (source, it),
        pytest.raises(SourceError, match=r"2026-10-01\.\.2026-10-02: stopped after max_pages=3 pages"),
    ):
        rows(source)
    assert len(it.asked) == source.paid_calls == 3


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
    with cloud(answer) as (source, _), pytest.raises(SourceError, match="the answer is cut short"):
        rows(source)


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
        (_without("AmortizedCost"), "S3 / eu-west-1: no 'AmortizedCost'"),
        (_in_two_currencies(), "two currencies in one charge: USD and CNY"),
        (group("S3", "eu-west-1", "1") | {"Keys": ["S3"]}, "2026-10-01, S3: "),
    ],
)
def test_a_charge_that_cannot_be_is_named(wrong: dict[str, Any], said: str) -> None:
    with cloud(page(day(DAYS.start, wrong))) as (source, _), pytest.raises(BillError) as caught:
        rows(source)
    assert str(caught.value).startswith("aws: Cost Explorer, 2026-10-01, S3")
    assert said in str(caught.value)


def test_an_unknown_record_type_is_named() -> None:
    odd = page(day(DAYS.start, group("Gift", "S3", "1")))
    with cloud(page(), odd) as (source, _), pytest.raises(BillError, match=r"Gift / S3: no 'Gift'"):
        rows(source)


@pytest.mark.parametrize("start", ["2026-09-30", "2026-10-03", "yesterday", None])
def test_a_day_nobody_asked_for_is_an_error(start: str | None) -> None:
    wrong = day(DAYS.start) | {"TimePeriod": {"Start": start, "End": "2026-10-04"}}
    with (
        cloud(page(wrong)) as (source, _),
        pytest.raises(BillError, match=r"aws: Cost Explorer, 2026-10-01\.\."),
    ):
        rows(source)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "AccessDeniedException",
            r"GetCostAndUsage is denied; it takes the permission ce:GetCostAndUsage.*: no$",
        ),
        ("UnrecognizedClientException", r"does not accept the credentials .*AWS_ACCESS_KEY_ID"),
        ("InvalidSignatureException", r"does not accept the credentials .*AWS_SECRET_ACCESS_KEY"),
        ("ExpiredTokenException", r"have expired .*AWS_SESSION_TOKEN"),
    ],
)
def test_a_refusal_says_what_to_do(code: str, said: str) -> None:
    with cloud(refusal(code)) as (source, _), pytest.raises(AuthError, match=f"^aws: .*{said}"):
        source.test()


def test_a_throttled_page_is_asked_again() -> None:
    busy = refusal("LimitExceededException", "Rate exceeded")
    with cloud(busy, page(), attempts=2) as (source, it):
        assert rows(source) == []
    assert len(it.asked) == 3


def test_throttling_without_end_is_an_error_of_the_source() -> None:
    busy = refusal("ThrottlingException", "Rate exceeded")
    with (
        cloud(busy) as (source, _),
        pytest.raises(SourceError, match="ThrottlingException: Rate exceeded") as caught,
    ):
        rows(source)
    assert not isinstance(caught.value, AuthError)


def test_nobody_there_is_an_error_of_the_source() -> None:
    with answering(Cloud(page())) as url:
        source = aws(url)
    with pytest.raises(SourceError, match=r"^aws: AWS cannot be reached: .*127\.0\.0\.1"):
        source.test()


def test_an_account_nobody_may_ask_for_is_unknown() -> None:
    denied = Response(
        b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>", 403
    )
    with cloud(page(day(DAYS.start, group("S3", "eu-west-1", "1"))), page(), sts=denied) as (source, _):
        (row,) = rows(source)
        assert row["billing_account_id"] is None
        assert "unknown" in source.test()


@pytest.mark.parametrize("profile", [None, "nobody"])
def test_no_credentials_is_an_error_with_the_choices(profile: str | None) -> None:
    source = Aws(endpoint_url="http://127.0.0.1:1", attempts=1, profile=profile)
    with pytest.raises(AuthError, match=r"no usable credentials .*AWS_ACCESS_KEY_ID.* AWS_PROFILE.* access_key_id"):
        source.test()


# Settings and secrets


def test_the_plugin_is_found_by_name() -> None:
    assert load("sources", "aws") is Aws


def test_asking_does_not_change_what_the_source_is() -> None:
    with cloud(page()) as (source, _):
        before = source.model_copy()
        source.test()
        assert (hash(source), source.model_dump()) == (hash(before), before.model_dump())


def test_the_environment_names_fields_there_are() -> None:
    assert set(Aws.ENVIRONMENT.values()) <= Aws.model_fields.keys()
    assert set(Aws.SWITCH) <= Aws.ENVIRONMENT.keys()


@pytest.mark.parametrize(
    "settings",
    [
        {"access_key_id": KEY},
        {"secret_access_key": SECRET},
        {"access_key_id": KEY, "secret_access_key": SECRET, "key": SECRET},
        {"access_key_id": KEY, "secret_access_key": [SECRET]},
        {"endpoint_url": f"ftp://{SECRET}"},
    ],
)
def test_wrong_settings_are_refused_and_not_shown(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Aws.model_validate(settings)
    assert not _leaked(str(caught.value))


@pytest.mark.parametrize("code", ["AccessDeniedException", "SignatureDoesNotMatch", "ExpiredToken", "Odd"])
def test_secrets_stay_secret(code: str) -> None:
    quoting = refusal(code, f"the string to sign was x-amz-security-token:{TOKEN} {KEY} {SECRET}", 403)
    with cloud(quoting) as (source, _), pytest.raises(SourceError) as caught:
        rows(source)
    shown = "".join(traceback.format_exception(caught.value))
    assert not _leaked(shown + repr(source) + str(source) + source.model_dump_json())


def _leaked(text: str) -> list[str]:
    return [secret for secret in (KEY, SECRET, TOKEN) if secret in text]
