"""Every query of the dashboards and the rules, asked of a real Prometheus that scrapes a real `outlay serve`.

It also has the history that `outlay export-prometheus --openmetrics` writes, as blocks by a real promtool.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml

from outlay.state import Limits, State
from tests.cli.conftest import CLOUDS, ENVIRONMENT, command, process
from tests.servers_prometheus import Prometheus, prometheus, promtool

DEPLOY = Path(__file__).parents[2] / "deploy"
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((DEPLOY / "grafana").glob("*.json"))}
RULES = yaml.safe_load((DEPLOY / "prometheus" / "outlay.rules.yml").read_text())["groups"][0]["rules"]

SCRAPE = """
global: {scrape_interval: 1s}
scrape_configs: [{job_name: outlay, static_configs: [{targets: ["TARGET"]}]}]
"""
HISTORY_DAYS = 40
DAY_SECONDS = 86400
DAY = timedelta(days=1)
VARIABLES = {"currency": "USD", "measure": "billed", "provider": ".*", "tag": "team"}


@dataclass(frozen=True, slots=True)
class World:
    """A Prometheus, and the folder of the Outlay that it scrapes."""

    prometheus: Prometheus
    folder: Path
    since: date


def settings(today: date, until: date) -> dict[str, Any]:
    """A source with bills, one that fails, and every kind of thing that the dashboards show."""
    budget = {"name": "all", "amount": 1000, "start": str(today - 30 * DAY), "end": str(today + 30 * DAY)}
    return {
        "clouds": {
            "demo": {"months": 3, "until": str(until)},
            "heroku": {"api_key": "none", "endpoint_url": "http://127.0.0.1:1", "attempts": 1},
        },
        "collection": {"schedule": "0 0 29 2 *"},
        "metrics": {"tag_keys": ["team"]},
        "monitoring": {"thresholds": {"daily": {"warning": 1}}, "budgets": [budget]},
        "logging": {"format": "json"},
    }


def clean() -> dict[str, str]:
    """An environment without anything of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith((*CLOUDS, *ENVIRONMENT))}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """`outlay serve` on a free port; its host and port, once it has collected."""
    said = folder / "log"
    with said.open("wb") as log:
        server = subprocess.Popen(command("serve", "--port", "0"), cwd=folder, env=clean(), stderr=log)
    try:
        yield _wait_for(lambda: _ready(said.read_text()))
    finally:
        server.kill()
        server.wait()


def _ready(log: str) -> str | None:
    """Where the server listens, once it tells of both sources."""
    found = re.search(r"serving on http://([\d.]+:\d+)", log)
    if found is None:
        return None
    try:
        with urlopen(f"http://{found[1]}/metrics", timeout=10) as response:
            text = response.read().decode()
    except URLError:
        return None
    up = 'outlay_source_up{source="demo"} 1' in text and 'outlay_source_up{source="heroku"} 0' in text
    return found[1] if up else None


def _wait_for(found: Callable[[], str | None]) -> str:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if there := found():
            return there
        time.sleep(0.1)
    raise AssertionError("the server has no metrics of both sources")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two sources, one of which fails, served, scraped, and with their history imported."""
    folder, beside = tmp_path_factory.mktemp("outlay"), tmp_path_factory.mktemp("prometheus")
    today = datetime.now(UTC).date()
    for until in (today, today + DAY):  # some days of which are restated
        (folder / "outlay.yaml").write_text(json.dumps(settings(today, until)))
        assert process("collect", cwd=folder, env=clean()).code == 3
    _pay(folder)
    since = today - HISTORY_DAYS * DAY
    export = ("export-prometheus", "--openmetrics", "--since", str(since), "--group-by", "service")
    assert process(*export, "--output", str(beside / "history"), cwd=folder, env=clean()).code == 0
    make = ("tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=744h")
    promtool(*make, "history", "data", cwd=beside)
    with serving(folder) as target, prometheus(beside, SCRAPE.replace("TARGET", target)) as found:
        found.wait_for("rate(outlay_cache_requests_total[30s])")
        yield World(found, folder, since)


def _pay(folder: Path) -> None:
    """A call that cost something: those of the sources here are free."""
    with closing(State(f"sqlite:///{folder}/data/state.db")) as state:
        state.books("demo", Limits()).pay("GetCostAndUsage", Decimal("0.01"), "1111")


def panels(board: str) -> Iterator[dict[str, Any]]:
    """Every panel with queries."""
    return (each for each in BOARDS[board]["panels"] if each["type"] != "row")


def queries() -> Iterator[Any]:
    """Every query there is, by what it is of."""
    for board in BOARDS:
        for panel in panels(board):
            for target in panel["targets"]:
                name = f"{board}-{panel['title'].split(',')[0]}-{target['refId']}"
                yield pytest.param(target["expr"], id=name.replace(" ", "_"))


def filled(text: str, source: str = "demo") -> str:
    """A query as Grafana asks it."""
    values = VARIABLES | {"source": source, "__rate_interval": "30s"}
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], text)


def names(expression: str) -> set[str]:
    """The metrics that a query is of."""
    return set(re.findall(r"\b(?:outlay_\w+|up\b)", re.sub(r'"[^"]*"', '""', expression)))


def unknown(world: World, expression: str) -> set[str]:
    """Those of its metrics that there are none of."""
    found = names(expression)
    assert found, expression
    return found - {*world.prometheus.values("__name__")}


@pytest.mark.parametrize("expression", [*queries()])
def test_every_query_of_the_dashboards_has_an_answer(world: World, expression: str) -> None:
    now = int(time.time())
    today = now - now % DAY_SECONDS
    found: list[Any] = []
    for source in ("demo", "heroku"):  # one has costs, the other errors
        asked = filled(expression, source)
        found += world.prometheus.query(asked)
        found += world.prometheus.query_range(asked, today - HISTORY_DAYS * DAY_SECONDS, today, DAY_SECONDS)
    assert not unknown(world, expression)
    assert found, expression


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_query_of_the_rules_is_of_what_there_is(world: World, rule: Mapping[str, Any]) -> None:
    world.prometheus.query(rule["expr"])
    assert not unknown(world, rule["expr"])


def test_the_source_that_fails_is_what_the_rules_see(world: World) -> None:
    failing = next(rule for rule in RULES if rule["alert"] == "OutlaySourceFailing")
    assert [each["metric"]["source"] for each in world.prometheus.query(failing["expr"])] == ["heroku"]


def variables() -> Iterator[Any]:
    """Every variable that is asked for, by its board and name."""
    for board, content in BOARDS.items():
        for each in content["templating"]["list"]:
            if each["type"] == "query":
                yield pytest.param(each["name"], each["query"]["query"], id=f"{board}-{each['name']}")


@pytest.mark.parametrize(("name", "asked"), [*variables()])
def test_every_variable_has_values(world: World, name: str, asked: str) -> None:
    found = re.fullmatch(r"label_values\((.*), (\w+)\)", asked)
    assert found is not None
    values = world.prometheus.values(found[2], filled(found[1]))
    expected = {"currency": "USD", "measure": "billed", "provider": "aws", "source": "demo", "tag": "team"}
    assert expected[name] in values


def test_history_is_on_the_day_it_was_spent(world: World) -> None:
    last = world.since + (HISTORY_DAYS - 1) * DAY
    asked = ("--start-date", str(world.since), "--end-date", str(last), "--granularity", "daily", "--format", "json")
    done = process("costs", *asked, "--group-by", "provider,source,service", cwd=world.folder, env=clean())
    rows = json.loads(done.out)["rows"]
    assert len({row["date"] for row in rows}) == HISTORY_DAYS
    found = {}
    for day in sorted({row["date"] for row in rows}):
        at = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
        for each in world.prometheus.query('outlay_cost_daily_by_service{measure="billed"}', at):
            labels = each["metric"]
            key = (day, labels["provider"], labels["source"], labels.get("service"), labels["currency"])
            found[key] = float(each["value"][1])
    expected = {
        (row["date"], row["provider"], row["source"], row["service"], row["currency"]): float(Decimal(row["cost"]))
        for row in rows
    }
    assert found == expected


# -- the files themselves ------------------------------------------------------------------------------


@pytest.mark.parametrize("board", BOARDS)
def test_no_data_source_is_named(board: str) -> None:
    content = BOARDS[board]
    assert "uid" not in content
    assert "id" not in content
    assert {each["datasource"]["uid"] for each in panels(board)} == {"${datasource}"}
    assert set(re.findall(r'"uid": "([^"]*)"', (DEPLOY / "grafana" / f"{board}.json").read_text())) == {"${datasource}"}
    first = content["templating"]["list"][0]
    assert (first["type"], first["name"], first["query"]) == ("datasource", "datasource", "prometheus")


@pytest.mark.parametrize("board", BOARDS)
def test_panels_are_apart_and_whole(board: str) -> None:
    every = BOARDS[board]["panels"]
    assert len({each["id"] for each in every}) == len(every)
    taken: set[tuple[int, int]] = set()
    for each in every:
        at = each["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24, each["title"]
        assert not cells & taken, each["title"]
        taken |= cells
    for each in panels(board):
        references = [target["refId"] for target in each["targets"]]
        assert len(set(references)) == len(references) > 0


@pytest.mark.parametrize("board", BOARDS)
def test_every_variable_is_used_and_every_one_used_is_there(board: str) -> None:
    text = (DEPLOY / "grafana" / f"{board}.json").read_text()
    used = set(re.findall(r"\$\{?(\w+)", text)) - {"__all", "__rate_interval"}
    assert used == {each["name"] for each in BOARDS[board]["templating"]["list"]}


def test_measures_and_currencies_are_never_added_up() -> None:
    for expression in (case.values[0] for case in queries()):
        assert isinstance(expression, str)
        for selector in re.findall(r"outlay_cost_\w+(\{[^}]*\})?", expression):
            assert 'currency="$currency"' in selector, expression
            assert 'measure="$measure"' in selector or "restated" in expression, expression
