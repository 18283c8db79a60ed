"""The cache's counts at the end of /metrics."""

from __future__ import annotations

import gzip
import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from outlay.cache import Guarded
from outlay.cache.memory import Memory
from outlay.core.settings import Api
from outlay.serve import cache_metrics
from outlay.serve.app import create_app
from outlay.serve.metrics import Exposition, exposition
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.serve.conftest import NEVER, nothing

GOLDEN = """\
# HELP outlay_cache_requests_total How often this process looked for an answer in its cache, and whether it was there.
# TYPE outlay_cache_requests_total counter
outlay_cache_requests_total{kind="answers",result="hit",type="memory"} 0.0
outlay_cache_requests_total{kind="answers",result="miss",type="memory"} 0.0
outlay_cache_requests_total{kind="queries",result="hit",type="memory"} 2.0
outlay_cache_requests_total{kind="queries",result="miss",type="memory"} 1.0
# HELP outlay_cache_errors_total Faults of the cache: answers come without it then.
# TYPE outlay_cache_errors_total counter
outlay_cache_errors_total{kind="answers",type="memory"} 1.0
outlay_cache_errors_total{kind="queries",type="memory"} 0.0
"""


@pytest.fixture
def cache() -> Guarded:
    return Guarded(Memory(2**20), "memory")


def use(cache: Guarded) -> None:
    """One miss, two hits, one fault."""
    cache.get("queries", "key", 60)
    cache.put("queries", "key", b"x", 60)
    for _ in range(2):
        cache.get("queries", "key", 60)
    cache.failed("answers", "down")


def test_golden(cache: Guarded) -> None:
    use(cache)
    assert cache_metrics.render(cache).decode() == GOLDEN
    assert cache_metrics.render(None) == b""


def test_every_metric_is_documented(cache: Guarded) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for family in text_string_to_metric_families(cache_metrics.render(cache).decode()):
        labels = "".join(f"`{label}` " for label in sorted(family.samples[0].labels))
        assert f"| `{family.name}_total` | {labels}|" in docs


def test_only_the_counts_are_made_anew_when_only_they_change(
    lake: Lake, state: State, cache: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = Exposition(lake, state, counts=lambda: cache_metrics.render(cache))
    ready.refresh(counts_only=True)
    assert ready.rendered is None, "counts alone are no metrics yet"
    ready.refresh()
    first = ready.rendered
    monkeypatch.setattr(exposition, "render", lambda *_, **__: pytest.fail("nothing else has changed"))
    ready.refresh()
    assert ready.rendered is first
    assert first is not None

    use(cache)
    ready.refresh()
    second = ready.rendered
    assert second is not None
    costs = first.plain.removesuffix(first.counts)
    assert second.plain == gzip.decompress(second.zipped) == costs + GOLDEN.encode()
    assert costs.startswith(b"# HELP outlay_cost_")
    [*text_string_to_metric_families(second.plain.decode())]


def test_counts_go_on_amid_a_collection(
    lake: Lake, state: State, cache: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposition, "CHECK_SECONDS", 0.01)
    ready, stopping = Exposition(lake, state, counts=lambda: cache_metrics.render(cache)), threading.Event()
    thread = threading.Thread(target=ready.keep_fresh, args=(stopping, lambda: True))
    thread.start()
    use(cache)
    for _ in range(500):
        if ready.rendered and ready.rendered.plain.endswith(GOLDEN.encode()):
            break
        threading.Event().wait(0.01)
    else:
        pytest.fail("the counts stand still")
    stopping.set()
    thread.join()


def test_the_server_counts_what_it_is_asked(lake: Lake, state: State, cache: Guarded) -> None:
    app = create_app(
        lake,
        state,
        sources=[],
        collect=nothing,
        schedule=NEVER,
        cache=cache,
        cache_seconds=60,
        http=Api(force_refresh_seconds=0),
    )
    client, asked = TestClient(app), "/api/v1/costs/services?start_date=2026-10-01"
    first, again, fresh = client.get(asked), client.get(asked), client.get(f"{asked}&force_refresh=true")
    assert first.content == again.content == fresh.content
    assert first.headers["etag"] == fresh.headers["etag"]
    counts = cache.counts.read()
    assert counts["queries", "hit"] == counts["queries", "miss"] > 0

    named = {"If-None-Match": first.headers["etag"]}
    assert client.get(asked, headers=named).status_code == 304
    assert client.get(f"{asked}&force_refresh=true", headers=named).status_code == 200
    assert client.get(f"{asked}&force_refresh=perhaps").status_code == 400
    assert cache.counts.read() == counts
