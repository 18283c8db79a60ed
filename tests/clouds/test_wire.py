"""What goes wrong on the wire ends as a typed error; the last good data stays, and other sources are fresh."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outlay.collect import Ask, refresh
from outlay.core import plugins
from outlay.core.ports import Source, Warehouse
from outlay.core.span import Period
from outlay.state import Limits, State
from tests.clouds import tls
from tests.clouds.cloud import Cloud
from tests.clouds.faults import Fault, FaultProxy
from tests.clouds.months import YESTERDAY, bill, restated, stored
from tests.sources.bills.focus_bills import charge, write

DAYS = Period(YESTERDAY - timedelta(days=1), YESTERDAY + timedelta(days=1))  # few: who is in trouble is asked often
ASK = Ask(DAYS, limits=Limits())

FAULTS = {
    "401": (Fault("status", status=401), {"auth"}),
    "403": (Fault("status", status=403), {"auth"}),
    "404": (Fault("status", status=404), {"not-found"}),
    "429": (Fault("status", status=429), {"throttled"}),
    "429 and when to come back": (Fault("status", status=429, headers={"Retry-After": "1"}), {"throttled"}),
    "500": (Fault("status", status=500), {"unreachable"}),
    "hang": (Fault("hang"), {"unreachable"}),
    "reset": (Fault("reset"), {"unreachable"}),
    "cut": (Fault("cut"), {"unreachable", "source", "bill"}),
    "truncated": (Fault("truncate"), {"unreachable", "source", "bill"}),
}


@pytest.fixture(scope="module")
def proxy(cloud: Cloud) -> Iterator[FaultProxy]:
    secured: tls.Tls | None = getattr(cloud, "tls", None)  # whose certificate is for 127.0.0.1, ours too then
    files = (secured.cert, secured.ca) if secured else ()
    with closing(FaultProxy(cloud.url, *files)) as found:
        yield found


def read_through(cloud: Cloud, url: str) -> Source:
    settings: dict[str, Any] = {"name": cloud.plugin, **cloud.settings(url), "timeout": 1, "attempts": 3}
    found: Source = plugins.load("sources", cloud.plugin).model_validate(settings)
    return found


@pytest.fixture
def other(tmp_path: Path) -> Source:
    """A source that nothing is wrong with."""
    found: Source = plugins.load("sources", "files").model_validate(
        {"path": str(write(tmp_path / "bill.csv", charge()))}
    )
    return found


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_is_typed_and_loses_nothing(
    what: str, cloud: Cloud, proxy: FaultProxy, *, other: Source, warehouse: Warehouse, state: State
) -> None:
    fault, codes = FAULTS[what]
    charges = [each for each in bill() if each.day in DAYS]
    cloud.give(charges)
    proxy.clear()
    runs = refresh([read_through(cloud, proxy.url)], warehouse, state, ASK)
    assert [run.error for run in runs if run.error] == []
    before = stored(warehouse, cloud.plugin)
    assert before

    cloud.give(restated(charges))
    proxy.inject(fault)
    runs = refresh([read_through(cloud, proxy.url), other], warehouse, state, ASK)
    (failed,) = (run for run in runs if run.source == cloud.plugin and run.error is not None)
    assert failed.code in codes, failed.error
    assert stored(warehouse, cloud.plugin) == before
    assert {each.source: (each.stale, each.code) for each in state.freshness()} == {
        cloud.plugin: (True, failed.code),
        "files": (False, None),
    }

    proxy.clear()
    runs = refresh([read_through(cloud, proxy.url)], warehouse, state, ASK)
    assert [run.error for run in runs if run.error] == []
    assert stored(warehouse, cloud.plugin) != before
    assert not any(each.stale for each in state.freshness())
