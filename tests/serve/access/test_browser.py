"""A real browser: it asks for the key, and its page shows the money of that key alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, HttpCredentials, expect, sync_playwright

from outlay.state import State
from tests.serve.access.conftest import Serve
from tests.serve.test_dashboard import NO_NETWORK, serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", NO_NETWORK]
        )


def test_the_dashboard_by_user_and_password(serve: Serve, state: State, browser: Browser) -> None:
    _, key = state.keys.create("core", "read", {"source": ["prod"]})
    with serving(serve(open_loopback=False)) as url:
        stranger = browser.new_context().new_page()
        with pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):  # it would ask, were somebody there
            stranger.goto(url)
        context = browser.new_context(http_credentials=HttpCredentials(username="ann", password=key))
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        found = page.goto(url)
        assert found is not None
        assert found.status == 200
        expect(page.locator("#footer")).to_contain_text("Read at")
        expect(page.locator("#services")).to_contain_text("Amazon EC2")
        assert "EUR" not in page.locator("body").inner_text()
        assert "azure" not in page.content().lower()
        assert complaints == []
