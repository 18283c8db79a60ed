"""/metrics: its text, and that a scrape never waits."""

from __future__ import annotations

import gzip
import threading
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from outlay import reports
from outlay.core.errors import StoreError
from outlay.serve import metrics
from outlay.serve.app import create_app
from outlay.serve.metrics import Exposition, exposition, render, rendering
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.serve.conftest import NEVER, TODAY, day
from tests.serve.scrape import samples

GOLDEN = Path(__file__).with_name("metrics.txt")


def test_golden(lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "__version__", "1.2.3")
    text = render(lake, state, ["prod", "azure", "new"], TODAY, Decimal(5)).decode()
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_a_month_begins_with_zero(lake: Lake, state: State) -> None:
    found = samples(render(lake, state, [], date(2026, 11, 1)), "outlay_cost_month_to_date")
    assert {(labels["provider"], value) for labels, value in found} == {("aws", 0.0), ("azure", 0.0)}


def test_the_age_of_old_data(lake: Lake, state: State) -> None:
    found = samples(render(lake, state, ["prod", "never"], date(2027, 10, 6)), "outlay_source_data_age_seconds")
    assert found == [({"source": "prod"}, 366 * 86400.0)]


def test_an_empty_store(empty: Lake, state: State) -> None:
    text = render(empty, state, [], TODAY)
    assert samples(text, "outlay_cost_month_to_date") == []
    assert samples(text, "outlay_source_up") == [({"source": "azure"}, 0.0), ({"source": "prod"}, 1.0)]


def test_rendered_again_only_for_a_change(
    lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ready = Exposition(lake, state)
    ready.refresh()
    first = ready.rendered
    ready.refresh()
    assert ready.rendered is first
    put(lake, [charge(day(4), "4", source="other")])
    ready.refresh()
    second = ready.rendered
    assert second is not None
    assert first is not None
    assert b'source="other"' in second.plain
    assert b'source="other"' not in first.plain
    monkeypatch.setattr(reports, "today", lambda: date(2026, 10, 7))
    ready.refresh()
    assert ready.rendered is not second

    def lost(_lake: Lake) -> str:
        raise StoreError("cannot read the lake at /gone")

    kept = ready.rendered
    monkeypatch.setattr(Lake, "version", lost)
    ready.refresh()
    assert ready.rendered is kept
    assert "metrics keep their last state: cannot read the lake at /gone" in caplog.text


def test_what_changed_while_rendering_is_rendered_again(
    lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writing(warehouse: Lake, *rest: Any, **more: Any) -> bytes:
        text = render(warehouse, *rest, **more)
        if b'source="other"' not in text:
            put(warehouse, [charge(day(4), "4", source="other")])
        return text

    monkeypatch.setattr(exposition, "render", writing)
    ready = Exposition(lake, state)
    ready.refresh()
    assert ready.rendered is not None
    assert b'source="other"' in ready.rendered.plain


def test_a_scrape_never_waits(lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    app = FastAPI()
    ready = Exposition(lake, state)
    metrics.mount(app, ready)
    client = TestClient(app)
    early = client.get("/metrics")
    assert (early.status_code, early.json()["code"]) == (503, "no-data")

    ready.refresh()
    rendering, release = threading.Event(), threading.Event()

    def slow(*_: object, **__: object) -> bytes:
        rendering.set()
        release.wait(5)
        return b""

    monkeypatch.setattr(exposition, "render", slow)
    put(lake, [charge(day(4), "4", source="other")])
    thread = threading.Thread(target=ready.refresh)
    thread.start()
    assert rendering.wait(5)
    response = client.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response.text.startswith("# HELP outlay_")
    release.set()
    thread.join()


def test_compressed_if_accepted(lake: Lake, state: State) -> None:
    ready = Exposition(lake, state)
    ready.refresh()
    app = FastAPI()
    metrics.mount(app, ready)
    plain = TestClient(app).get("/metrics", headers={"Accept-Encoding": "identity"})
    zipped = TestClient(app).get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert ready.rendered is not None
    assert plain.content == zipped.content == gzip.decompress(ready.rendered.zipped)


def test_collected_at_the_start_and_rendered_after(empty: Lake, state: State) -> None:
    collected = threading.Event()

    def collect(_source: str, _stop: threading.Event) -> None:
        put(empty, [charge(day(1), "1", source="new")])
        collected.set()

    with TestClient(create_app(empty, state, sources=["new"], collect=collect, schedule=NEVER)) as client:
        assert collected.wait(5)
        deadline = threading.Event()
        while b'source="new"' not in client.get("/metrics").content:
            assert not deadline.wait(0.02)
