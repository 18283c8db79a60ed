from __future__ import annotations

from pathlib import Path

import pytest

from outlay.core.config import TEMPLATE
from tests.cli.bills import put_bills
from tests.cli.conftest import Outlay
from tests.cli.test_collect import refused, with_aws
from tests.servers import answering
from tests.sources.bills.focus_bills import write


def test_init_writes_settings_that_load(outlay: Outlay, folder: Path) -> None:
    done = outlay("init")

    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("wrote outlay.yaml; next: ")
    assert (folder / "outlay.yaml").read_bytes() == TEMPLATE.read_bytes()
    assert outlay("runs").code == 0


def test_init_keeps_what_is_there(outlay: Outlay, folder: Path) -> None:
    (folder / "outlay.yaml").write_text("# mine\n")

    done = outlay("init")

    assert (done.code, done.err) == (1, "outlay: outlay.yaml is there already; --force overwrites it\n")
    assert (folder / "outlay.yaml").read_text() == "# mine\n"
    assert outlay("init", "--force").code == 0
    assert (folder / "outlay.yaml").read_bytes() == TEMPLATE.read_bytes()


def test_init_where_it_is_told_to(outlay: Outlay, folder: Path) -> None:
    assert outlay("--config", "other.yaml", "init").code == 0
    assert (folder / "other.yaml").is_file()
    done = outlay("--config", "no/folder.yaml", "init")
    assert (done.code, done.err) == (1, "outlay: cannot write no/folder.yaml: No such file or directory\n")


def test_init_db_may_be_repeated(outlay: Outlay, folder: Path) -> None:
    put_bills(folder)

    for _ in range(2):
        done = outlay("init-db")
        assert (done.code, done.err) == (0, "the store is ready\n")
    assert (folder / "data" / "state.db").is_file()
    assert (folder / "data" / "charges" / "_delta_log").is_dir()


@pytest.mark.parametrize("command", ["test-auth", "test-connections"])
def test_access_that_works(outlay: Outlay, folder: Path, command: str) -> None:
    put_bills(folder)

    done = outlay(command)

    assert (done.code, done.out) == (0, "files  ok      1 files in bills: FOCUS\n")
    assert not (folder / "data").exists()


def test_access_that_partly_works(outlay: Outlay, folder: Path) -> None:
    with answering(refused) as url:
        with_aws(folder, url)
        done = outlay("test-auth")
        alone = outlay("test-auth", "--providers", "aws")

    assert done.code == 3
    assert done.out.splitlines()[0] == "files  ok      1 files in bills: FOCUS"
    assert done.out.splitlines()[1].startswith("aws    failed  ")
    assert done.err == "outlay: cannot reach: aws\n"
    assert (alone.code, alone.err) == (1, "outlay: no source can be reached\n")
    assert "hush" not in done.out + alone.out


def test_access_to_a_bill_that_is_none(outlay: Outlay, folder: Path) -> None:
    put_bills(folder)
    write(folder / "bills" / "a.csv", {"hello": "world"})

    done = outlay("test-auth")

    assert done.code == 1
    assert "a.csv: no known billing layout" in done.out


def test_a_source_that_breaks_is_one_line(outlay: Outlay, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_bills(folder)

    def break_(_: object) -> str:
        raise RuntimeError("holds a secret")

    monkeypatch.setattr("outlay.sources.files.Files.test", break_)
    done = outlay("test-auth")

    assert (done.code, done.out) == (1, "files  failed  unexpected RuntimeError\n")
