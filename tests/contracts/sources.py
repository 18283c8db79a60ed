"""How to have every source there is read something.

A new source adds its stand-in to tests/clouds/every.py, or an entry to CASES, and no test.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from outlay.core import plugins
from outlay.core.span import Period, Window, next_month
from tests.charges import midnight
from tests.clouds import every
from tests.clouds.cloud import Charge, Cloud

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


def _stand_in(name: str, fixture: Fixture) -> Case:
    """A provider on 127.0.0.1 that bills something every day, and a credit."""
    cloud: Cloud = fixture("stand_in")(name)
    usage = [Charge(day, "compute", "one", Decimal("1.25")) for day in WINDOW.days.each_day()]
    cloud.give([*usage, Charge(TODAY - timedelta(days=2), "compute", "one", Decimal("-0.25"), "Credit")])
    settings = cloud.settings()
    fields = plugins.load("sources", name).model_fields
    secret = [key for key in settings if "SecretStr" in str(fields[key].annotation)]
    return Case(settings, tuple(str(settings[key]) for key in secret))


CASES: Mapping[str, Callable[[Fixture], Case]] = {
    "demo": _demo,
    "files": _files,
    **{name: partial(_stand_in, name) for name in every.NAMES},
}


def case_of(plugin: str, fixture: Fixture) -> Case:
    """The case. Raises LookupError that tells whoever adds a source what is missing."""
    if plugin not in CASES:
        raise LookupError(
            f"the contracts cannot be tested on the source {plugin!r}: neither tests/clouds/every.py"
            f" nor CASES of {Path(__file__).relative_to(ROOT)} says how to have it read something"
        )
    return CASES[plugin](fixture)
