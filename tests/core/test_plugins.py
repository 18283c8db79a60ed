from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlay.core import plugins
from outlay.core.errors import UsageError


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """What is found is remembered: not what these tests make up."""
    caches = (plugins.names, plugins.load, plugins._outside)
    for each in caches:
        each.cache_clear()
    yield
    for each in caches:
        each.cache_clear()


def test_a_file_is_a_plugin_unless_its_name_starts_with_an_underscore() -> None:
    assert "lake" in plugins.names("warehouses")
    assert {"aws", "demo", "files"} <= set(plugins.names("sources"))
    assert not any(name.startswith(("_", "-")) for name in plugins.names("sources"))


def test_names_are_found_without_importing_any() -> None:
    before = set(sys.modules)
    plugins.names("warehouses")
    plugins.names("sources")
    assert set(sys.modules) == before


@pytest.mark.parametrize("kind", ["sources", "warehouses"])
def test_every_plugin_there_is_loads(kind: plugins.Kind) -> None:
    for name in plugins.names(kind):
        assert plugins.load(kind, name).__name__.lower() == name.replace("-", "")


def test_an_unknown_name_is_an_error_with_the_choices() -> None:
    with pytest.raises(UsageError, match=r"no source named 'nope'; there are: aws, .*files") as caught:
        plugins.load("sources", "nope")
    assert caught.value.exit_code == 2


def test_a_package_from_outside_adds_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere.py").write_text("class TinyCloud: ...\n")
    info = tmp_path / "elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[outlay.sources]\ntiny-cloud = elsewhere:TinyCloud\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "tiny-cloud" in plugins.names("sources")
    assert plugins.load("sources", "tiny-cloud").__name__ == "TinyCloud"
    assert plugins.load("sources", "aws").__name__ == "Aws"
