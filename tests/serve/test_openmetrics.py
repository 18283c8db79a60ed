from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from outlay.core.errors import UsageError
from outlay.core.span import Period
from outlay.serve import openmetrics
from outlay.warehouses.lake import Lake
from tests.charges import charge, midnight, put
from tests.serve.conftest import day

AUTUMN = Period(date(2026, 9, 1), date(2026, 10, 6))
FIFTH = int(midnight(day(5)).timestamp())


def lines(lake: Lake, *groups: str, days: Period = AUTUMN, top: int = 50) -> list[str]:
    """What is rendered, line by line."""
    return openmetrics.render(lake, days, groups, top).decode().splitlines()


def parsed(text: str) -> list[Metric]:
    """The families; a series that is torn apart is refused."""
    return [*text_string_to_metric_families(text)]  # type: ignore[no-untyped-call] # it has no types


def test_each_day_has_its_own_time_and_its_exact_cost(lake: Lake) -> None:
    found = lines(lake)
    labels = 'currency="USD",measure="billed",provider="aws",source="prod"'
    assert found[0] == "# TYPE outlay_cost_daily gauge"
    assert [line for line in found if labels in line] == [
        f"outlay_cost_daily{{{labels}}} 7.25 {int(midnight(day(3, 9)).timestamp())}",
        f"outlay_cost_daily{{{labels}}} 10.5 {int(midnight(day(1)).timestamp())}",
        f"outlay_cost_daily{{{labels}}} 0.500000000000000001 {FIFTH}",
    ]
    assert found[-1] == "# EOF"


def test_days_outside_are_left_out(lake: Lake) -> None:
    found = lines(lake, days=Period(day(5), day(6)))
    assert len([line for line in found if line.startswith("outlay")]) == 2  # billed and effective


def test_it_is_openmetrics_with_sums_that_do_not_depend_on_the_group(lake: Lake) -> None:
    text = "\n".join([*lines(lake, "service", "account", "region", "tag:team", "tag:app", "service"), ""])
    families = {each.name: each.samples for each in parsed(text)}
    assert [*families] == [
        openmetrics.NAME,
        *(f"{openmetrics.NAME}_by_{name}" for name in ("service", "account", "region", "tag")),
    ]

    def total(name: str, **labels: str) -> Decimal:
        held = [s for s in families[name] if labels.items() <= {**s.labels}.items()]
        return sum((Decimal(str(s.value)) for s in held if s.labels["currency"] == "USD"), Decimal(0))

    plain = total(openmetrics.NAME)
    assert plain == 2 * Decimal("18.25")
    for name in ("service", "account", "region"):
        assert total(f"{openmetrics.NAME}_by_{name}") == plain
    for key in ("team", "app"):
        assert total(f"{openmetrics.NAME}_by_tag", key=key) == plain


def test_series_are_whole_and_odd_text_survives(empty: Lake) -> None:
    odd = 'a"b\\c\nd,{}= é'
    rows = [charge(day(n), f"{n}", service_name=odd, billing_currency=c) for n in (1, 2) for c in ("USD", "EUR")]
    put(empty, rows)
    text = "\n".join([*lines(empty, "service"), ""])
    families = parsed(text)
    assert {each.labels["service"] for each in families[1].samples} == {odd}


def test_what_is_beyond_the_largest_is_one_series(empty: Lake) -> None:
    costs = {"small": "1", "large": "9", "tiny": "0.5"}
    put(empty, [charge(day(n), cost, service_name=name) for n in (1, 2) for name, cost in costs.items()])
    found = [line for line in lines(empty, "service", top=1) if 'measure="billed"' in line and "service=" in line]
    assert [re.sub(r".*service=\"(\w+)\".*} (\S+) .*", r"\1 \2", line) for line in found] == [
        "__other__ 1.5",
        "__other__ 1.5",
        "large 9",
        "large 9",
    ]


def test_nothing_is_there(empty: Lake) -> None:
    assert [line for line in lines(empty) if not line.startswith("#")] == []
    assert lines(empty)[-1] == "# EOF"


@pytest.mark.parametrize("word", ["resource", "date", "nope"])
def test_what_days_are_not_told_by(lake: Lake, word: str) -> None:
    with pytest.raises(UsageError, match=f"named '{word}'; there are: .*service.*region"):
        lines(lake, word)


def test_an_older_store_without_charges_is_no_fault(tmp_path: Path) -> None:
    assert lines(Lake(path=str(tmp_path / "new")))[-1] == "# EOF"
