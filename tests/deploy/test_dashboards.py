"""Every query of the dashboards and the rules, asked of a real Prometheus that scrapes a real `outlay serve`.

It also has the history that `outlay export-prometheus --openmetrics` writes, as blocks by a real promtool.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
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

from outlay.cli import main
from outlay.state import Limits, State
from tests.cli.conftest import CLOUDS, ENVIRONMENT, command, process
from tests.deploy.boards import BOARDS, DEPLOY, panels, queries
from tests.servers import free_port
from tests.servers_prometheus import Prometheus, prometheus, promtool

RULES = yaml.safe_load((DEPLOY / "prometheus" / "outlay.rules.yml").read_text())["groups"][0]["rules"]

SCRAPE = """
global: {scrape_interval: 250ms}
scrape_configs: [{job_name: outlay, static_configs: [{targets: ["127.0.0.1:PORT"]}]}]
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
def serving(folder: Path, port: int) -> Iterator[None]:
    """`outlay serve` on a port, once it tells of both sources."""
    said = folder / "log"
    with said.open("wb") as log:
        server = subprocess.Popen(command("serve", "--port", str(port)), cwd=folder, env=clean(), stderr=log)
    try:
        ends = time.monotonic() + 60
        while not _ready(port):
            assert server.poll() is None, said.read_text()
            assert time.monotonic() < ends, "the server has no metrics of both sources"
            time.sleep(0.1)
        yield
    finally:
        server.kill()
        server.wait()


def _ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
            text = response.read().decode()
    except URLError:
        return False
    return 'outlay_source_up{source="demo"} 1' in text and 'outlay_source_up{source="heroku"} 0' in text


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two sources, one of which fails, served, scraped, and with their history imported."""
    folder, beside = tmp_path_factory.mktemp("outlay"), tmp_path_factory.mktemp("prometheus")
    today = datetime.now(UTC).date()
    for until in (today, today + DAY):  # some days of which are restated
        (folder / "outlay.yaml").write_text(json.dumps(settings(today, until)))
        assert outlay(folder, "collect") == 3
    _pay(folder)
    since = today - HISTORY_DAYS * DAY
    export = ("export-prometheus", "--openmetrics", "--since", str(since), "--group-by", "service")
    assert outlay(folder, *export, "--output", str(beside / "history")) == 0
    make = ("tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=744h")
    promtool(*make, "history", "data", cwd=beside)
    port = free_port()
    # Prometheus first: it takes five seconds before it scrapes for the first time.
    with prometheus(beside, SCRAPE.replace("PORT", str(port))) as found, serving(folder, port):
        found.wait_for("rate(outlay_cache_requests_total[30s])")
        yield World(found, folder, since)


def outlay(folder: Path, *arguments: str) -> int:
    """How the command line ends, in this process: it has imported already what a new one takes a second for."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - clean().keys():
            patch.delenv(name)
        patch.chdir(folder)
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


def _pay(folder: Path) -> None:
    """A call that cost something: those of the sources here are free."""
    with closing(State(f"sqlite:///{folder}/data/state.db")) as state:
        state.books("demo", Limits()).pay("GetCostAndUsage", Decimal("0.01"), "1111")


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


def test_a_day_that_was_not_imported_is_told_as_it_was_scraped(world: World) -> None:
    panel = next(each for each in panels("overview") if each["title"].startswith("Daily cost by provider"))
    imported, scraped = filled(panel["targets"][0]["expr"]).split(" or ")
    yesterday = datetime.combine(world.since + (HISTORY_DAYS - 1) * DAY, datetime.min.time(), UTC).timestamp()
    last = world.prometheus.query('sum by (provider) (outlay_cost_last_day{measure="billed",currency="USD"})')

    def costs(found: list[dict[str, Any]]) -> dict[str, float]:
        return {each["metric"]["provider"]: float(each["value"][1]) for each in found}

    assert costs(world.prometheus.query(scraped, yesterday)) == costs(last)
    assert costs(world.prometheus.query(scraped, yesterday - DAY_SECONDS)) == {}
    assert costs(world.prometheus.query(imported, yesterday - DAY_SECONDS))


@pytest.mark.parametrize("board", BOARDS)
def test_what_has_no_value_is_called_so(world: World, board: str) -> None:
    panel = next(each for each in panels(board) if each["title"].startswith("By region"))
    found = world.prometheus.query(filled(panel["targets"][0]["expr"]))
    assert "(none)" in {each["metric"]["region"] for each in found}
