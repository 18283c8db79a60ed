"""outlay_cost_*: no label grows without bound, no sum is another one for that, and Prometheus finds nothing amiss."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outlay import reports
from outlay.core.ports import DayChange
from outlay.core.query import CostQuery
from outlay.core.settings import Metrics, Monitoring
from outlay.core.span import Period
from outlay.serve.metrics import Options, render
from outlay.serve.metrics.families import OTHER, bounded
from outlay.state import Run, State
from outlay.warehouses.lake import Lake
from tests.charges import charge, put
from tests.serve.conftest import TODAY, day
from tests.serve.scrape import families, samples, sums

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
LABELS = ("service", "account", "region")
KEYS = ("provider", "source", "currency", "measure")


def shown(top: int = 50, *tag_keys: str) -> Options:
    return Options(Metrics(top=top, tag_keys=tag_keys))


few = st.sampled_from(["a", "b", "c", "d", None])
quarters = st.integers(-400, 4000).map(lambda number: str(Decimal(number) / 4))  # floats hold them exactly
rows = st.builds(
    lambda at, cost, source, currency, service, account, region, team: charge(
        at,
        cost,
        source=source,
        billing_currency=currency,
        effective_cost=Decimal(cost) / 2,
        service_name=service,
        sub_account_id=account,
        region_id=region,
        tags=[("team", team)] if team else [],
    ),
    st.dates(date(2026, 9, 1), TODAY),
    quarters,
    st.sampled_from(["one", "two"]),
    st.sampled_from(["USD", "EUR"]),
    few,
    few,
    few,
    few,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(charges=st.lists(rows, min_size=1, max_size=25), top=st.integers(1, 3))
def test_every_grouping_adds_up_to_what_reports_say(charges: list[dict[str, object]], top: int, state: State) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(path=folder)
        lake.prepare()
        put(lake, charges)
        text = render(lake, state, [], TODAY, options=shown(top, "team"))
        months = {"month_to_date": Period(day(1), day(7)), "previous_month": Period(day(1, 9), day(1))}
        for name, days in months.items():
            told: dict[tuple[str, ...], Decimal] = {}
            for measure in ("billed", "effective"):
                query = CostQuery(days, ("provider", "source"), (), measure)
                for row in reports.costs(lake, query).rows:
                    told[row["provider"], row["source"], row["currency"], measure] = row["cost"]
            plain = sums(text, f"outlay_cost_{name}", *KEYS)
            assert {key: cost for key, cost in plain.items() if key in told or cost} == told
            for label in (*LABELS, "tag"):
                assert sums(text, f"outlay_cost_{name}_by_{label}", *KEYS) == told
            named = {labels["account"] for labels, _ in samples(text, "outlay_account_info")}
            assert {labels["account"] for labels, _ in samples(text, f"outlay_cost_{name}_by_account")} <= named
        total = sums(text, "outlay_cost_last_day", *KEYS)
        assert all(sums(text, f"outlay_cost_last_day_by_{label}", *KEYS) == total for label in ("account", "tag"))
        for name in ("month_to_date", "previous_month", "last_day"):
            for label in LABELS:
                bounded_to(text, f"outlay_cost_{name}_by_{label}", label, top)
            bounded_to(text, f"outlay_cost_{name}_by_tag", "value", top)


def test_accounts_are_called_by_their_names(empty: Lake, state: State) -> None:
    kept = {"sub_account_id": "111", "sub_account_name": "production"}
    bare = {"sub_account_id": "222"}
    small = {"sub_account_id": "333", "sub_account_name": "sandbox"}
    put(empty, [charge(day(5), "9", **kept), charge(day(5), "8", **bare), charge(day(5), "1", **small)])
    text = render(empty, state, [], TODAY, options=shown(2))
    named = [(labels["account"], labels["account_name"]) for labels, _ in samples(text, "outlay_account_info")]
    assert sorted(named) == [("111", "production"), ("222", "222"), (OTHER, OTHER)]


def bounded_to(text: bytes, name: str, label: str, top: int) -> None:
    values = defaultdict(set)
    for labels, _ in samples(text, name):
        values[labels["currency"], labels["measure"]].add(labels[label])
    assert all(len(each - {OTHER}) <= top for each in values.values())


@given(
    st.dictionaries(st.tuples(*[st.text("abcdef", max_size=2)] * 4), st.decimals(-(10**6), 10**6, places=6)),
    st.integers(0, 1),
    st.integers(1, 4),
)
def test_no_money_is_lost_and_no_label_has_more_than_its_top(
    found: dict[tuple[str, ...], Decimal], at: int, top: int
) -> None:
    fewer = bounded(found, at, top)
    for kept in (slice(-2, None), slice(1 - at, 2 - at)):

        def by(amounts: dict[tuple[str, ...], Decimal], kept: slice = kept) -> dict[tuple[str, ...], Decimal]:
            totals: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
            for labels, amount in amounts.items():
                totals[labels[kept]] += amount
            return totals

        assert by(fewer) == by(found)
    values = defaultdict(set)
    for labels in fewer:
        values[labels[-2:]].add(labels[at])
    assert all(len(each) <= top + 1 for each in values.values())


def test_the_others_are_summed_and_nothing_is_lost(empty: Lake, state: State) -> None:
    many = [charge(day(2), str(n * 0.25), service_name=f"s{n:02}", sub_account_id=f"a{n}") for n in range(60)]
    put(empty, many)
    put(empty, [charge(day(2), "0.5", source="two", service_name="s00")])
    put(empty, [charge(day(2), "1", source="three", billing_currency="EUR", service_name="s00")])
    text = render(empty, state, [], TODAY)
    for name in ("service", "account"):
        metric = f"outlay_cost_month_to_date_by_{name}"
        totals = sums(text, metric, "currency", "measure")
        assert totals["USD", "billed"] == totals["USD", "effective"] == Decimal(443)
        assert totals["EUR", "billed"] == 1
        found = [labels for labels, _ in samples(text, metric) if labels["measure"] == "billed"]
        values = [labels[name] for labels in found if labels["source"] == "prod"]
        assert (len(values), values.count(OTHER)) == (51, 1)
    others = samples(text, "outlay_cost_month_to_date_by_service")
    assert {labels["source"] for labels, _ in others if labels["service"] == OTHER} == {"prod", "two"}


def test_tags(lake: Lake, state: State) -> None:
    text = render(lake, state, [], TODAY, options=shown(50, "team", "aws:by"))
    found = samples(text, "outlay_cost_month_to_date_by_tag")
    billed = {
        (said["key"], said["value"], said["currency"]): cost for said, cost in found if said["measure"] == "billed"
    }
    assert billed["team", "core", "USD"] == 10.5
    assert billed["aws:by", "ann:1", "USD"] == 2.0
    assert billed["team", "", "EUR"] == 3.5
    assert "outlay_cost_month_to_date_by_tag" not in families(render(lake, state, [], TODAY))


def test_what_may_still_change(lake: Lake, state: State) -> None:
    """The day of an estimate whole, and all days that the source has not settled."""
    found = samples(render(lake, state, [], TODAY), "outlay_cost_provisional")
    billed = {said["source"]: value for said, value in found if said["measure"] == "billed"}
    assert billed == {"prod": 0.5, "azure": 0.0}


def test_what_was_restated(lake: Lake, state: State) -> None:
    run = Run("prod", "prod 2026-10", datetime(2026, 10, 6, 1, tzinfo=UTC), 1.0)
    two, three, five = Decimal(2), Decimal(3), Decimal(5)
    state.record_run(run, [DayChange(day(1), "USD", None, two), DayChange(day(1, 8), "USD", two, five)])
    state.record_run(run, [DayChange(day(1), "USD", two, five), DayChange(day(2), "EUR", five, two)])
    state.record_run(run, [DayChange(day(1), "USD", five, three)])
    found = sums(render(lake, state, [], TODAY), "outlay_cost_restated", "source", "currency", "direction")
    assert found == {("prod", "USD", "up"): 3, ("prod", "USD", "down"): -2, ("prod", "EUR", "down"): -3}


def test_attempts_are_counted(lake: Lake, state: State) -> None:
    for minute in range(2):
        started = datetime(2026, 10, 6, 1, minute, tzinfo=UTC)
        state.record_run(Run("azure", "azure 2026-10", started, 1.0, error="no", code="auth"))
    text = render(lake, state, [], TODAY)
    assert sums(text, "outlay_source_runs_total", "source") == {("azure",): 3, ("prod",): 1}
    assert sums(text, "outlay_source_rows_total", "source") == {("azure",): 0, ("prod",): 4}
    errors = sums(text, "outlay_source_errors_total", "source", "code")
    assert errors == {("azure", "auth"): 2, ("azure", "not-found"): 1}


def test_a_source_that_fails_keeps_its_series_and_their_age_grows(lake: Lake, state: State) -> None:
    before = render(lake, state, [], TODAY)
    state.record_run(Run("prod", "prod 2026-10", datetime(2026, 10, 6, 2, tzinfo=UTC), 1.0, error="no", code="auth"))
    after = render(lake, state, [], date(2026, 10, 8))
    name = "outlay_cost_month_to_date_by_service"
    assert samples(after, name) == samples(before, name)
    assert ({"source": "prod"}, 0.0) in samples(after, "outlay_source_up")
    assert ({"source": "prod"}, 3 * 86400.0) in samples(after, "outlay_source_data_age_seconds")


def test_every_metric_is_documented_and_every_documented_one_is_there(lake: Lake, state: State) -> None:
    docs = DOCS.read_text(encoding="utf-8")
    wanted = Options(Metrics(tag_keys=("team",)), monitoring=Monitoring())
    found = families(render(lake, state, [], TODAY, Decimal(5), options=wanted))
    for name, family in found.items():
        names = sorted(family.samples[0].labels) if family.samples else None
        shown_as = "" if names is None else "".join(f"`{label}` " for label in names) + "|"
        assert f"| `{name}` | {shown_as}" in docs
    documented = set(re.findall(r"^\| `(outlay_\w+)` \|", docs, re.MULTILINE))
    assert documented - found.keys() == {"outlay_cache_requests_total", "outlay_cache_errors_total"}


@pytest.mark.parametrize("which", ["full", "empty"])
def test_promtool_finds_nothing_amiss(which: str, lake: Lake, state: State, tmp_path: Path) -> None:
    store = lake if which == "full" else Lake(path=str(tmp_path / "none"))
    store.prepare()
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: apt-get install prometheus"
    wanted = Options(Metrics(tag_keys=("team",)), monitoring=Monitoring())
    text = render(store, state, [], TODAY, Decimal(5), options=wanted)
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_few_questions_are_asked(lake: Lake, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[CostQuery] = []
    query = Lake.query
    monkeypatch.setattr(Lake, "query", lambda self, what: asked.append(what) or query(self, what))  # type: ignore[func-returns-value]
    render(lake, state, [], TODAY)
    assert len(asked) == len(set(asked)) == 16
