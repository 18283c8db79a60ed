"""The command line as a process of its own: exit codes, pipes, full disks, and what it imports."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.bills import put_bills
from tests.cli.conftest import Done, command, process, told
from tests.cli.test_collect import refused, with_aws
from tests.servers import answering
from tests.sources.bills.focus_bills import charge, write

OCTOBER = ("costs", "--start-date", "2026-10-01", "--end-date", "2026-10-31")
HEAVY = (
    "alembic",
    "boto3",
    "dash",
    "deltalake",
    "duckdb",
    "fastapi",
    "numpy",
    "pandas",
    "plotly",
    "pyarrow",
    "pydantic",
    "sqlalchemy",
)


def test_exit_codes(folder: Path) -> None:
    put_bills(folder)

    assert process("collect").code == 0
    assert process(*OCTOBER).code == 0
    assert process("init").code == 1
    assert process("costs", "--group-by", "nope").code == 2
    with answering(refused) as url:
        with_aws(folder, url)
        assert process("collect").code == 3


def test_data_is_on_stdout_and_all_else_on_stderr(folder: Path) -> None:
    put_bills(folder)

    assert process("collect").out == ""
    done = process(*OCTOBER, "--format", "json")
    assert json.loads(done.out)["totals"]["EUR"] == "7.5"
    assert "currencies" in done.err


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which more was collected than a pipe holds."""
    folder = tmp_path_factory.mktemp("collected")
    write(folder / "bills" / "a.csv", *(charge(ResourceId=f"{i:0100}") for i in range(2000)))
    (folder / "outlay.yaml").write_text("clouds: {files: {path: bills}}\n")
    assert process("collect", cwd=folder).code == 0
    return folder


@pytest.fixture
def long(collected: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """The same, and we are there."""
    monkeypatch.chdir(collected)
    return collected


LONG = (*OCTOBER, "--group-by", "resource", "--format")


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_a_reader_that_leaves_early(long: Path, form: str) -> None:
    with subprocess.Popen(command(*LONG, form), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as costs:
        assert costs.stdout is not None
        assert costs.stderr is not None
        costs.stdout.readline()
        costs.stdout.close()
        said = costs.stderr.read()

    assert (costs.returncode, said) == (0, "")


@pytest.mark.parametrize("arguments", [(*LONG, "csv"), OCTOBER, ("runs",), ("--help",), ("test-auth",)])
def test_an_output_that_is_full(long: Path, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command(*arguments), stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert done.returncode == 1
    assert told(Done(done.returncode, "", done.stderr)).err == "outlay: output: No space left on device\n"


def test_a_disk_that_is_full(folder: Path) -> None:
    put_bills(folder)
    assert process("collect").code == 0
    before = process(*OCTOBER, "--format", "json").out
    write(folder / "bills" / "more.csv", *(charge(ResourceId=os.urandom(20).hex()) for _ in range(5000)))

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    full = process("collect", preexec_fn=fill)

    assert full.code == 1
    assert all(line.startswith(("outlay: ", "files")) for line in full.err.splitlines())
    assert process(*OCTOBER, "--format", "json").out == before
    assert process("collect").code == 0


def imported(*arguments: str) -> set[str]:
    """The heavy libraries that a command imports."""
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\nfrom outlay.cli import main\ntry: main({list(arguments)!r})\n"
        f"except SystemExit: print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


def test_help_imports_nothing_heavy() -> None:
    assert imported("--help") == set()
    assert imported("--version") == set()


def test_an_answer_imports_no_more_than_it_needs(long: Path) -> None:
    needless = set(HEAVY) - {"deltalake", "duckdb", "numpy", "pyarrow", "pydantic"}
    assert imported(*OCTOBER) & needless == set()
    assert imported(*OCTOBER, "--format", "json") & needless == set()


def test_the_version() -> None:
    from outlay import __version__

    assert process("--version").out == f"outlay, version {__version__}\n"
