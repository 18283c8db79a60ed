"""Limited: every answer is as if there were no other money, whatever is asked and whatever cuts there are."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay import reports
from outlay.cache import Guarded
from outlay.cache.memory import Memory
from outlay.cache.queries import CachedWarehouse
from outlay.core.limits import EVERYTHING, LimitedError, Limits, limits_of
from outlay.core.query import CostQuery, Filter
from outlay.core.span import Period
from outlay.limited import Limited
from outlay.warehouses.lake import Lake
from tests.charges import charge, put

DAY = date(2026, 10, 1)
OCTOBER = Period(DAY, date(2026, 11, 1))
CORE, WEB = [("team", "core")], [("team", "web")]
LIMITS: list[dict[str, list[str]]] = [
    {"source": ["prod"]},
    {"source": ["azure", "nowhere"]},
    {"account": ["1111"]},
    {"account": ["1111", "2222"], "source": ["prod"]},
    {"tag:team": ["core"]},
    {"tag:team": ["web"], "account": ["1111"]},
    {"source": []},
]
DIMENSIONS = ["date", "source", "provider", "sub_account", "service", "region", "tag:team"]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Charges of a source with everything in each row, of one with two cuts, and of one that knows days alone."""
    found = Lake(path=str(tmp_path_factory.mktemp("limited")))
    found.prepare()
    put(
        found,
        [
            charge(DAY, "1", sub_account_id="1111", service_name="EC2", tags=CORE),
            charge(DAY, "2", sub_account_id="2222", service_name="EC2", tags=WEB),
            charge(DAY, "4", sub_account_id="1111", service_name="S3", tags=WEB),
            charge(DAY, "8", service_name="Tax", charge_category="Tax"),
            charge(DAY, "16", "azure", "Microsoft", sub_account_id="1111", service_name="VM", tags=CORE),
            charge(DAY, "32", "cuts", cut="sub_account,tag:team", sub_account_id="1111", tags=CORE),
            charge(DAY, "64", "cuts", cut="sub_account,tag:team", sub_account_id="2222", tags=WEB),
            charge(DAY, "96", "cuts", cut="service,region", service_name="EC2", region_id="eu"),
            charge(DAY, "128", "bare", cut="source", service_name=None),
            charge(DAY, "128", "bare", cut="region", region_id="us"),
        ],
    )
    return found


def limited(lake: Lake, allowed: Limits) -> Limited:
    return Limited(lake, lambda: allowed)


def total(lake: Lake, allowed: dict[str, list[str]], *dimensions: str) -> Decimal:
    found = reports.costs(limited(lake, limits_of(allowed)), CostQuery(OCTOBER, dimensions))
    assert sum((row["cost"] for row in found.rows), Decimal(0)) == found.totals.get("USD", 0)
    return found.totals.get("USD", Decimal(0))


def test_only_that_money_is_seen(lake: Lake) -> None:
    assert total(lake, {}) == 1 + 2 + 4 + 8 + 16 + 96 + 128
    assert total(lake, {"source": ["prod"]}) == 15
    assert total(lake, {"source": ["prod", "azure"]}) == 31
    assert total(lake, {"account": ["1111"]}) == 1 + 4 + 16 + 32
    assert total(lake, {"tag:team": ["web"]}) == 2 + 4 + 64
    assert total(lake, {"tag:team": ["core"], "source": ["prod"]}) == 1
    assert total(lake, {"source": []}) == 0


def test_of_a_source_whose_cut_lacks_the_dimension_nothing_is_seen(lake: Lake) -> None:
    assert total(lake, {"source": ["bare"]}) == 128
    assert total(lake, {"source": ["bare"], "account": ["1111"]}) == 0
    assert total(lake, {"source": ["bare"], "tag:team": ["core"]}) == 0


def test_grouping_by_what_another_cut_has_shows_no_more(lake: Lake) -> None:
    assert total(lake, {"account": ["1111"]}, "service", "region") <= 1 + 4 + 16 + 32
    assert total(lake, {"source": ["cuts"], "account": ["1111"]}, "service") == 32


@given(
    allowed=st.sampled_from(LIMITS),
    dimensions=st.lists(st.sampled_from(DIMENSIONS), max_size=4, unique=True),
    asked=st.lists(st.sampled_from(["1111", "2222", None]), max_size=2),
    exclude=st.booleans(),
    limit=st.none() | st.integers(1, 3),
)
def test_no_question_gets_behind_the_limits(
    lake: Lake,
    *,
    allowed: dict[str, list[str]],
    dimensions: list[str],
    asked: list[str | None],
    exclude: bool,
    limit: int | None,
) -> None:
    filters = (Filter("sub_account", tuple(asked), exclude),) if asked else ()
    every = CostQuery(OCTOBER, (*dimensions, "source", "sub_account", "tag:team"), filters)
    found = reports.costs(limited(lake, limits_of(allowed)), every).rows
    for row in found:
        known = {"source": row["source"], "account": row["sub_account"], "tag:team": row["tag:team"]}
        assert all(known[dimension] in values for dimension, values in allowed.items())
    short = reports.costs(
        limited(lake, limits_of(allowed)), CostQuery(OCTOBER, tuple(dimensions), filters, limit=limit)
    )
    assert sum(short.totals.values()) <= total(lake, allowed)


def test_the_version_names_whose_answers_they_are(lake: Lake) -> None:
    versions = {limited(lake, limits_of(each)).version() for each in LIMITS}
    assert len(versions) == len(LIMITS)
    assert lake.version() not in versions
    assert limited(lake, EVERYTHING).version() == lake.version()


def test_a_store_without_charges_has_no_version(tmp_path: Path) -> None:
    empty = Lake(path=str(tmp_path))
    assert limited(empty, limits_of({"source": ["a"]})).version() == empty.version() == ""


def test_no_cache_mixes_them(lake: Lake) -> None:
    cached = CachedWarehouse(lake, Guarded(Memory(8 * 2**20), "memory"), 60)
    now: list[Limits] = [EVERYTHING]
    seen = Limited(cached, lambda: now[0])
    query = CostQuery(OCTOBER)
    amounts = []
    for _ in range(2):
        for each in (EVERYTHING, limits_of({"source": ["prod"]}), limits_of({"account": ["1111"]})):
            now[0] = each
            amounts.append(int(reports.costs(seen, query).totals["USD"]))
            assert reports.costs(seen.fresh(), query).totals["USD"] == amounts[-1]
    assert amounts == [255, 15, 53] * 2


def test_months_are_those_of_the_sources(lake: Lake) -> None:
    assert {each[0] for each in limited(lake, EVERYTHING).months()} == {"prod", "azure", "cuts", "bare"}
    assert [each[0] for each in limited(lake, limits_of({"source": ["azure"]})).months()] == ["azure"]
    assert limited(lake, limits_of({"account": ["1111"]})).months() == []


def test_who_is_limited_neither_writes_nor_reads_charges(lake: Lake) -> None:
    seen = limited(lake, limits_of({"source": ["prod"]}))
    for act in (
        seen.prepare,
        seen.maintain,
        lambda: seen.rows("azure", DAY),
        lambda: seen.adopt("prod", DAY, None, []),
    ):
        with pytest.raises(LimitedError, match="limited to some money"):
            act()
    assert sum(batch.num_rows for batch in limited(lake, EVERYTHING).rows("azure", DAY)) == 1
