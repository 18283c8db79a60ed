"""The sections of the settings: cron expressions, and that the template and the manual tell the truth."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from outlay.core import plugins
from outlay.core.config import TEMPLATE, load
from outlay.core.fit import environment
from outlay.core.settings import SECTIONS, Collection

MANUAL = Path(__file__).parents[2] / "docs" / "configuration.md"
SOURCES = MANUAL.with_name("sources")


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "* * * *",
        "60 * * * *",
        "*/0 * * * *",
        "6-2 * * * *",
        "* * 0 * *",
        "x * * * *",
        "1, * * * *",
        "* * * * 8",
        "0 0 31 2 *",
    ],
)
def test_cron_refuses(bad: str) -> None:
    with pytest.raises(ValueError, match="should be a cron expression"):
        Collection(schedule=bad)


def test_the_template_is_on_generated_bills_in_a_folder_of_their_own(tmp_path: Path) -> None:
    found = load(TEMPLATE, {}, tmp_path)
    assert [source.name for source in found.sources] == ["demo"]
    assert found.store.path == "./data/demo"  # type: ignore[attr-defined] # the lake's


def test_the_template_shows_the_defaults(tmp_path: Path) -> None:
    lines = TEMPLATE.read_text(encoding="utf-8").split("# Where the charges are kept.")[1].splitlines()
    commented = [line for line in lines if not line.startswith("  path: ./data/demo")]
    shown = "\n".join(line.replace("#  ", "  ", 1) if line.startswith("#  ") else line for line in commented)
    (tmp_path / "outlay.yaml").write_text(shown, encoding="utf-8")
    assert repr(load(None, {}, tmp_path)) == repr(load(None, {}, tmp_path / "elsewhere"))


def manual() -> dict[str, list[list[str]]]:
    """The first three cells of each row of each chapter's tables, by the first words of its heading."""
    chapters: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    for line in MANUAL.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            rows = chapters.setdefault(line.lstrip("# ").partition(":")[0], [])
        elif line.startswith("| `"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")][:3])
    return chapters


def described() -> list[tuple[str, type[Any]]]:
    """Each chapter that describes a model, and the model."""
    stores = [(f"store of the type {name}", plugins.load("warehouses", name)) for name in plugins.names("warehouses")]
    return [*SECTIONS.items(), *stores]


def cells(name: str, field: FieldInfo, model: type[Any]) -> list[str]:
    """What the manual has to say of a key: its name, its default, its variables."""
    default = "required" if field.is_required() else field.get_default(call_default_factory=True)
    shown = f"`{str(default).lower() if isinstance(default, bool) else default}`"
    if default in (None, "required"):
        shown = default or ""
    variables = (f"`{variable}`" for variable, filled in environment(model).items() if filled == name)
    return [f"`{name}`", shown.replace("()", "[]"), ", ".join(variables)]


@pytest.mark.parametrize(("chapter", "model"), described(), ids=lambda each: str(each)[:40])
def test_every_key_is_in_the_manual(chapter: str, model: type[Any]) -> None:
    expected = [cells(name, field, model) for name, field in model.model_fields.items()]
    assert sorted(manual().get(chapter, [])) == sorted(expected), f"chapter {chapter!r} of {MANUAL.name}"


@pytest.mark.parametrize("source", plugins.names("sources"))
def test_every_key_of_a_source_is_on_its_page(source: str) -> None:
    model = plugins.load("sources", source)
    page = (SOURCES / f"{source}.md").read_text(encoding="utf-8")
    linked = "".join((SOURCES / name).read_text(encoding="utf-8") for name in re.findall(r"\(([a-z-]+\.md)", page))
    rows = [row for row in (page + linked).splitlines() if row.startswith("|")]
    missing = [
        name
        for name in model.model_fields
        if name != "name" and not any(f"`{name}`" in row or f"`{name}." in row for row in rows)
    ]
    missing += [variable for variable in environment(model) if f"`{variable}`" not in page + linked]
    assert missing == []


def test_every_switch_is_in_the_manual() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    classes = (plugins.load("sources", name) for name in plugins.names("sources"))
    switches = chain.from_iterable(getattr(each, "SWITCH", ()) for each in classes)
    assert [switch for switch in switches if f"`{switch}`" not in text] == []
    assert [name for name in plugins.names("sources") if f"(sources/{name}.md)" not in text] == []
