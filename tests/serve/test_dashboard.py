"""The dashboard in a real browser over a real server. Today is 21 October 2026."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.request import urlopen

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from outlay import reports
from outlay.core.errors import StoreError
from outlay.core.money import shown
from outlay.core.query import CostQuery, Filter, Measure
from outlay.core.settings import Dashboard
from outlay.core.span import Period
from outlay.serve.dashboard import blocks, mount
from outlay.state import Run, State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.serve.stores import Store

TODAY = date(2026, 10, 21)
USUAL = Period.last(30, TODAY)
AWS = (Filter("provider", ("aws",)),)
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
# A page loads five megabytes of scripts, which takes its time beside other tests.
expect.set_options(timeout=30_000)

PROVIDERS = ("AWS", "Google Cloud", "Heroku", "Microsoft")


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "today", lambda: TODAY)


def bills() -> list[dict[str, Any]]:
    """70 days, 25 accounts, 4 providers, 15 services, 2 currencies, credits; of AWS, 2 days are estimates."""
    rows = []
    for day in Period.last(70, TODAY).each_day():
        for account in range(25):
            provider = PROVIDERS[account % 4]
            cost = Decimal(100 + 7 * account + day.day) / 11 + Decimal("0.000000000000000001")
            more: dict[str, Any] = {
                "service_name": f"Service {account % 15}",
                "sub_account_id": f"account-{account:02}",
                "billing_currency": "EUR" if provider == "Microsoft" else "USD",
                "effective_cost": round(cost * 3 / 4, 9),
                "provisional": provider == "AWS" and day >= TODAY - timedelta(days=2),
            }
            rows.append(charge(day, f"{cost:.18f}", provider=provider, **more))
        credit: dict[str, Any] = {
            "charge_category": "Credit",
            "service_name": None,
            "sub_account_id": "account-00",
        }
        rows.append(charge(day, "-3.25", **credit))
    return rows


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    found = Lake(path=str(tmp_path_factory.mktemp("dashboard") / "lake"))
    put(found, bills())
    return found


@pytest.fixture(scope="module")
def served(lake: Lake) -> Store:
    return Store(lake)


@pytest.fixture
def store(served: Store) -> Iterator[Store]:
    yield served
    served.error = served.gate = None


@pytest.fixture(scope="module")
def remembered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    found = State(f"sqlite:///{tmp_path_factory.mktemp('state')}/state.db")
    found.record_run(Run("prod", "prod 2026-10", datetime.now(UTC) - timedelta(hours=3), 1.5, 4))
    found.record_run(Run("azure", "azure 2026-10", datetime.now(UTC), 0.25, error="no such export"))
    yield found
    found.close()


def mounted(store: Any, state: State) -> FastAPI:
    app = FastAPI()

    @app.get("/healthz")
    async def healthz() -> str:
        return "ok"

    mount(app, store, state, Dashboard())
    return app


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The URL of the app on a free port."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", log_config=None))
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def url(served: Store, remembered: State) -> Iterator[str]:
    with serving(mounted(served, remembered)) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Where Debian has none, the one that `playwright install` brought.
        yield playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", NO_NETWORK],
        )


@pytest.fixture(scope="module")
def light(browser: Browser) -> BrowserContext:
    """One for all tests: it keeps what it once loaded."""
    return browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")


class Watched:
    """Opens pages and notes every complaint in their console, and every request that goes elsewhere."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.complaints: list[str] = []
        self.pages: list[Page] = []

    def __call__(self, url: str, width: int = 1440) -> Page:
        page = self.context.new_page()
        self.pages.append(page)
        page.set_viewport_size({"width": width, "height": 900})
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self.seen)
        page.goto(url)
        expect(page.locator("#footer")).to_contain_text("Read at")
        return page

    def seen(self, request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:")):
            self.complaints.append(request.url)

    def close(self) -> None:
        for page in self.pages:
            page.close()
        assert self.complaints == []


@pytest.fixture
def opened(light: BrowserContext) -> Iterator[Watched]:
    watched = Watched(light)
    yield watched
    watched.close()


def total(
    store: Any, days: Period, currency: str, filters: tuple[Filter, ...] = (), measure: Measure = "billed"
) -> str:
    return shown(reports.costs(store, CostQuery(days, (), filters, measure)).totals[currency], currency)


def amounts(page: Page, place: str) -> list[Decimal]:
    """The costs of a ranking's rows; the total is the last."""
    return [Decimal(each.replace(",", "")) for each in page.locator(f"{place} td.cost").all_inner_texts()]


def test_the_page_shows_the_numbers_of_the_reports(lake: Lake, url: str, opened: Watched) -> None:
    page = opened(url)
    month = reports.month_to_date(lake, TODAY)
    expect(page).to_have_title("Outlay")
    expect(page.locator("#month-to-date")).to_have_text(shown(month.current["USD"], "USD"))
    expect(page.locator("#last-month")).to_have_text(shown(month.previous["USD"], "USD"))
    expect(page.locator("#shown")).to_have_text(total(lake, USUAL, "USD"))
    expect(page.locator("#legend")).to_contain_text(f"AWS{total(lake, USUAL, 'USD', AWS)}")
    expect(page.locator("#currencies")).to_contain_text(total(lake, USUAL, "EUR"))
    versus = blocks.change(month.current["USD"], month.previous_same_days["USD"])
    expect(page.locator("#cards section").first).to_contain_text(f"{versus} against 1\u201320 Sep 2026")


def test_rankings_add_up_to_the_total_and_name_so_many_accounts(lake: Lake, url: str, opened: Watched) -> None:
    lake_rows = reports.costs(lake, CostQuery(USUAL, ("sub_account",))).rows
    dearest = next(row for row in lake_rows if row["currency"] == "USD")
    page = opened(url)
    expect(page.locator("#accounts tbody tr").first).to_contain_text(dearest["sub_account"])
    for place in ("#services", "#accounts"):
        *found, exact = amounts(page, place)
        assert abs(sum(found) - exact) <= Decimal("0.005") * len(found)
        assert shown(exact, "USD") == total(lake, USUAL, "USD")


def test_the_days_are_a_table_too_that_marks_estimates(lake: Lake, url: str, opened: Watched) -> None:
    page = opened(url)
    page.get_by_text("As a table, in USD").click()
    first = page.locator(".days tbody tr").first
    day = TODAY - timedelta(days=1)
    expect(first).to_contain_text(f"{day}")
    expect(first).to_contain_text(f"\u2248 {total(lake, Period.last(1, TODAY), 'USD', AWS).split()[0]}")
    expect(page.locator("#legend")).to_contain_text("from 19 Oct 2026 on")


def test_controls_change_the_numbers_and_the_address(lake: Lake, url: str, opened: Watched) -> None:
    page = opened(url)
    page.locator("#providers").click()
    page.get_by_role("option", name="AWS").click()
    expect(page.locator("#shown")).to_have_text(total(lake, USUAL, "USD", AWS))
    expect(page.locator("#currencies")).to_be_hidden()
    page.keyboard.press("Escape")
    page.get_by_text("Effective").click()
    expect(page.locator("#shown")).to_have_text(total(lake, USUAL, "USD", AWS, "effective"))
    page.locator("#dates").click()
    page.get_by_text("Last 7 days").click()
    expect(page.locator("#shown")).to_have_text(total(lake, Period.last(7, TODAY), "USD", AWS, "effective"))
    assert page.url == f"{url}/?start_date=2026-10-14&end_date=2026-10-20&provider=aws&measure=effective"
    page.go_back()
    expect(page.locator("#shown")).to_have_text(total(lake, USUAL, "USD", AWS, "effective"))


def test_an_address_is_a_view_to_share(lake: Lake, url: str, opened: Watched) -> None:
    page = opened(f"{url}/?start_date=2026-09-01&end_date=2026-09-30&currency=EUR&provider=azure")
    days = Period(date(2026, 9, 1), date(2026, 10, 1))
    expect(page.locator("#shown")).to_have_text(total(lake, days, "EUR"))
    expect(page.locator("#dates")).to_contain_text("1 Sep 2026 \u2013 30 Sep 2026")
    expect(page.locator("main")).not_to_contain_text("USD")


def test_currencies_are_shown_one_at_a_time(lake: Lake, url: str, opened: Watched) -> None:
    page = opened(url)
    page.locator("#currency").get_by_text("EUR").click()
    expect(page.locator("#shown")).to_have_text(total(lake, USUAL, "EUR"))
    expect(page.locator("#legend")).not_to_contain_text("AWS")


def test_dark_follows_the_system_then_the_choice_which_is_remembered(url: str, browser: Browser) -> None:
    dark = Watched(browser.new_context(color_scheme="dark"))
    page = dark(url)
    root = page.locator("html")
    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
    page.get_by_label("Switch between light and dark").click()
    expect(root).to_have_attribute("data-mantine-color-scheme", "light")
    page.reload()
    expect(page.locator("#footer")).to_contain_text("Read at")
    expect(root).to_have_attribute("data-mantine-color-scheme", "light")
    dark.close()


def test_a_phone_needs_no_sideways_scrolling(url: str, opened: Watched) -> None:
    page = opened(url, width=390)
    fits = "document.documentElement.scrollWidth <= innerWidth"
    expect(page.locator("#daily .barlayer")).to_be_visible()
    assert page.evaluate(fits)
    page.get_by_text("As a table, in USD").click()
    page.locator("#dates").click()
    expect(page.get_by_text("Last 90 days")).to_be_visible()
    assert page.evaluate(fits)


def test_sources_tell_their_age_and_why_they_are_not_newer(url: str, opened: Watched) -> None:
    page = opened(url)
    expect(page.locator(".sources li", has_text="prod")).to_contain_text("freshcollected 3 h ago")
    failed = page.locator(".sources li", has_text="azure")
    expect(failed).to_contain_text("failednever collected")
    expect(failed).to_contain_text(re.compile("(just now|min ago): no such export"))


def test_an_empty_store_tells_what_to_do_then_shows_what_was_collected(
    tmp_path: Path, remembered: State, opened: Watched
) -> None:
    empty = Lake(path=str(tmp_path / "lake"))
    with serving(mounted(empty, remembered)) as url:
        page = opened(url)
        expect(page.locator("#nothing")).to_contain_text("outlay collect")
        expect(page.locator("#numbers")).to_be_hidden()
        put(empty, [charge(date(2026, 8, 2), "5")])
        page.reload()
        page.get_by_text("Show August 2026").click()
        expect(page.locator("#shown")).to_have_text("5.00 USD")


def test_a_store_that_fails_says_so(store: Store, url: str, opened: Watched) -> None:
    store.error = StoreError("cannot read the lake at ./data: no space")
    page = opened(url)
    expect(page.get_by_role("alert")).to_contain_text("cannot read the lake at ./data: no space")
    expect(page.locator("#numbers")).to_be_hidden()
    store.error = None
    page.get_by_text("Effective").click()
    expect(page.locator("#shown")).to_contain_text("USD")
    expect(page.locator("#alert")).to_be_empty()


def test_a_wrong_address_names_the_choices_and_the_way_out(url: str, opened: Watched) -> None:
    page = opened(f"{url}/?measure=gross")
    expect(page.get_by_role("alert")).to_contain_text("no measure named 'gross'; there are: billed, effective")
    page.get_by_text("Show the usual view").click()
    expect(page.locator("#shown")).to_contain_text("USD")


def test_slow_questions_hold_up_no_other_request(store: Store, url: str, browser: Browser) -> None:
    store.gate = Event()
    page = browser.new_page()
    try:
        page.goto(url)
        assert store.waiting.wait(20)
        with urlopen(f"{url}/healthz", timeout=5) as answer:
            assert answer.status == 200
    finally:
        store.gate.set()
        expect(page.locator("#footer")).to_contain_text("Read at")
        page.close()


def test_other_routes_win_and_unknown_paths_stay_unknown(store: Store, remembered: State) -> None:
    app = mounted(store, remembered)
    with TestClient(app) as client:
        assert client.get("/").headers["content-type"].startswith("text/html")
        assert client.get("/healthz").json() == "ok"
        assert client.get("/api/v1/nope").status_code == 404
        assert list(client.get("/openapi.json").json()["paths"]) == ["/healthz"]


def test_a_dashboard_that_is_off_is_not_there(store: Store, remembered: State) -> None:
    app = FastAPI()
    mount(app, store, remembered, Dashboard(enabled=False))
    with TestClient(app) as client:
        assert client.get("/").status_code == 404
