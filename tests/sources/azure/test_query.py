"""Azure's Query API over TLS, with azure-identity logging in: what is asked, what comes back, what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ssl import create_default_context
from typing import Any

import pyarrow as pa
import pytest
from azure.identity import ClientSecretCredential

from outlay.core.errors import (
    AuthError,
    BillError,
    NotFoundError,
    SourceError,
    SpendError,
    ThrottledError,
    UnreachableError,
)
from outlay.core.focus import schema
from outlay.core.ledger import Tally
from outlay.core.span import Period, Span, Window, month_of
from outlay.sources import _http
from outlay.sources.azure import Azure
from outlay.sources.azure.query import QueryApi
from tests.clouds import azure_query
from tests.clouds.azure_query import CLIENT, SCOPE, SECRET, SUBSCRIPTION, TENANT, Answer, Asked, AzureQuery, Line, page
from tests.clouds.cloud import Charge
from tests.clouds.faults import Fault, FaultProxy

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
SPAN = Span.of_days("azure", OCTOBER)
FIRST = date(2026, 10, 1)
ONE = Decimal(1)


@pytest.fixture(scope="module")
def running() -> Iterator[AzureQuery]:
    cloud = azure_query.start()
    yield cloud
    cloud.close()


@pytest.fixture
def cloud(running: AzureQuery) -> AzureQuery:
    running.lines, running.asked, running.page_rows, running.answer = [], [], 1000, lambda _: None
    return running


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been slept."""
    slept: list[float] = []
    monkeypatch.setattr(_http.Http, "__init__", _patched(_http.Http.__init__, slept))
    return slept


def _patched(init: Any, slept: list[float]) -> Any:
    def with_short_sleep(self: Any, **named: Any) -> None:
        init(self, **named, sleep=slept.append)

    return with_short_sleep


def api(cloud: AzureQuery, url: str | None = None, secret: str = SECRET, **named: Any) -> QueryApi:
    """The source's way to the API, its token from azure-identity and the stand-in's login."""

    def token() -> str:
        with ClientSecretCredential(
            TENANT,
            CLIENT,
            secret,
            authority=cloud.url,
            disable_instance_discovery=True,
            connection_verify=str(cloud.tls.ca),
        ) as credential:
            return credential.get_token("https://management.azure.com/.default").token

    trust = create_default_context(cafile=cloud.tls.ca)
    settings = {"source": "azure", "scopes": (SCOPE,), "token": token, "attempts": 1}
    return QueryApi(**settings, endpoint_url=url or cloud.url, verify=trust, **named)  # type: ignore[arg-type]


def rows(source: QueryApi, span: Span = SPAN) -> list[dict[str, Any]]:
    batches = list(source.fetch(span))
    assert all(each.schema == schema() for each in batches)
    found: list[dict[str, Any]] = pa.Table.from_batches(batches, schema()).to_pylist()
    return found


def line(service: str, cost: str, effective: str | None = None, day: date = FIRST, **named: str) -> Line:
    return Line(day, service, Decimal(cost), Decimal(effective or cost), **named)


def columns(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "type": "String"} for name in names]


def test_usage_is_by_day_service_and_region_in_both_costs(cloud: AzureQuery) -> None:
    cloud.lines = [line("Virtual Machines", "10.000000000000000001", "7.25"), line("Storage", "0.1", region="")]
    machines, storage = sorted(rows(api(cloud)), key=lambda row: -row["billed_cost"])
    assert machines["billed_cost"] == Decimal("10.000000000000000001")
    assert machines["effective_cost"] == Decimal("7.25")
    assert machines["charge_date"] == FIRST
    assert machines["billing_currency"] == "USD"
    assert (machines["service_name"], machines["service_category"]) == ("Virtual Machines", "Compute")
    assert (machines["region_id"], storage["region_id"]) == ("westeurope", None)
    assert (machines["provider"], machines["sub_account_id"]) == ("azure", SUBSCRIPTION)
    assert machines["charge_category"] == "Usage"
    assert machines["cut"] == "service,region"
    assert machines["tags"] is None


def test_charges_that_are_no_usage_keep_their_category(cloud: AzureQuery) -> None:
    kinds = {"Usage": "3", "Credit": "-1", "Tax": "0.5", "Adjustment": "-0.25", "Purchase": "9"}
    cloud.give([Charge(FIRST, "Storage", "westeurope", Decimal(cost), kind) for kind, cost in kinds.items()])
    found = rows(api(cloud))
    assert {row["charge_category"]: row["billed_cost"] for row in found} == {k: Decimal(v) for k, v in kinds.items()}
    told = {row["charge_category"]: (row["charge_description"], row["region_id"]) for row in found}
    assert told["Adjustment"] == ("Refund", None)
    assert told["Usage"] == (None, "westeurope")


def test_groups_that_one_measure_lacks_leave_both_sums_whole(cloud: AzureQuery) -> None:
    cloud.lines = [
        line("Virtual Machines", "12", "0", charge_type="Purchase"),
        line("Virtual Machines", "0", "11", region="US East 2"),
        line("Virtual Machines", "0", "1", charge_type="UnusedReservation"),
    ]
    cloud.answer = lambda asked: _without_zeros(cloud, asked)
    found = rows(api(cloud))
    assert sum(row["billed_cost"] for row in found) == 12
    assert sum(row["effective_cost"] for row in found) == 12
    unused = next(row for row in found if row["commitment_discount_status"] == "Unused")
    assert (unused["charge_category"], unused["effective_cost"]) == ("Usage", 1)


def _without_zeros(cloud: AzureQuery, asked: Asked) -> Answer:
    whole = cloud._query(asked)
    if whole.status == 200:
        properties = whole.body["properties"]
        properties["rows"] = [row for row in properties["rows"] if row[0]]
    return whole


def test_ai_services_are_told_apart_by_their_meters(cloud: AzureQuery) -> None:
    cloud.lines = [
        line("Cognitive Services", "1.1", meter="gpt-4o-0806-Inp-glbl Tokens"),
        line("Cognitive Services", "2.2", meter="S1 Speech To Text"),
        line("Cognitive Services", "3.3", meter="S1 Neural Text To Speech Characters"),
        line("Cognitive Services", "4.4", meter="S1 Text Translation Characters"),
        line("Storage", "5.5", meter="Hot LRS Data Stored"),
    ]
    found = {row["service_name"]: row for row in rows(api(cloud))}
    costs = {name: row["billed_cost"] for name, row in found.items()}
    assert costs == {
        "Azure OpenAI": Decimal("1.1"),
        "Azure Speech-to-Text": Decimal("2.2"),
        "Azure Text-to-Speech": Decimal("3.3"),
        "Cognitive Services": Decimal("4.4"),
        "Storage": Decimal("5.5"),
    }
    assert found["Azure OpenAI"]["tags"] == [("x_service_name", "Cognitive Services")]
    assert found["Azure OpenAI"]["sku_meter"] == "gpt-4o-0806-Inp-glbl Tokens"
    assert len(cloud.asked) == 6


def test_the_same_body_goes_to_every_next_link(cloud: AzureQuery) -> None:
    cloud.page_rows = 2
    cloud.lines = [line("Storage", f"{day}.01", day=date(2026, 10, day)) for day in range(1, 6)]
    found = rows(api(cloud))
    assert sum(row["billed_cost"] for row in found) == Decimal("15.05")
    assert len(cloud.asked) == 4 * 3
    first, second = cloud.asked[:2]
    assert first.body == second.body
    assert "$skiptoken" in second.path
    assert "api-version=2025-03-01" in first.path
    assert {asked.headers["clienttype"] for asked in cloud.asked} == {"Outlay"}


def test_a_question_names_both_ends_and_groups_by_two(cloud: AzureQuery) -> None:
    cloud.lines = [line("Storage", "1")]
    rows(api(cloud), Span.of_days("azure", Period(FIRST, date(2026, 10, 3))))
    body = cloud.asked[0].body
    assert body["timePeriod"] == {"from": "2026-10-01T00:00:00+00:00", "to": "2026-10-02T23:59:59+00:00"}
    assert (body["type"], body["timeframe"], body["dataset"]["granularity"]) == ("ActualCost", "Custom", "Daily")
    assert max(len(asked.body["dataset"]["grouping"]) for asked in cloud.asked) == 2


def test_a_next_link_to_another_host_is_asked_of_ours(cloud: AzureQuery) -> None:
    cloud.page_rows = 1
    cloud.lines = [line("Storage", "1"), line("Storage", "2", day=date(2026, 10, 2))]

    def elsewhere(asked: Asked) -> Answer:
        answer = cloud._query(asked)
        properties = answer.body["properties"]
        if properties["nextLink"]:
            properties["nextLink"] = "https://management.azure.com" + properties["nextLink"].removeprefix(cloud.url)
        return answer

    cloud.answer = elsewhere
    assert sum(row["billed_cost"] for row in rows(api(cloud))) == 3


def test_columns_are_found_by_name_whatever_their_order(cloud: AzureQuery) -> None:
    def turned(asked: Asked) -> Answer:
        group = [one["name"] for one in asked.body["dataset"]["grouping"]]
        values = {"ServiceName": "Storage", "ChargeType": "usage", "ResourceLocation": "EU West"}
        names = ["Currency", *reversed(group), "PreTaxCost", "UsageDate"]
        row = ["EUR", *(values[name] for name in reversed(group)), Decimal("1.5"), 20261031]
        return page(columns(*names), [row])

    cloud.answer = turned
    (row,) = rows(api(cloud))
    assert (row["billed_cost"], row["billing_currency"]) == (Decimal("1.5"), "EUR")
    assert (row["charge_date"], row["service_name"], row["region_id"]) == (date(2026, 10, 31), "Storage", "westeurope")


def test_no_content_is_no_row(cloud: AzureQuery) -> None:
    assert rows(api(cloud)) == []
    assert len(cloud.asked) == 2  # nothing is asked by region where there is no usage


def test_several_scopes_are_asked_one_after_the_other(cloud: AzureQuery) -> None:
    cloud.lines = [line("Storage", "1")]
    account = "/providers/Microsoft.Billing/billingAccounts/123"

    def by_scope(asked: Asked) -> Answer | None:
        return Answer(204) if asked.path.startswith(account) else None

    cloud.answer = by_scope
    source = api(cloud)
    both = QueryApi(**{**vars(source), "scopes": (SCOPE, account)})
    assert len(rows(both)) == 1
    assert [asked.path.startswith(account) for asked in cloud.asked] == [False] * 4 + [True] * 2


def test_spans_are_months_newest_first_and_not_of_the_future(cloud: AzureQuery) -> None:
    today = datetime.now(UTC).date()
    spans = list(api(cloud).spans(Window(Period(today - timedelta(days=40), today + timedelta(days=5)))))
    assert spans[0].days == Period(month_of(today), today + timedelta(days=1))
    assert spans == sorted(spans, key=lambda span: span.months.start, reverse=True)
    with pytest.raises(SourceError, match="days until today"):
        list(api(cloud).spans(Window(Period(today + timedelta(days=2), today + timedelta(days=3)))))


def test_days_of_an_open_month_are_provisional(cloud: AzureQuery) -> None:
    today = datetime.now(UTC).date()
    old = today - timedelta(days=80)
    cloud.lines = [line("Storage", "1", day=today), line("Storage", "1", day=old)]
    for day in (today, old):
        (row,) = rows(api(cloud), Span.of_days("azure", Period(day, day + timedelta(days=1))))
        assert row["provisional"] is (day == today)


def test_calls_are_booked_at_no_price_and_a_refusal_ends_them(cloud: AzureQuery) -> None:
    cloud.lines = [line("Storage", "1")]
    tally = Tally()
    rows(api(cloud, ledger=tally))
    assert dict(tally.calls) == {(SCOPE, "Query"): 4}
    assert tally.usd == 0

    class Capped(Tally):
        def pay(self, operation: str, usd: Decimal, account: str = "") -> None:
            raise SpendError("no more")

    with pytest.raises(SpendError):
        rows(api(cloud, ledger=Capped()))
    assert len(cloud.asked) == 4


def test_access_is_tested_with_one_question(cloud: AzureQuery) -> None:
    assert api(cloud).test() == f"Cost Management answers for {SCOPE}"
    assert len(cloud.asked) == 1


def test_the_longest_wait_of_all_headers_is_obeyed(cloud: AzureQuery, waits: list[float]) -> None:
    cloud.lines = [line("Storage", "1")]
    asks = {
        "Retry-After": "3",
        "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after": "7",
        "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after": "21",
        "x-ms-ratelimit-microsoft.costmanagement-clienttype-retry-after": "soon",
    }

    def first_refused(_: Asked) -> Answer | None:
        return Answer(429, {"error": {"code": "429", "message": "Too many"}}, asks) if len(cloud.asked) == 1 else None

    cloud.answer = first_refused
    tally = Tally()
    source = QueryApi(**{**vars(api(cloud, ledger=tally)), "attempts": 2})
    assert len(rows(source)) == 1
    assert len(waits) == 1
    assert 21 <= waits[0] < 22
    assert tally.calls[SCOPE, "Query"] == 5


REFUSED = [
    (Answer(401, {"error": {"code": "ExpiredToken", "message": "expired"}}), AuthError, "Cost Management Reader"),
    (Answer(403, {"error": {"code": "RBACAccessDenied", "message": "no"}}), AuthError, "Cost Management Reader"),
    (Answer(404, {"error": {"code": "SubscriptionNotFound", "message": "x"}}), NotFoundError, "not found"),
    (Answer(400, {"error": {"code": "BadRequest", "message": "Invalid dataset"}}), SourceError, "Invalid dataset"),
    (Answer(429, {"error": {"message": "slow"}}), ThrottledError, "too many requests"),
    (Answer(429, b"", {"x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after": "900"}), ThrottledError, "900 s"),
    (Answer(503, b"<html>"), UnreachableError, "503"),
    (Answer(200, b'{"properties": {"columns": ['), SourceError, "cut short or no JSON"),
    (Answer(200, b"<html>proxy</html>", {"Content-Type": "text/html"}), SourceError, "no JSON"),
    (Answer(200, {}), BillError, "no answer of Cost Management"),
    (Answer(200, {"properties": {"columns": [], "rows": None}}), BillError, "no answer of Cost Management"),
    (Answer(302, b"", {"Location": "https://login.example"}), BillError, "status 302"),
]


@pytest.mark.parametrize(("answer", "kind", "said"), REFUSED)
def test_what_is_no_answer_is_an_error_that_says_so(
    cloud: AzureQuery, answer: Answer, kind: type[SourceError], said: str
) -> None:
    cloud.answer = lambda _: answer
    with pytest.raises(kind, match=said) as caught:
        rows(api(cloud))
    assert SECRET not in str(caught.value)


GOOD = ("Cost", "UsageDate", "ServiceName", "ChargeType", "Currency")
BAD = [
    (("Costs", *GOOD[1:]), [1, 20261001, "S", "Usage", "USD"], "no column Cost in the answer; there are: Costs,"),
    (GOOD[:-1], [1, 20261001, "S", "Usage"], "no column Currency"),
    (("Cost", "UsageDate", "Service", *GOOD[3:]), [1, 20261001, "S", "Usage", "USD"], "no column ServiceName"),
    (GOOD, ["much", 20261001, "S", "Usage", "USD"], "not an amount"),
    (GOOD, [float("nan"), 20261001, "S", "Usage", "USD"], "a row that cannot be"),
    (GOOD, [1, 20261399, "S", "Usage", "USD"], "a row that cannot be"),
    (GOOD, [1, 20261101, "S", "Usage", "USD"], "a row of another day"),
    (GOOD, [1, 20261001, "S", "Usage"], "a row that cannot be"),
    (GOOD, [1, 20261001, "S", "Usage", None], "without a currency"),
    (GOOD, [1, 20261001, 7, "Usage", "USD"], "not a text"),
]


@pytest.mark.parametrize(("names", "row", "said"), BAD)
def test_what_a_bill_cannot_be_is_named(cloud: AzureQuery, names: tuple[str, ...], row: list[Any], said: str) -> None:
    cloud.answer = lambda _: page(columns(*names), [row])
    with pytest.raises(BillError, match=said):
        rows(api(cloud))


def test_a_page_delivered_again_is_not_counted_twice(cloud: AzureQuery) -> None:
    def again(_: Asked) -> Answer:
        link = f"{SCOPE}/again?n={len(cloud.asked)}"
        return page(columns(*GOOD), [[1, 20261001, "S", "Usage", "USD"]], link)

    cloud.answer = again
    with pytest.raises(BillError, match="2026-10-01 / S / Usage / USD comes twice"):
        rows(api(cloud))


def test_pages_that_never_end_or_go_round_are_stopped(cloud: AzureQuery) -> None:
    def endless(_: Asked) -> Answer:
        return page(columns(*GOOD), [], f"{cloud.url}{SCOPE}/next?n={len(cloud.asked)}")

    cloud.answer = endless
    with pytest.raises(SourceError, match="stopped after 5 pages"):
        rows(api(cloud, max_pages=5))
    cloud.answer = lambda _: page(columns(*GOOD), [], f"{cloud.url}{SCOPE}/same")
    with pytest.raises(SourceError, match="round in a circle"):
        rows(api(cloud))
    cloud.answer = lambda _: page(columns(*GOOD), [], 7)  # type: ignore[arg-type]
    with pytest.raises(BillError, match="not a next link: 7"):
        rows(api(cloud))


def test_costs_that_change_while_we_ask_are_not_kept(cloud: AzureQuery) -> None:
    cloud.lines = [line("Storage", "1")]

    def more_later(_: Asked) -> None:
        cloud.lines = [line("Storage", "1.25")] if len(cloud.asked) > 2 else cloud.lines

    cloud.answer = more_later
    with pytest.raises(SourceError, match=r"changed while we asked, from 1 to 1\.25 USD; collect again"):
        rows(api(cloud))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("reset", match="POST"), "failed 1 times"),
        (Fault("cut", match="POST"), "failed 1 times"),
        (Fault("hang", match="POST"), "Timeout"),
        (Fault("truncate", match="POST"), "cut short or no JSON"),
    ],
)
def test_a_broken_wire_is_an_error_and_not_less_money(cloud: AzureQuery, fault: Fault, said: str) -> None:
    cloud.lines = [line("Storage", "1")]
    proxy = FaultProxy(cloud.url, cloud.tls.cert, cloud.tls.ca)
    try:
        proxy.inject(fault)
        with pytest.raises(SourceError, match=said):
            rows(api(cloud, proxy.url, timeout=0.5))
        proxy.clear()
        assert len(rows(api(cloud, proxy.url))) == 1
    finally:
        proxy.close()


def azure(cloud: AzureQuery, url: str | None = None, **settings: Any) -> Azure:
    return Azure.model_validate({**cloud.settings(url), "attempts": 1, "timeout": 1.0, **settings})


def test_the_source_asks_the_query_api_where_no_export_is_set(cloud: AzureQuery) -> None:
    cloud.lines = [line("Storage", "1")]
    before, tally = cloud.logins, Tally()
    source = azure(cloud).with_ledger(tally)
    assert source.test() == f"Cost Management answers for {SCOPE}"
    assert sum(batch.num_rows for batch in source.fetch(SPAN)) == 1
    assert cloud.logins == before + 1
    assert dict(tally.calls) == {(SCOPE, "Query"): 5}
    assert next(source.spans(Window(OCTOBER))).source == "azure"


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({"client_secret": "hush-wrong"}, AuthError, "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"),
        ({"client_secret": None}, AuthError, "no credentials; set AZURE_TENANT_ID"),
        ({"subscription_id": None}, SourceError, "set AZURE_SUBSCRIPTION_ID, scope or export"),
        ({"scope": "/subscriptions/other"}, NotFoundError, "could not be found"),
        ({"ca_file": None}, UnreachableError, "CERTIFICATE_VERIFY_FAILED"),
        ({"ca_file": "/no/such/file"}, SourceError, "ca_file /no/such/file: not a file of PEM certificates"),
    ],
)
def test_settings_that_do_not_fit_are_said(
    cloud: AzureQuery, settings: dict[str, Any], kind: type[SourceError], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        azure(cloud, **settings).test()
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("status", status=401), AuthError),
        (Fault("status", status=403), AuthError),
        (Fault("status", status=404), NotFoundError),
        (Fault("status", status=429), ThrottledError),
        (Fault("status", status=500), UnreachableError),
        (Fault("hang"), UnreachableError),
        (Fault("reset"), UnreachableError),
        (Fault("cut"), UnreachableError),
        (Fault("truncate"), UnreachableError),
        (Fault("truncate", match="oauth2/v2.0/token"), UnreachableError),
    ],
)
def test_a_login_without_an_answer_is_no_refusal(cloud: AzureQuery, fault: Fault, kind: type[SourceError]) -> None:
    proxy = FaultProxy(cloud.url, cloud.tls.cert, cloud.tls.ca)
    try:
        proxy.inject(fault)
        with pytest.raises(kind, match="azure: logging in"):
            list(azure(cloud, proxy.url).fetch(SPAN))
        assert cloud.asked == []
    finally:
        proxy.close()


def test_nothing_shows_the_token(cloud: AzureQuery) -> None:
    assert "token" not in repr(api(cloud))
    cloud.answer = lambda asked: Answer(400, {"error": {"message": json.dumps(dict(asked.headers))}})
    with pytest.raises(SourceError) as caught:
        rows(api(cloud))
    assert "Bearer ***" in str(caught.value)
