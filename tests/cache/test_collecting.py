"""A collection with a cache: what a process paid for a moment ago, another one does not pay for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.cache import Cache, Guarded
from outlay.cache.answers import Answers
from outlay.collect import Ask, plan, refresh
from outlay.core.ports import Source
from outlay.core.span import Period
from outlay.sources.aws import Aws
from outlay.sources.files import Files
from outlay.state import Run, State
from outlay.warehouses.lake import Lake
from tests.cache.conftest import DAY
from tests.clouds import aws
from tests.clouds.aws import AwsCloud
from tests.clouds.cloud import Charge
from tests.servers_redis import redis_server

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
PRICE = Decimal("0.02")
ASK = Ask(Period(YESTERDAY, YESTERDAY + timedelta(days=1)))


@pytest.fixture
def cloud() -> Iterator[AwsCloud]:
    with closing(aws.start()) as started:
        give(started, "1.25")
        yield started


def give(cloud: AwsCloud, amount: str) -> None:
    cloud.give([Charge(YESTERDAY, "Amazon EC2", "us-east-1", Decimal(amount))])


class Machine:
    """Where one process after the other collects, each with a store and a state of its own."""

    def __init__(self, folder: Path, source: Source) -> None:
        self.folder, self.source = folder, source
        self._processes = 0

    def collect(self, answers: Answers) -> tuple[Decimal, int, Decimal]:
        """What the store holds then, how many calls were paid, and what they would have cost before."""
        self._processes += 1
        ask = replace(ASK, answers=answers)
        lake = Lake(path=str(self.folder / f"lake{self._processes}"))
        with closing(State(f"sqlite:///{self.folder}/{self._processes}.db")) as state:
            told = sum((each.price or Decimal(0) for each in plan([self.source], lake, state, ask)), Decimal(0))
            runs = refresh([self.source], lake, state, ask)
        assert [run.error for run in runs] == [None]
        return total(runs), sum(run.paid_calls for run in runs), told


def total(runs: list[Run]) -> Decimal:
    return sum((run.totals.get("USD", Decimal(0)) for run in runs), Decimal(0))


def test_another_process_does_not_pay_again(cloud: AwsCloud, cache: Cache, tmp_path: Path) -> None:
    machine = Machine(tmp_path, Aws.model_validate(cloud.settings()))
    kept = Answers(Guarded(cache, "any"), lambda _: DAY)
    assert machine.collect(kept) == (Decimal("1.25"), 2, PRICE)
    give(cloud, "2.5")
    assert machine.collect(kept) == (Decimal("1.25"), 0, Decimal(0))
    assert machine.collect(replace(kept, fresh=True)) == (Decimal("2.5"), 2, PRICE)
    assert machine.collect(kept) == (Decimal("2.5"), 0, Decimal(0))
    assert machine.collect(Answers()) == (Decimal("2.5"), 2, PRICE)
    assert machine.collect(replace(kept, seconds=lambda _: 0)) == (Decimal("2.5"), 2, PRICE)


def test_credentials_from_elsewhere_are_told_apart_by_their_account(
    cloud: AwsCloud, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", aws.KEY.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", aws.KEY.secret_access_key)
    settings: dict[str, Any] = {"endpoint_url": cloud.url}
    kept = Answers(Guarded(cache, "any"), lambda _: DAY)
    mine = Machine(tmp_path, Aws.model_validate(settings))
    assert mine.collect(kept)[1:] == (2, PRICE)
    assert mine.collect(kept)[1:] == (0, Decimal(0))

    other = replace(aws.KEY, account="210987654321", access_key_id="AKIAOTHER", arn="arn:aws:iam::210987654321:user/o")
    cloud.server.add(other)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    (tmp_path / "other").mkdir()
    assert Machine(tmp_path / "other", Aws.model_validate(settings)).collect(kept)[1:] == (2, PRICE)


def test_a_redis_that_is_killed_amid_collections_only_slows(
    cloud: AwsCloud, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from outlay.cache.redis import Redis

    machine = Machine(tmp_path, Aws.model_validate(cloud.settings()))
    with redis_server() as server:
        kept = Answers(Guarded(Redis(server.url, 0.5), "redis"), lambda _: DAY)
        assert machine.collect(kept)[1] == 2
        assert machine.collect(kept)[1] == 0
        server.kill()
        assert machine.collect(kept) == (Decimal("1.25"), 2, PRICE)
    told = [each for each in caplog.records if "without the cache" in each.getMessage()]
    assert len(told) == 1


def test_a_source_without_a_ledger_is_as_it_was() -> None:
    files: Source = Files(path="bills")
    with closing(State("sqlite://")) as state:
        assert Answers(fresh=True).booked(files, state.books("files", ASK.limits)) is files
