"""How to have every source there is read something. A new source adds its entry to CASES, and no test."""

from __future__ import annotations

import csv
import json
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from outlay.core.span import Period, Window, next_month
from tests.charges import midnight

ROOT = Path(__file__).parents[2]
NAME = "contract-2"
TODAY = datetime.now(UTC).date()
WINDOW = Window(Period.last(40, until=TODAY))

Fixture = Callable[[str], Any]  # gives the value of a fixture by its name


@dataclass(frozen=True, slots=True)
class Case:
    """Settings under which a source has rows in WINDOW, and which of what they hold is secret."""

    settings: Mapping[str, Any]
    secrets: tuple[str, ...] = ()


def _demo(_: Fixture) -> Case:
    return Case({"months": 2})


def _files(fixture: Fixture) -> Case:
    """A FOCUS file with a charge for each day, and one for the month before."""
    path = fixture("tmp_path") / "focus.csv"
    rows = [_focus(day, "Usage", "1.5") for day in WINDOW.days.each_day()]
    refund = _focus(TODAY - timedelta(days=40), "Credit", "-0.000000000000000001")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(refund))
        writer.writeheader()
        writer.writerows([*rows, refund])
    return Case({"path": str(path), "storage_options": {"AWS_SECRET_ACCESS_KEY": "hush-1"}}, ("hush-1",))


def _focus(day: date, category: str, cost: str) -> dict[str, str]:
    times = {
        "ChargePeriodStart": midnight(day),
        "ChargePeriodEnd": midnight(day + timedelta(days=1)),
        "BillingPeriodStart": midnight(day.replace(day=1)),
        "BillingPeriodEnd": midnight(next_month(day)),
    }
    return {
        "BilledCost": cost,
        "EffectiveCost": cost,
        "BillingCurrency": "EUR",
        "ChargeCategory": category,
        "ProviderName": "Microsoft",
        "ServiceName": "Virtual Machines",
        "Tags": '{"team": "core"}',
        **{name: f"{time:%Y-%m-%dT%H:%M:%SZ}" for name, time in times.items()},
    }


def _aws(fixture: Fixture) -> Case:
    """Moto answers each new question with the next answer it was given, whatever the question."""
    url: str = fixture("moto")
    answers = []
    for days in WINDOW.days.each_month():
        answers.append(_answer(days.start, ["Amazon Elastic Compute Cloud", "eu-west-1"], "10.0000000001"))
        answers.append(_answer(days.start, ["Credit", "Amazon Simple Storage Service"], "-1"))
    body = json.dumps({"account_id": "123456789012", "results": answers}).encode()
    request = urllib.request.Request(
        f"{url}/moto-api/static/ce/cost-and-usage-results", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10):
        pass
    secrets = {"access_key_id": "AKIDHUSH", "secret_access_key": "hush-2", "session_token": "hush-3"}
    return Case({"endpoint_url": url, "attempts": 1, **secrets}, ("AKIDHUSH", "hush-2", "hush-3"))


def _answer(day: date, keys: list[str], cost: str) -> dict[str, Any]:
    amount = {"Amount": cost, "Unit": "USD"}
    return {
        "ResultsByTime": [
            {
                "TimePeriod": {"Start": str(day), "End": str(day + timedelta(days=1))},
                "Estimated": False,
                "Groups": [{"Keys": keys, "Metrics": {"UnblendedCost": amount, "AmortizedCost": amount}}],
            }
        ]
    }


CASES: Mapping[str, Callable[[Fixture], Case]] = {"aws": _aws, "demo": _demo, "files": _files}


def case_of(plugin: str, fixture: Fixture) -> Case:
    """The case. Raises LookupError that tells whoever adds a source what is missing."""
    if plugin not in CASES:
        raise LookupError(
            f"the contracts cannot be tested on the source {plugin!r}: "
            f"CASES of {Path(__file__).relative_to(ROOT)} does not say how to have it read something"
        )
    return CASES[plugin](fixture)
