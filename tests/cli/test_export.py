"""`outlay export-prometheus`: files, a real Pushgateway, and history that a real promtool takes."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.bills import put_bills
from tests.cli.conftest import Outlay, process
from tests.servers import Request, Response, answering
from tests.servers_prometheus import promtool

COMMAND = "export-prometheus"
OCTOBER = (COMMAND, "--openmetrics", "--since", "2026-10-01", "--until", "2026-10-31")


@pytest.fixture(autouse=True)
def _collected(outlay: Outlay, folder: Path) -> None:
    put_bills(folder)
    assert outlay("collect").code == 0


@pytest.fixture
def umask() -> Iterator[None]:
    """New files are for their owner alone."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_a_file_for_node_exporter(outlay: Outlay, folder: Path) -> None:
    done = outlay(COMMAND, "--output", "textfile.prom")

    assert (done.code, done.out, done.err) == (0, "", "")
    written = folder / "textfile.prom"
    assert stat.S_IMODE(written.stat().st_mode) == 0o644
    assert [path.name for path in folder.iterdir() if "textfile" in path.name] == ["textfile.prom"]
    samples = [s for each in text_string_to_metric_families(written.read_text()) for s in each.samples]
    assert {s.labels["source"] for s in samples if s.name == "outlay_source_up"} == {"files"}
    assert [s for s in samples if s.timestamp is not None] == []
    assert outlay(COMMAND).out.splitlines()[:1] == written.read_text().splitlines()[:1]


def test_another_ending_is_said(outlay: Outlay, folder: Path) -> None:
    done = outlay(COMMAND, "--output", "costs.txt")
    assert (done.code, done.err) == (0, "costs.txt: node_exporter reads files that end in .prom only\n")
    assert (folder / "costs.txt").exists()


def test_a_reader_never_sees_half(outlay: Outlay, folder: Path) -> None:
    written, seen, done = folder / "costs.prom", set(), threading.Event()
    assert outlay(COMMAND, "--output", "costs.prom").code == 0

    def read() -> None:
        while not done.is_set():
            seen.add(written.read_bytes()[-30:])
            assert [path.name for path in folder.glob("*.prom")] == ["costs.prom"]

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(5):
        assert outlay(COMMAND, "--output", "costs.prom").code == 0
    done.set()
    reader.join()
    assert len(seen) == 1


def test_a_link_stays_one(outlay: Outlay, folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "costs.prom").symlink_to("real/costs.prom")
    assert outlay(COMMAND, "--output", "costs.prom").code == 0
    assert (folder / "costs.prom").is_symlink()
    assert (folder / "real" / "costs.prom").read_text().startswith("# HELP")


def test_where_no_file_can_be(outlay: Outlay, folder: Path) -> None:
    done = outlay(COMMAND, "--output", "none/costs.prom")
    assert (done.code, done.err) == (1, "outlay: cannot write none/costs.prom: No such file or directory\n")
    os.mkfifo(folder / "pipe.prom")
    done = outlay(COMMAND, "--output", "pipe.prom")
    assert done.code == 2
    assert "no file that could be replaced" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--openmetrics",), "--openmetrics needs --since DAY"),
        (("--since", "2026-10-01"), "--since is about --openmetrics"),
        (("--until", "2026-10-01"), "--until is about --openmetrics"),
        (("--group-by", "service"), "--group-by is about --openmetrics"),
        (("--grouping", "a=b"), "--grouping is about --pushgateway URL"),
        (("--delete",), "--delete is about --pushgateway URL"),
        (("--ca-file", "x"), "--ca-file is about --pushgateway URL"),
        (("--pushgateway", "http://h", "--output", "x.prom"), "--output and --pushgateway are two ways: give one"),
        (("--pushgateway", "http://h", *OCTOBER[1:4]), "--openmetrics has days of their own"),
        (("--pushgateway", "http://h", "--grouping", "x"), "--grouping 'x' is not KEY=VALUE"),
        (("--pushgateway", "http://h", "--grouping", "a=1", "--grouping", "a=2"), "--grouping 'a=2' is not KEY=VALUE"),
        (("--pushgateway", "http://h", "--grouping", "job=1"), "--grouping 'job' is no label"),
        (("--pushgateway", "http://h", "--job", ""), "--job is empty"),
        (("--pushgateway", "h:9091"), "--pushgateway is no address of http or https"),
        (("--openmetrics", "--since", "October"), "'October' is no day"),
        (("--openmetrics", "--since", "2026-10-09", "--until", "2026-10-01"), "--since 2026-10-09 is after --until"),
        ((*OCTOBER[1:], "--group-by", "nope"), "named 'nope'; there are: service, account, region, tag:<key>"),
    ],
)
def test_wrong_usage(outlay: Outlay, arguments: tuple[str, ...], said: str) -> None:
    done = outlay(COMMAND, *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_pushing(outlay: Outlay, monkeypatch: pytest.MonkeyPatch) -> None:
    came: list[Request] = []

    def answer(request: Request) -> Response:
        came.append(request)
        return Response(b"", 200 if request.method == "PUT" else 202)

    monkeypatch.setenv("PUSHGATEWAY_USERNAME", "ann")
    monkeypatch.setenv("PUSHGATEWAY_PASSWORD", "s3cret")
    with answering(answer) as url:
        group = ("--job", "costs", "--grouping", "team=core", "--grouping", "dc=a/b")
        push = (COMMAND, "--pushgateway", f"{url}/", *group)
        for arguments in (push, (*push, "--delete")):
            done = outlay(*arguments)
            assert (done.code, done.out, done.err) == (0, "", "")

    assert [(each.method, each.path) for each in came] == [
        (method, "/metrics/job/costs/team/core/dc@base64/YS9i") for method in ("PUT", "DELETE")
    ]
    assert [each.headers["Authorization"] for each in came] == ["Basic YW5uOnMzY3JldA=="] * 2
    assert came[0].body.decode() == outlay(COMMAND).out
    assert came[1].body == b""


def test_a_push_that_fails(outlay: Outlay) -> None:
    with answering(lambda _: Response(b"who is s3cret?", 500)) as url:
        done = outlay(COMMAND, "--pushgateway", url.replace("//", "//ann:s3cret@"))
    assert (done.code, done.out) == (1, "")
    assert done.err == f"outlay: {url}: it did not take the metrics (500). It says: who is ***?\n"


def test_history_that_promtool_takes(outlay: Outlay, folder: Path) -> None:
    done = outlay(*OCTOBER, "--group-by", "service,tag:team", "--output", "october.om")

    assert (done.code, done.out, done.err) == (0, "", "")
    text = (folder / "october.om").read_text()
    first = 'outlay_cost_daily{currency="USD",measure="billed",provider="aws",source="files"} 10.625 1790812800\n'
    assert first in text
    assert 'key="team",measure="billed",provider="aws",source="files",value="core"} 10.5 1790812800\n' in text
    said = promtool("tsdb", "create-blocks-from", "openmetrics", "october.om", "blocks", cwd=folder)
    assert "BLOCK ULID" in said
    listed = promtool("tsdb", "list", "blocks", cwd=folder)
    samples = len([line for line in text.splitlines() if not line.startswith("#")])
    assert sum(int(line.split()[4]) for line in listed.splitlines()[1:]) == samples


def test_to_stdout(outlay: Outlay) -> None:
    assert outlay(*OCTOBER).out.endswith("# EOF\n")
    done = outlay(COMMAND, "--openmetrics", "--since", "2026-10-02", "--until", "2026-10-02")
    assert len([line for line in done.out.splitlines() if line.startswith("outlay")]) == 4


def test_as_cron_runs_it() -> None:
    done = process(COMMAND, "--output", "costs.prom")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_a_store_without_anything(outlay: Outlay, folder: Path) -> None:
    (folder / "outlay.yaml").write_text("store: {path: other}\n")
    done = outlay(COMMAND)
    assert (done.code, done.err) == (0, "")
    assert "outlay_build_info" in done.out
