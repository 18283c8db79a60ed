"""The locks: every package pinned with hashes, no address, and everything pyproject.toml names."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def pinned(lock: Path) -> dict[str, str]:
    """Each package of a lock, with all that is said of it."""
    entries = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip())
    return {re.split(r"[=\[ ]", entry)[0]: entry for entry in entries}


def missing(wanted: list[str], lock: dict[str, str]) -> list[str]:
    """What is wanted and not in the lock."""
    return [each for each in wanted if re.split(r"[\[><= ]", each)[0].lower() not in lock]


def unmarked(entry: str) -> str:
    """A package's version and hashes, wherever it is wanted."""
    return re.sub(r" ; [^\\]*", " ", entry)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_by_version_and_hash_and_none_by_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"://|^\s*-(?!-hash=sha256:[0-9a-f]{64})", text, re.MULTILINE)
    loose = [name for name, entry in pinned(lock).items() if "==" not in entry or "--hash=sha256:" not in entry]
    assert loose == []


def test_the_locks_hold_what_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    offered = [each for name in extras if name != "all" for each in extras[name]]
    development = [each for each in project["dependency-groups"]["dev"] if isinstance(each, str)]
    run, dev = pinned(ROOT / "requirements" / "run.txt"), pinned(ROOT / "requirements" / "dev.txt")
    assert missing(project["project"]["dependencies"], run) == []
    assert missing([*offered, *development], dev) == []
    assert missing(offered, run) == ["oci>=2.160"]  # as the Makefile says
    assert [name for name in run if unmarked(run[name]) != unmarked(dev.get(name, ""))] == []
