"""/metrics: its text, and that a scrape never waits."""

from __future__ import annotations

import gzip
import threading
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from outlay import reports
from outlay.core.errors import StoreError
from outlay.serve import metrics
from outlay.serve.app import create_app
from outlay.serve.metrics import OTHER, TOP, Exposition, render
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.serve.conftest import NEVER, TODAY, day

GOLDEN = Path(__file__).with_name("metrics.txt")


def samples(text: bytes, name: str) -> list[tuple[dict[str, str], float]]:
    """The samples of one metric."""
    families = text_string_to_metric_families(text.decode())
    return [(each.labels, each.value) for family in families for each in family.samples if each.name == name]


def test_golden(lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "__version__", "1.2.3")
    text = render(lake, state, ["prod", "azure", "new"], TODAY, Decimal(5)).decode()
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_every_metric_is_documented(lake: Lake, state: State) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for family in text_string_to_metric_families(render(lake, state, [], TODAY, Decimal(5)).decode()):
        labels = "".join(f"`{label}` " for label in sorted(family.samples[0].labels))
        assert f"| `{family.name}` | {labels}|" in docs


def test_the_others_are_summed_and_nothing_is_lost(empty: Lake, state: State) -> None:
    put(
        empty,
        [charge(day(2), str(n * 0.25), service_name=f"s{n:02}", sub_account_id=f"a{n}") for n in range(60)],
    )
    put(empty, [charge(day(2), "0.5", source="two", service_name="s00")])
    put(empty, [charge(day(2), "1", source="three", billing_currency="EUR", service_name="s00")])
    text = render(empty, state, [], TODAY)
    for name in ("service", "account"):
        totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        found = samples(text, f"outlay_cost_month_to_date_by_{name}")
        for labels, value in found:
            totals[labels["currency"], labels["measure"]] += Decimal(value)
        assert totals["USD", "billed"] == totals["USD", "effective"] == Decimal("443")
        assert totals["EUR", "billed"] == 1
        billed = [labels[name] for labels, _ in found if labels["measure"] == "billed" and labels["source"] == "prod"]
        assert len(billed) == TOP + 1
        assert billed.count(OTHER) == 1
    others = samples(text, "outlay_cost_month_to_date_by_service")
    assert {labels["source"] for labels, _ in others if labels["service"] == OTHER} == {"prod", "two"}


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
    exposition = Exposition(lake, state)
    exposition.refresh()
    first = exposition.rendered
    exposition.refresh()
    assert exposition.rendered is first
    put(lake, [charge(day(4), "4", source="other")])
    exposition.refresh()
    second = exposition.rendered
    assert second is not None
    assert first is not None
    assert b'source="other"' in second.plain
    assert b'source="other"' not in first.plain
    monkeypatch.setattr(reports, "today", lambda: date(2026, 10, 7))
    exposition.refresh()
    assert exposition.rendered is not second

    def lost(_lake: Lake) -> str:
        raise StoreError("cannot read the lake at /gone")

    kept = exposition.rendered
    monkeypatch.setattr(Lake, "version", lost)
    exposition.refresh()
    assert exposition.rendered is kept
    assert "metrics keep their last state: cannot read the lake at /gone" in caplog.text


def test_what_changed_while_rendering_is_rendered_again(
    lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writing(warehouse: Lake, *rest: object) -> bytes:
        text = render(warehouse, *rest)  # type: ignore[arg-type]
        if b'source="other"' not in text:
            put(warehouse, [charge(day(4), "4", source="other")])
        return text

    monkeypatch.setattr(metrics, "render", writing)
    exposition = Exposition(lake, state)
    exposition.refresh()
    assert exposition.rendered is not None
    assert b'source="other"' in exposition.rendered.plain


def test_a_scrape_never_waits(lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    app = FastAPI()
    exposition = Exposition(lake, state)
    metrics.mount(app, exposition)
    client = TestClient(app)
    early = client.get("/metrics")
    assert (early.status_code, early.json()["code"]) == (503, "no-data")

    exposition.refresh()
    rendering, release = threading.Event(), threading.Event()

    def slow(*_: object) -> bytes:
        rendering.set()
        release.wait(5)
        return b""

    monkeypatch.setattr(metrics, "render", slow)
    put(lake, [charge(day(4), "4", source="other")])
    thread = threading.Thread(target=exposition.refresh)
    thread.start()
    assert rendering.wait(5)
    response = client.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response.text.startswith("# HELP outlay_")
    release.set()
    thread.join()


def test_compressed_if_accepted(lake: Lake, state: State) -> None:
    exposition = Exposition(lake, state)
    exposition.refresh()
    app = FastAPI()
    metrics.mount(app, exposition)
    plain = TestClient(app).get("/metrics", headers={"Accept-Encoding": "identity"})
    zipped = TestClient(app).get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert exposition.rendered is not None
    assert plain.content == zipped.content == gzip.decompress(exposition.rendered.zipped)


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
