"""The page of a mail in a real browser: it fits a phone, bars are as high as costs, every text can be read."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from outlay.core.message import Message, Severity
from outlay.notify._html import html
from tests.notify.messages import BARE, ODD, USUAL

NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND"
SIZES = {"desktop": {"width": 900, "height": 900}, "phone": {"width": 375, "height": 740}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", NO_NETWORK],
        )
        yield launched
        launched.close()


def shown(browser: Browser, message: Message, size: str = "desktop", scheme: Any = "light") -> Page:
    page = browser.new_page(viewport=SIZES[size], color_scheme=scheme)  # type: ignore[arg-type] # width and height
    page.on("request", lambda request: pytest.fail(f"asks for {request.url}"))
    page.set_content(html(message))
    return page


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("message", [USUAL, ODD, BARE], ids=["usual", "odd", "bare"])
def test_nothing_is_wider_than_the_window(browser: Browser, message: Message, size: str) -> None:
    page = shown(browser, message, size)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    page.close()


def test_bars_are_as_high_as_costs(browser: Browser) -> None:
    page = shown(browser, USUAL, "phone")
    columns = page.locator("td[title]")
    heights = [columns.nth(n).locator("td").bounding_box() for n in range(columns.count())]
    found = [box["height"] for box in heights if box]
    top = max(cost for _, cost in USUAL.series)
    assert found == pytest.approx([float(cost / top * 64) for _, cost in USUAL.series], abs=0.51)
    bottoms = {round(box["y"] + box["height"]) for box in heights if box}
    assert len(bottoms) == 1
    page.close()


def luminance(colour: str) -> float:
    channels = [int(each) / 255 for each in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("severity", ["critical", "warning", "resolved", "info"])
def test_every_text_can_be_read(browser: Browser, severity: Severity, scheme: str) -> None:
    """WCAG AA: 4.5 for text, 3 for what is large or no text."""
    page = shown(browser, replace(USUAL, severity=severity), scheme=scheme)
    pairs: list[list[str]] = page.evaluate(
        """[...document.querySelectorAll('body *')].filter(e => [...e.childNodes].some(
             n => n.nodeType == 3 && n.data.trim() && n.data.trim() != '\\u00a0')).map(e => {
             let b = e; while (getComputedStyle(b).backgroundColor == 'rgba(0, 0, 0, 0)') b = b.parentElement;
             return [getComputedStyle(e).color, getComputedStyle(b).backgroundColor, e.innerText] })"""
    )
    assert len(pairs) > 8
    assert [pair for pair in pairs if contrast(pair[0], pair[1]) < 4.5] == []
    page.close()


def test_the_link_is_a_link(browser: Browser) -> None:
    page = shown(browser, USUAL)
    assert page.get_by_role("link", name="Look at it").get_attribute("href") == USUAL.url
    names = page.locator("h1, p").all_inner_texts()
    assert names[0] == USUAL.title
    assert all(a != b for a, b in pairwise(names))
    page.close()
