from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from outlay.cache import open_cache
from outlay.core.config import load
from tests.cli.conftest import Outlay
from tests.clouds import aws
from tests.clouds.cloud import Charge
from tests.servers_redis import RedisServer, redis_server


@pytest.fixture
def on_disk(folder: Path) -> Path:
    """A cache with two answers of providers and one of reports."""
    (folder / "outlay.yaml").write_text("clouds: {}\ncache: {type: disk}\n")
    fill(folder)
    return folder / "data" / "cache"


def fill(folder: Path) -> None:
    cache = open_cache(load(None, {}, folder))
    assert cache is not None
    for kind, key in (("answers", "a"), ("answers", "b"), ("queries", "c")):
        cache.put(kind, key, b"x" * 5000, 60)


def test_stats(outlay: Outlay, on_disk: Path) -> None:
    done = outlay("cache", "stats")
    assert (done.code, done.err) == (0, "")
    assert [line.split() for line in done.out.splitlines() if not line.startswith("─")] == [
        ["kind", "entries", "MiB"],
        ["answers", "2", "0.0"],
        ["queries", "1", "0.0"],
    ]
    assert json.loads(outlay("cache", "stats", "--format", "json").out) == [
        {"kind": "answers", "entries": 2, "bytes": 16384},
        {"kind": "queries", "entries": 1, "bytes": 8192},
    ]


def test_clear(outlay: Outlay, on_disk: Path) -> None:
    assert outlay("cache", "clear", "--kind", "answers").err == "dropped 2 entries of data/cache\n"
    assert outlay("cache", "clear").err == "dropped 1 entries of data/cache\n"
    done = outlay("cache", "stats")
    assert (done.code, done.out, done.err) == (0, "", "nothing is kept in data/cache\n")
    assert outlay("cache", "stats", "--format", "json").out == "[]\n"


@pytest.mark.parametrize(
    ("section", "said"),
    [("{}", "the cache is in the memory of each process"), ("{enabled: false}", "the cache is off")],
)
def test_where_there_is_nothing_to_clear(outlay: Outlay, folder: Path, section: str, said: str) -> None:
    (folder / "outlay.yaml").write_text(f"clouds: {{}}\ncache: {section}\n")
    for command in ("stats", "clear"):
        done = outlay("cache", command)
        assert (done.code, done.out) == (0, "")
        assert done.err.startswith(said)


def test_a_redis_that_is_gone(outlay: Outlay, folder: Path) -> None:
    with redis_server() as server:
        (folder / "outlay.yaml").write_text(f"clouds: {{}}\ncache: {{type: redis, redis_url: '{server.url}'}}\n")
        fill(folder)
        assert outlay("cache", "clear").err == f"dropped 3 entries of {_place(server)}\n"
    for command in ("stats", "clear"):
        done = outlay("cache", command)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(f"outlay: the cache at {_place(server)} does not work: ")


def _place(server: RedisServer) -> str:
    return f"redis://127.0.0.1:{server.port}/0"


def test_collect_pays_once_an_hour_unless_told_to_ask_again(outlay: Outlay, folder: Path) -> None:
    day = datetime.now(UTC).date() - timedelta(days=1)
    with closing(aws.start()) as cloud:
        keys = json.dumps(dict(cloud.settings()))
        (folder / "outlay.yaml").write_text(f"clouds: {{aws: {keys}}}\ncache: {{type: disk}}\n")

        def collected(*options: str) -> int:
            cloud.give([Charge(day, "Amazon EC2", "us-east-1", Decimal(len(cloud.calls()) + 1))])
            before = len(cloud.calls())
            assert outlay("collect", "--start-date", str(day), *options).code == 0
            return len(cloud.calls()) - before

        assert [collected(), collected(), collected("--force-refresh"), collected()] == [2, 0, 2, 0]
        assert outlay("collect", "--start-date", str(day), "--dry-run").err.endswith("price: 0 USD\n")
        assert outlay("collect", "--start-date", str(day), "--dry-run", "--force-refresh").err.endswith("0.02 USD\n")
        assert json.loads(outlay("costs", "--format", "json").out)["totals"] == {"USD": "3"}
        assert json.loads(outlay("cache", "stats", "--format", "json").out)[0]["entries"] == 2


def test_without_the_package_of_redis_it_is_said(outlay: Outlay, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    (folder / "outlay.yaml").write_text("clouds: {demo: {}}\ncache: {type: redis, redis_url: 'redis://127.0.0.1:1'}\n")
    for command in ("collect", "cache"):
        done = outlay(command, *(["stats"] if command == "cache" else []))
        assert (done.code, done.err) == (1, "outlay: cache.type redis needs an extra: pip install 'outlay[redis]'\n")


@pytest.mark.parametrize("section", ["{}", "{type: redis, redis_url: 'redis://127.0.0.1:1'}"])
def test_costs_have_no_cache_to_load(folder: Path, section: str) -> None:
    (folder / "outlay.yaml").write_text(f"clouds: {{demo: {{}}}}\ncache: {section}\n")
    told = "print(sorted({'redis', 'outlay.cache', 'outlay.collect'} & set(sys.modules)))"
    code = f"import sys\nfrom outlay.cli import main\ntry: main(['costs'])\nexcept SystemExit: {told}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
