"""The API over a real wire: pages, ETags, the rate limit, refusals in words, and a provider that misbehaves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from outlay.core.errors import AuthError, BillError, NotFoundError, SourceError, ThrottledError, UnreachableError
from outlay.core.ledger import Tally
from outlay.core.span import Period, Span
from tests.clouds.faults import Fault, FaultProxy
from tests.clouds.heroku import KEY, TEAM, Heroku, id_of, team_invoice
from tests.servers import Request, Response, answering
from tests.sources.heroku.asking import NOVEMBER, OCTOBER, rows, source, total


@pytest.fixture
def proxy(cloud: Heroku) -> Iterator[FaultProxy]:
    cloud.usage[TEAM].add(date(2026, 10, 5), "web", partner=Decimal(10), dynos=Decimal(1))
    cloud.invoices[TEAM] = [team_invoice(OCTOBER, addons_total=1000, charges_total=1000, total=1000)]
    found = FaultProxy(cloud.url)
    yield found
    found.close()


def test_every_page_is_read(cloud: Heroku) -> None:
    months = [date(2025 + each // 12, each % 12 + 1, 1) for each in range(23)]
    cloud.invoices[TEAM] = [team_invoice(month, charges_total=100, total=100) for month in months]
    cloud.page_size = 5
    asked = source(cloud)
    assert total(rows(asked, OCTOBER)) == 1
    assert total(rows(asked, date(2025, 1, 1))) == 1
    invoices = [line for line in cloud.asked if "invoices" in line]
    assert [line[-3:] for line in invoices] == ["206"] * 4 + ["200"] + ["304"] * 5


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        (lambda _: "id ]a..; max=200", "stopped after 2 pages, as they go round in a circle"),
        (lambda asked: f"id ]{asked}..; max=200", "stopped after 100 pages, and there are more"),
    ],
    ids=["circle", "endless"],
)
def test_pages_that_never_end_are_an_error(cloud: Heroku, ranges: Callable[[int], str], words: str) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        return Response(b"[]", 206, {"Next-Range": ranges(len(asked))})

    with answering(answer) as url, pytest.raises(SourceError, match=f"invoices of the team {TEAM}: {words}"):
        rows(source(cloud, url=url), NOVEMBER)
    assert len(asked) <= 100


def test_what_has_not_changed_is_not_sent_again(cloud: Heroku) -> None:
    cloud.invoices[TEAM] = [team_invoice(OCTOBER, charges_total=100, total=100)]
    asked = source(cloud)
    first = [*asked.read(NOVEMBER)]
    assert {line[-3:] for line in cloud.asked} == {"200"}
    cloud.asked.clear()
    assert [*asked.read(NOVEMBER)] == first
    assert {line[-3:] for line in cloud.asked} == {"304"}
    cloud.asked.clear()
    cloud.invoices[TEAM] = [team_invoice(OCTOBER, charges_total=200, total=200)]
    assert [*asked.read(NOVEMBER)] != first
    assert cloud.asked[0] == f"GET /teams/{TEAM}/invoices 200"


def test_the_last_requests_of_the_hour_are_left_to_others(cloud: Heroku) -> None:
    cloud.remaining = 22
    with pytest.raises(ThrottledError, match=r"only 20 requests are left of this hour's.*collect again later"):
        rows(source(cloud), OCTOBER)
    assert len(cloud.asked) == 2


def test_every_attempt_is_booked_and_free(proxy: FaultProxy, cloud: Heroku) -> None:
    proxy.inject(Fault("status", status=500, match="invoices", times=1))
    tally = Tally()
    asked = source(cloud, url=proxy.url, attempts=2)
    booked = asked.with_ledger(tally)
    rows(booked, OCTOBER)
    team = f"the team {TEAM}"
    assert tally.calls == {
        (team, "invoices"): 2,
        (team, "info"): 1,
        (team, "usage/daily"): 1,
        (team, "usage/monthly"): 1,
    }
    assert tally.usd == 0


def test_a_team_that_is_named_by_its_id_is_not_looked_up(cloud: Heroku) -> None:
    rows(source(cloud, teams=[id_of(TEAM)]), NOVEMBER)
    assert [line.split("?")[0] for line in cloud.asked] == [
        f"GET /teams/{id_of(TEAM)}/invoices 200",
        f"GET /teams/{id_of(TEAM)}/usage/daily",
    ]


TEAM_ROLE = f"For the team {TEAM} it takes a key whose user has the role admin in the team {TEAM}, and whose scope is"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, TEAM_ROLE),
        (
            {"teams": [], "enterprise_accounts": ["acme"]},
            "For the enterprise account acme it takes a key whose user has the permission billing in",
        ),
        ({"teams": []}, "For the key's own account it takes a key whose user is the one that is invoiced"),
    ],
    ids=["team", "enterprise", "own"],
)
def test_a_refusal_says_which_role_is_needed(cloud: Heroku, settings: dict[str, Any], words: str) -> None:
    cloud.accounts["acme"] = [TEAM]
    cloud.refused["usage|invoices"] = 403
    asked = source(cloud, **settings)
    with pytest.raises(AuthError, match=rf"answered 403; check api_key .*You do not have access.*{re.escape(words)}"):
        asked.test()
    with pytest.raises(AuthError, match=re.escape(words)):
        rows(asked, OCTOBER)


def test_a_key_that_is_wrong_is_told_and_not_shown(cloud: Heroku) -> None:
    with pytest.raises(
        AuthError, match=r"answered 401; check api_key \(HEROKU_API_KEY\).*Invalid credentials"
    ) as caught:
        source(cloud, api_key="HRKU-wrong").test()
    assert "HRKU" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"teams": ["nope"]},
            "There is no team 'nope', or the key's user is no member: `heroku teams` lists its teams",
        ),
        ({"teams": [], "enterprise_accounts": ["nope"]}, "There is no enterprise account 'nope'"),
    ],
)
def test_what_is_not_there_is_told_by_its_name(cloud: Heroku, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(NotFoundError, match=words):
        source(cloud, **settings).test()


def test_what_a_team_does_not_have_can_be_left_out(cloud: Heroku) -> None:
    cloud.usage[TEAM].add(date(2026, 10, 5), "web", partner=Decimal(10))
    cloud.invoices[TEAM] = [team_invoice(OCTOBER, charges_total=1100, total=1100)]
    cloud.refused["invoices"] = 403
    assert total(rows(source(cloud, reports=["usage"]), OCTOBER)) == 10
    assert source(cloud, reports=["usage"]).test() == f"the team {TEAM}: usage of 0 apps this month"
    cloud.refused = {"usage": 404}
    assert total(rows(source(cloud, reports=["invoices"]), OCTOBER)) == 11
    assert source(cloud, reports=["invoices"]).test() == f"the team {TEAM}: 1 invoices"


EVERY = ["invoices", "daily", "monthly", f"{TEAM}$"]


@pytest.mark.parametrize("match", EVERY)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("status", status=401), AuthError),
        (Fault("status", status=403), AuthError),
        (Fault("status", status=404), NotFoundError),
        (Fault("status", status=429), ThrottledError),
        (Fault("status", status=429, headers={"Retry-After": "1000"}), ThrottledError),
        (Fault("status", status=500), UnreachableError),
        (Fault("reset"), UnreachableError),
        (Fault("cut"), UnreachableError),
        (Fault("truncate"), SourceError),
        (Fault("replace", change=lambda _: b"<html>"), SourceError),
        (Fault("replace", change=lambda _: b'{"id": 7}'), BillError),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else value.__name__,
)
def test_every_fault_is_an_error_of_its_kind(
    proxy: FaultProxy, cloud: Heroku, match: str, fault: Fault, error: type[SourceError]
) -> None:
    proxy.inject(replace(fault, match=match))
    with pytest.raises(error) as caught:
        rows(source(cloud, url=proxy.url), OCTOBER)
    assert str(caught.value).startswith("heroku: the Heroku Platform API")
    assert KEY not in str(caught.value)
    proxy.clear()
    assert total(rows(source(cloud, url=proxy.url), OCTOBER)) == 10


def test_a_hang_ends_with_the_timeout(proxy: FaultProxy, cloud: Heroku) -> None:
    proxy.inject(Fault("hang", match="daily"))
    with pytest.raises(UnreachableError, match="failed 1 times, at last by ReadTimeout"):
        rows(source(cloud, url=proxy.url, timeout=0.2), OCTOBER)


@pytest.mark.parametrize(
    ("match", "renamed", "words"),
    [
        (
            "daily",
            ('"addons"', '"add_ons"'),
            "usage/daily of the team storefront.* has no addons; it has: add_ons, apps",
        ),
        ("daily", ('"app_name"', '"name"'), "2026-10-05..2026-10-05, apps: has no app_name"),
        ("daily", ('"apps"', '"applications"'), "has no apps"),
        ("daily", ('"date"', '"day"'), "has no date"),
        ("daily", ('"2026-10-05"', '"2026-10-04"'), "told 2026-10-04 twice"),
        ("daily", ('"2026-10-05"', '"2026-09-30"'), "told 2026-09-30, which is no day of 2026-10-01..2026-10-31"),
        ("daily", ('"2026-10-05"', '"10/05/2026"'), "date is no day such as 2026-10-31: '10/05/2026'"),
        ("daily", ('"partner": 10', '"partner": "10"'), "partner is no number: '10'"),
        ("monthly", ('"2026-10"', '"2026-09"'), "told 2026-09 when asked for 2026-10"),
        ("monthly", ('"dynos"', '"dyno_units"'), "has no dynos"),
        ("invoices", ('"total"', '"sum"'), "202610: has no total"),
    ],
)
def test_a_schema_that_changed_is_told(
    proxy: FaultProxy, cloud: Heroku, match: str, renamed: tuple[str, str], words: str
) -> None:
    def change(body: bytes) -> bytes:
        old, new = (each.encode() for each in renamed)
        assert old in body
        return body.replace(old, new)

    proxy.inject(Fault("replace", match=match, change=change))
    with pytest.raises(BillError, match=words):
        rows(source(cloud, url=proxy.url), OCTOBER)


@pytest.mark.parametrize(
    ("match", "words"),
    [
        ("daily", "told 2026-10-01 twice"),
        ("monthly", "told 2026-10 twice"),
        ("invoices", "the invoice 202610 is listed twice"),
    ],
)
def test_what_is_delivered_twice_is_refused(proxy: FaultProxy, cloud: Heroku, match: str, words: str) -> None:
    proxy.inject(Fault("replace", match=match, change=lambda body: body[:-1] + b"," + body[1:]))
    with pytest.raises(BillError, match=words):
        rows(source(cloud, url=proxy.url), OCTOBER)


def test_an_app_that_is_told_twice_is_refused(proxy: FaultProxy, cloud: Heroku) -> None:
    def change(body: bytes) -> bytes:
        app = re.search(rb'"apps": \[(\{[^}]+\})', body)
        assert app
        return body.replace(app[1], app[1] + b", " + app[1])

    proxy.inject(Fault("replace", match="daily", change=change))
    with pytest.raises(BillError, match=r"storefront, 2026-10-05\.\.2026-10-05: told web twice"):
        rows(source(cloud, url=proxy.url), OCTOBER)


def test_nothing_is_yielded_before_a_fault_of_the_same_owner(proxy: FaultProxy, cloud: Heroku) -> None:
    proxy.inject(Fault("truncate", match="monthly"))
    asked = source(cloud, url=proxy.url)
    with pytest.raises(SourceError, match="cut short or no JSON"):
        next(asked.fetch(Span(asked.name, Period(OCTOBER, NOVEMBER))))
