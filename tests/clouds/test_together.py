"""All providers at once, collected by the command line as a person would: one store, and totals to the last digit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.serve.metrics import render
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.cli.conftest import Done, process
from tests.clouds import every
from tests.clouds.__main__ import started, write_settings
from tests.clouds.cloud import Cloud
from tests.clouds.faults import Fault, FaultProxy
from tests.clouds.months import ASKED, YESTERDAY, bill, given, restated


@pytest.fixture(scope="module")
def clouds() -> Iterator[Mapping[str, Cloud]]:
    with started() as found:
        yield found


def outlay(folder: Path, *words: str) -> Done:
    return process("--config", str(folder / "outlay.yaml"), *words, cwd=folder)


def totals(folder: Path) -> dict[str, Decimal]:
    days = ("--start-date", str(ASKED.start), "--end-date", str(ASKED.end))
    done = outlay(folder, "costs", *days, "--group-by", "source", "--format", "json")
    assert done.code == 0, done.err
    return {row["source"]: Decimal(row["cost"]) for row in json.loads(done.out)["rows"]}


def test_one_store_is_filled_from_all_and_again_when_they_restate(clouds: Mapping[str, Cloud], tmp_path: Path) -> None:
    write_settings(tmp_path, clouds)
    for charges in (bill(), restated(bill())):
        for cloud in clouds.values():
            cloud.give(charges)
        done = outlay(tmp_path, "collect", "--start-date", str(ASKED.start))
        assert done.code == 0, done.err
        want = {name: sum(given(every.told(cloud, charges)).values()) for name, cloud in clouds.items()}
        assert totals(tmp_path) == want
    done = outlay(tmp_path, "test-auth")
    assert (done.code, done.out.count("  ok  ")) == (0, len(clouds)), done.out
    restated_by = {each["source"] for each in json.loads(outlay(tmp_path, "restatements", "--format", "json").out)}
    assert restated_by == set(clouds)


def test_one_that_fails_is_seen_everywhere_and_the_others_are_fresh(
    clouds: Mapping[str, Cloud], tmp_path: Path
) -> None:
    names = ("heroku", "oci")
    proxy = FaultProxy(clouds["heroku"].url)
    some: dict[str, Any] = {name: clouds[name] for name in names}
    write_settings(tmp_path, some)
    file = tmp_path / "outlay.yaml"
    file.write_text(file.read_text().replace(clouds["heroku"].url, proxy.url))
    for cloud in some.values():
        cloud.give(bill())
    try:
        assert outlay(tmp_path, "collect", "--start-date", str(ASKED.start)).code == 0
        before = totals(tmp_path)
        for cloud in some.values():
            cloud.give(restated(bill()))
        proxy.inject(Fault("status", status=429, headers={"Retry-After": "0"}))
        done = outlay(tmp_path, "collect", "--start-date", str(ASKED.start))
        assert done.code == 3
        assert "heroku failed, its last good data is kept" in done.err
    finally:
        proxy.close()
    after = totals(tmp_path)
    stored_away = sum(each.amount for each in bill() if each.day == YESTERDAY and each.service == "storage")
    assert after["heroku"] == before["heroku"]
    assert after["oci"] == before["oci"] + Decimal("4.40") - Decimal("0.75") - stored_away
    runs = json.loads(outlay(tmp_path, "runs", "--source", "heroku", "--format", "json").out)
    assert runs[0]["code"] == "throttled"
    with closing(State(f"sqlite:///{tmp_path}/data/state.db")) as state:
        metrics = render(Lake(path=str(tmp_path / "data")), state, names, ASKED.end).decode()
    assert 'outlay_source_up{source="heroku"} 0.0' in metrics
    assert 'outlay_source_error{code="throttled",source="heroku"} 1.0' in metrics
    assert 'outlay_source_up{source="oci"} 1.0' in metrics
