"""What people get after `outlay collect`, by every family of channels: where to look is in all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from outlay.serve.dashboard.view import View
from tests.cli.conftest import Outlay
from tests.notify.mails import Mails, serve
from tests.notify.sink import Sink
from tests.sources.bills.focus_bills import charge, write

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of apprise

PAGE = "https://costs.example.com/all"
SETTINGS = """
clouds:
  files: {{path: bills}}
api: {{public_url: {page}/}}
dashboard: {{enabled: {enabled}}}
monitoring:
  thresholds:
    daily: {{warning: 100}}
  notifications:
    email: {{host: 127.0.0.1, port: {port}, security: none, sender: costs@example.com, to: [ops@example.com]}}
    webhook:
      - {{name: generic, url: {sink}/generic, allow_private: true}}
      - {{name: slack, url: {sink}/slack, allow_private: true, format: slack}}
      - {{name: teams, url: {sink}/teams, allow_private: true, format: teams}}
    urls: ["{json}/apprise"]
"""


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink()
    yield found
    found.close()


@pytest.fixture
def mails() -> Iterator[tuple[Mails, int]]:
    found = Mails()
    server = serve(found, None)
    yield found, server.port
    server.stop()


def settings(folder: Path, sink: Sink, port: int, *, enabled: str = "true") -> None:
    """A threshold that the bills of the last days pass, and every kind of channel."""
    told = {"page": PAGE, "enabled": enabled, "port": port, "sink": sink.url}
    told["json"] = sink.url.replace("http://", "json://")
    (folder / "outlay.yaml").write_text(SETTINGS.format(**told))
    days = [(datetime.now(UTC) - timedelta(days=ago)).date() for ago in range(1, 7)]
    bill = [charge(ChargePeriodStart=f"{on}", ChargePeriodEnd=f"{on}T23:59:59", BilledCost="150") for on in days]
    write(folder / "bills" / "now.csv", *bill)


def posted(sink: Sink, path: str) -> Any:
    """What came in there."""
    (found,) = [each.json for each in sink.posts if each.path == path]
    return found


def text_of(mails: Mails, kind: str) -> str:
    """A part of the one mail that came."""
    (mail,) = mails.taken
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_where_to_look_is_in_all_that_is_told(
    outlay: Outlay, folder: Path, sink: Sink, mails: tuple[Mails, int]
) -> None:
    taken, port = mails
    settings(folder, sink, port)
    assert outlay("collect").code == 0
    generic = posted(sink, "/generic")
    url = generic["url"]
    assert url.startswith(f"{PAGE}/?start_date=")
    view = View.of_search(urlsplit(url).query)
    assert view.days is not None
    assert f"150.00 USD on {view.days.start}, over 100 (daily)" == generic["title"]
    assert (len(view.days), view.currency) == (1, "USD")
    assert url in text_of(taken, "plain").splitlines()
    escaped = url.replace("&", "&amp;")
    assert f'<a href="{escaped}"' in text_of(taken, "html")
    assert f"<{escaped}|Look at it>" in json.dumps(posted(sink, "/slack"))
    assert posted(sink, "/teams")["attachments"][0]["content"]["actions"][0]["url"] == url
    assert url in posted(sink, "/apprise")["message"].splitlines()


def test_without_a_dashboard_there_is_no_link(
    outlay: Outlay, folder: Path, sink: Sink, mails: tuple[Mails, int]
) -> None:
    taken, port = mails
    settings(folder, sink, port, enabled="false")
    assert outlay("collect").code == 0
    assert posted(sink, "/generic")["url"] is None
    assert PAGE not in text_of(taken, "plain")
    assert PAGE not in text_of(taken, "html")


def test_a_trial_has_the_link(outlay: Outlay, folder: Path, sink: Sink, mails: tuple[Mails, int]) -> None:
    settings(folder, sink, mails[1])
    assert outlay("alerts", "test", "--channel", "generic").code == 0
    assert posted(sink, "/generic")["url"] == f"{PAGE}/"


@pytest.mark.parametrize(
    "url",
    ["costs.example.com", "ftp://x", "https://u:p@x", "https://x/?a=b", "https://x/#a", "https://x y", "https://é"],
)
def test_what_is_no_address_of_a_server(outlay: Outlay, folder: Path, url: str) -> None:
    (folder / "outlay.yaml").write_text(f"api: {{public_url: '{url}'}}\n")
    done = outlay("alerts")
    assert done.code != 0
    assert "outlay.yaml:1: api.public_url: should be a URL such as https://costs.example.com" in done.err
