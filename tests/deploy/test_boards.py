"""The dashboards as files: whole, tidy, and never adding up what cannot be added up."""

from __future__ import annotations

import re

import pytest

from tests.deploy.boards import BOARDS, DEPLOY, panels, queries


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
    shown = BOARDS[board]["panels"]
    folded = [each["panels"] for each in shown if each["type"] == "row" and each["collapsed"]]
    every = [each for some in (shown, *folded) for each in some]
    assert len({each["id"] for each in every}) == len(every)
    for some in (shown, *folded):
        taken: set[tuple[int, int]] = set()
        for each in some:
            at = each["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert max(x for x, _ in cells) < 24, each["title"]
            assert not cells & taken, each["title"]
            taken |= cells
    for each in panels(board):
        references = [target["refId"] for target in each["targets"]]
        assert len(set(references)) == len(references) > 0


@pytest.mark.parametrize("board", BOARDS)
def test_what_shows_one_number_asks_for_the_newest(board: str) -> None:
    # A range is asked in steps, the last of which may lie hours back: before the first scrape.
    for each in panels(board):
        if each["type"] in {"stat", "gauge", "bargauge", "table"}:
            assert {(target["instant"], target["range"]) for target in each["targets"]} == {(True, False)}, each[
                "title"
            ]


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
