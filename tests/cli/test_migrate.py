from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.bills import put_bills
from tests.cli.conftest import Outlay

TABLE = """\
source  month    charges                    billed  sums
───────────────────────────────────────────────────────────
files   2026-10        6  7.50 EUR, 1,245.63 USD  equal
"""


def test_to_a_folder_and_again(outlay: Outlay, folder: Path) -> None:
    put_bills(folder)
    outlay("collect")

    done = outlay("migrate-store", "--to", "new")

    assert done.code == 0
    assert [line.split() for line in done.out.splitlines()] == [line.split() for line in TABLE.splitlines()]
    assert done.err.startswith("files 2026-10: 6 charges, copied\nboth stores hold the same charges")
    assert "files 2026-10: 6 charges, was there" in outlay("migrate-store", "--to", "new").err
    asked = ("costs", "--start-date", "2026-10-01", "--end-date", "2026-10-31", "--format", "json")
    before = outlay(*asked).out
    (folder / "outlay.yaml").write_text("store: {path: new}\n")
    assert outlay(*asked).out == before


def test_to_the_store_of_other_settings(outlay: Outlay, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_bills(folder)
    outlay("collect")
    (folder / "next.yaml").write_text("store: {path: '${PLACE}'}\n")
    monkeypatch.setenv("PLACE", "there")

    assert outlay("migrate-store", "--to", "next.yaml").code == 0
    assert outlay("migrate-store", "--to", "${PLACE}").err.startswith("files 2026-10: 6 charges, was there\n")
    assert (folder / "there" / "charges" / "_delta_log").is_dir()


def test_to_itself(outlay: Outlay, folder: Path) -> None:
    put_bills(folder)
    outlay("collect")
    commits = list((folder / "data" / "charges" / "_delta_log").iterdir())

    assert outlay("migrate-store", "--to", "data").err.startswith("files 2026-10: 6 charges, was there\n")
    assert list((folder / "data" / "charges" / "_delta_log").iterdir()) == commits


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("nowhere.yaml", "nowhere.yaml: no such file"),
        ("${NOT_SET}", "store: url: the environment variable NOT_SET is not set"),
        ("ftp://host/folder", "store: url: no such kind of store; "),
    ],
)
def test_to_nowhere(outlay: Outlay, folder: Path, to: str, said: str) -> None:
    put_bills(folder)

    done = outlay("migrate-store", "--to", to)

    assert done.code == 2
    assert done.err.startswith(f"outlay: {said}")
