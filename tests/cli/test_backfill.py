"""A backfill by the command line: newest month first, told as it goes, and gone on with after kill -9."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from outlay.core.money import text
from outlay.core.span import Period
from tests.cli.conftest import Outlay, command
from tests.clouds import aws
from tests.clouds.aws import AwsCloud
from tests.clouds.cloud import Charge
from tests.clouds.faults import Fault, FaultProxy

TODAY = datetime.now(UTC).date()
ASKED = Period(TODAY - timedelta(days=100), TODAY)
CALLS = 2  # of Cost Explorer for each month: two cuts of the money
MONTHS = [*ASKED.each_month()]  # newest first


@pytest.fixture
def cloud() -> Iterator[AwsCloud]:
    """AWS, with a charge on the first day of each month that is asked for."""
    found = aws.start()
    found.give([Charge(month.start, "Amazon EC2", "eu-west-1", Decimal("1.25")) for month in MONTHS])
    yield found
    found.close()


@pytest.fixture
def proxy(cloud: AwsCloud) -> Iterator[FaultProxy]:
    found = FaultProxy(cloud.url)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def _settings(cloud: AwsCloud, proxy: FaultProxy, folder: Path) -> None:
    write(folder, cloud.settings(proxy.url))


def write(folder: Path, settings: Any, **more: Any) -> None:
    (folder / "outlay.yaml").write_text(json.dumps({"clouds": {"aws": {**settings, **more}}}))


def backfill(*more: str) -> list[str]:
    return ["collect", "--backfill", "--start-date", str(ASKED.start), "--end-date", str(TODAY - timedelta(1)), *more]


def asked(cloud: AwsCloud) -> list[str]:
    """The first days that Cost Explorer was asked for, in order."""
    return [call.request["TimePeriod"]["Start"] for call in cloud.calls()]


def killed_in(proxy: FaultProxy, spans: int) -> list[str]:
    """What a backfill said that ended by kill -9 once so many spans were stored, while it waited for the next."""
    proxy.inject(Fault("hang", match="GetCostAndUsage", after=spans * CALLS))
    with subprocess.Popen(command(*backfill()), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(spans)]
        deadline = monotonic() + 20
        while sum("GetCostAndUsage" in each for each in proxy.requests) <= spans * CALLS:  # the next one hangs
            assert monotonic() < deadline
            sleep(0.01)
        process.kill()
        lines += process.stderr.readlines()
    proxy.clear()
    assert process.returncode == -signal.SIGKILL
    return lines


def total(outlay: Outlay) -> Any:
    done = outlay("costs", "--start-date", str(ASKED.start), "--format", "json")
    return json.loads(done.out)["totals"]


def test_the_newest_month_first_with_price_and_time_left(outlay: Outlay, cloud: AwsCloud) -> None:
    planned = outlay(*backfill("--dry-run"))
    assert planned.out.splitlines() == [f"aws {month}  0.02 USD" for month in MONTHS]

    done = outlay(*backfill())

    assert done.code == 0
    lines = done.err.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"aws {month}" for month in MONTHS]
    price = len(MONTHS) * Decimal("0.02")
    for number, line in enumerate(lines, 1):
        told = rf"1 rows, 1\.25 USD, .* s \({number} of {len(MONTHS)} spans, {number * Decimal('0.02')} of {price} USD"
        assert re.search(told + (r", \d+ s left\)$" if number < len(MONTHS) else r"\)$"), line), line
    assert total(outlay) == {"USD": text(len(MONTHS) * Decimal("1.25"))}


def test_after_kill_9_it_goes_on_with_the_month_it_was_in(outlay: Outlay, cloud: AwsCloud, proxy: FaultProxy) -> None:
    lines = killed_in(proxy, 2)
    assert [line.split(": ")[0] for line in lines] == [f"aws {month}" for month in MONTHS[:2]]
    before = len(asked(cloud))

    rest = outlay(*backfill("--dry-run")).out
    assert rest.splitlines() == [f"aws {month}  0.02 USD" for month in MONTHS[2:]]
    done = outlay(*backfill())

    assert done.code == 0
    left = [str(month.start) for month in MONTHS[2:] for _ in range(CALLS)]
    assert asked(cloud)[before:] == left
    assert f"(1 of {len(MONTHS) - 2} spans" in done.err
    assert total(outlay) == {"USD": text(len(MONTHS) * Decimal("1.25"))}


def test_one_that_came_to_its_end_starts_anew(outlay: Outlay, cloud: AwsCloud) -> None:
    young = Period.last(3, TODAY)  # days that AWS still calls estimates: those it calls final are not asked for again
    for _ in range(2):
        assert outlay("collect", "--backfill", "--start-date", str(young.start)).code == 0
    assert asked(cloud)[:CALLS] * 2 == asked(cloud)[:CALLS] + asked(cloud)[-CALLS:]
    assert len(asked(cloud)) == 2 * CALLS * len([*young.each_month()])


def test_what_is_done_under_other_settings_does_not_count(
    outlay: Outlay, cloud: AwsCloud, proxy: FaultProxy, folder: Path
) -> None:
    killed_in(proxy, 2)
    write(folder, cloud.settings(proxy.url), group_by=["SERVICE"])

    rest = outlay(*backfill("--dry-run")).out

    assert [line.rsplit("  ", 1)[0] for line in rest.splitlines()] == [f"aws {month}" for month in MONTHS]


def test_without_dates_it_goes_back_as_far_as_the_settings_say(outlay: Outlay, cloud: AwsCloud) -> None:
    lines = outlay("collect", "--backfill", "--dry-run").out.splitlines()
    expected = [*Period.last(90, TODAY).each_month()]
    assert [line.rsplit("  ", 1)[0] for line in lines] == [f"aws {month}" for month in expected]


def test_a_lookback_says_how_far_back_too(outlay: Outlay) -> None:
    assert outlay("collect", "--backfill", "--lookback-days", "3").code == 2
    assert outlay(*backfill("--lookback-days", "3")).code == 2
