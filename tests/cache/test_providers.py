"""What each provider's API was asked a while ago another process does not ask again: a real client, asked twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.cache import Cache, Guarded
from outlay.cache.answers import Answers
from outlay.cache.disk import Disk
from outlay.cache.redis import Redis
from outlay.collect import Ask, plan, refresh
from outlay.core import plugins
from outlay.core.errors import AuthError
from outlay.core.ports import Source
from outlay.core.span import Period
from outlay.state import Run, State
from outlay.warehouses.lake import Lake
from tests.cache.conftest import DAY, MIB
from tests.clouds import every, tls
from tests.clouds.cloud import Charge, Cloud
from tests.clouds.faults import Fault, FaultProxy
from tests.clouds.months import YESTERDAY
from tests.servers_redis import RedisServer

NAMES = ("aws", "azure-query", "azure-sponsorship", "gcp", "heroku")
# What is asked each time: who asks (AWS), and what there is (BigQuery).
LIVE = re.compile(r"GetCallerIdentity|ListAccounts|GET /bigquery/v2/projects/[^/]+/datasets")
ASK = Ask(Period(YESTERDAY - timedelta(days=1), YESTERDAY + timedelta(days=1)))
# The requests whose answers are the bill.
BILL = {
    "aws": "GetCostAndUsage",
    "azure-query": "CostManagement/query",
    "azure-sponsorship": "GetSubscriptionData",
    "gcp": r"GET .*/queries/",
    "heroku": "usage",
}
# Credentials of somebody else, whom the provider refuses.
OTHERS: Mapping[str, Mapping[str, Any]] = {
    "aws": {"secret_access_key": "another/secret"},
    "azure-query": {"client_secret": "another~secret"},
    "azure-sponsorship": {"cookies": ".AspNet.Cookies=another-session"},
    "heroku": {"api_key": "HRKU-another"},
}


@dataclass
class Machines:
    """One process after the other, each with a store and a state of its own, and a cache that all share."""

    cloud: Cloud
    proxy: FaultProxy
    folder: Path
    open_cache: Callable[[], Cache]
    processes: int = 0

    def source(self, **settings: Any) -> Source:
        told = {"name": self.cloud.plugin, **self.cloud.settings(self.proxy.url), "attempts": 1, **settings}
        found: Source = plugins.load("sources", self.cloud.plugin).model_validate(told)
        return found

    def collect(self, *, fresh: bool = False, **settings: Any) -> tuple[list[Run], list[Any], list[str]]:
        """The runs, the rows that the store then holds, and what the provider was asked."""
        self.processes += 1
        place = self.folder / str(self.processes)
        lake = Lake(path=str(place))
        cache = Guarded(self.open_cache(), "any")
        ask = replace(ASK, answers=Answers(cache, lambda _: DAY, fresh))
        self.proxy.requests.clear()
        with closing(State(f"sqlite:///{place}.db")) as state:
            runs = refresh([self.source(**settings)], lake, state, ask)
        asked = [each for each in self.proxy.requests if not LIVE.search(each)]
        assert cache.counts.read().get(("answers", "error"), 0) == 0
        batches = [each for source, month, _ in lake.months() for each in lake.rows(source, month)]
        return runs, sorted((row for each in batches for row in each.to_pylist()), key=str), asked

    def collected(self, **settings: Any) -> tuple[list[Any], list[str]]:
        """The rows and what was asked, where all went well."""
        runs, rows, asked = self.collect(**settings)
        assert [run.error for run in runs if run.error] == []
        assert rows
        return rows, asked

    def price(self) -> Decimal:
        """What a collection would cost."""
        place = self.folder / "plan"
        ask = replace(ASK, answers=Answers(Guarded(self.open_cache(), "any"), lambda _: DAY))
        with closing(State(f"sqlite:///{place}.db")) as state:
            planned = plan([self.source()], Lake(path=str(place)), state, ask)
            return sum((each.price or Decimal(0) for each in planned), Decimal(0))


@pytest.fixture(scope="module", params=NAMES)
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    with closing(every.start(request.param)) as found:
        yield found


@pytest.fixture(params=["disk", "redis"])
def machines(cloud: Cloud, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Machines]:
    secured: tls.Tls | None = getattr(cloud, "tls", None)
    give(cloud, "1.25")

    def open_cache() -> Cache:
        if request.param == "disk":
            return Disk(tmp_path / "cache", 64 * MIB, DAY)
        return Redis(server.url, 0.5)

    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("server")
        open_cache().clear()
    files = (secured.cert, secured.ca) if secured else ()
    with closing(FaultProxy(cloud.url, *files)) as proxy:
        yield Machines(cloud, proxy, tmp_path, open_cache)


def give(cloud: Cloud, amount: str) -> None:
    days = [YESTERDAY - timedelta(days=1), YESTERDAY]
    cloud.give([Charge(day, service, "one", Decimal(amount)) for day in days for service in ("compute", "storage")])


def total(rows: list[Any]) -> Decimal:
    """Of one cut of the money, whichever."""
    return sum((row["billed_cost"] for row in rows if row["cut"] == rows[0]["cut"]), Decimal(0))


def name(cloud: Cloud) -> str:
    return type(cloud).__module__.rpartition(".")[2].replace("_", "-")


def test_another_process_asks_for_nothing_that_was_kept_and_stores_the_same(machines: Machines) -> None:
    rows, asked = machines.collected()
    assert asked
    assert machines.collected() == (rows, [])
    assert machines.price() == 0


def test_going_round_asks_for_all_anew_and_keeps_it_for_others(machines: Machines) -> None:
    before, asked = machines.collected()
    give(machines.cloud, "2.5")
    if machines.cloud.plugin != "gcp":  # whose table tells that it changed
        assert machines.collected() == (before, [])
    after, again = machines.collected(fresh=True)
    assert (total(after), len(again)) == (2 * total(before), len(asked))
    assert machines.collected() == (after, [])


def test_somebody_else_does_not_get_it(machines: Machines) -> None:
    machines.collected()
    if machines.cloud.plugin == "gcp":  # an emulator knows nobody: another project asks
        assert machines.collected(project_id="another", dataset="outlay-billing.billing")[1]
        return
    runs, rows, _ = machines.collect(**OTHERS[name(machines.cloud)])
    assert ([run.code for run in runs], rows) == (["auth"], [])


@pytest.mark.parametrize("kind", ["truncate", "cut"])
def test_a_broken_answer_is_not_kept(machines: Machines, kind: Any) -> None:
    match = BILL[name(machines.cloud)]
    whole = 0 if machines.cloud.plugin == "gcp" else 1  # answers before it, where there are several
    machines.proxy.inject(Fault(kind, match=match, times=1, after=whole))
    runs, _, _ = machines.collect()
    assert {run.code for run in runs if run.error} <= {"unreachable", "source", "bill"}
    assert any(run.error for run in runs)
    machines.proxy.clear()
    rows, asked = machines.collected()
    assert any(re.search(match, each) for each in asked)
    assert total(rows) == 4 * Decimal("1.25")
    assert machines.collected() == (rows, [])


def test_access_is_tested_on_the_provider_itself(machines: Machines) -> None:
    machines.collected()
    machines.proxy.requests.clear()
    machines.source().test()
    if machines.cloud.plugin != "gcp":  # whose test is a dry run, as free as a look at what there is
        assert any(re.search(BILL[name(machines.cloud)], each) for each in machines.proxy.requests)
    machines.proxy.inject(Fault("status", status=401))
    with pytest.raises(AuthError):
        machines.source().test()
