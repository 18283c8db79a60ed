"""Reading YAML as texts with places: what cannot be says where, and repeats nothing that may be a secret."""

from __future__ import annotations

import pytest

from outlay.core.document import Place, dotted, flow, read
from outlay.core.errors import ConfigError


def test_every_key_has_the_line_it_stands_on() -> None:
    document = read("api:\n  host: a\n\nclouds:\n  aws:\n  - name: x\n  - {name: y}\n", "f.yaml")
    assert document.tree == {"api": {"host": "a"}, "clouds": {"aws": [{"name": "x"}, {"name": "y"}]}}
    assert document.place(("api", "host")) == Place("f.yaml", 2)
    assert document.place(("clouds", "aws", 1, "name", "not", "there")) == Place("f.yaml", 7)
    assert document.place(("none",)) == Place("f.yaml")


def test_scalars_stay_text() -> None:
    text = "{a: 007, b: 1e3, c: no, d: 12:30, e: 2026-10-31, f: '', g: , h: ~, i: 'null', j: null, k: 1.10}"
    values = dict.fromkeys("ghj") | {"a": "007", "b": "1e3", "c": "no", "d": "12:30", "e": "2026-10-31"}
    assert read(f"x: {text}", "f").tree["x"] == values | {"f": "", "i": "null", "k": "1.10"}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~"])
def test_nothing_is_an_empty_document(text: str) -> None:
    assert read(text, "f").tree == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("api:\n  host: [a", ":2:11: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("api:\n\thost: a", ":2:1: not YAML: found character '\\t' that cannot start any token"),
        ("api: *nowhere1", ":1:6: not YAML: found undefined alias"),
        ("api: 'open", ":1:11: not YAML: found unexpected end of stream"),
        (
            "api:\n  <<: text",
            ":2:7: not YAML: expected a mapping or list of mappings for merging, but found scalar",
        ),
        ("a: 1\n---\nb: 2", ":2:1: not YAML: but found another document"),
        ("a: 1\napi: \0", ":2: not YAML: it holds a character that text may not hold"),
        ("api: &a [*a]", ": an alias (*name) stands inside its own anchor (&name)"),
        ("- api", ": should hold sections, such as clouds: and store:"),
        ("api", ": should hold sections, such as clouds: and store:"),
    ],
)
def test_what_cannot_be_read_says_where(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as e:
        read(text, "f.yaml")
    assert str(e.value) == f"f.yaml{said}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("api: {}\napi: {}", "f.yaml:2: api: stands here twice"),
        ("api:\n  ? [a, b]\n  : c", "f.yaml:1: api: has a key that is no text"),
        ("api:\n  host: !env HOST", "f.yaml:2: api.host: has a YAML tag (!name), which settings do not know"),
        (
            "api:\n  host: a${B",
            "f.yaml:2: api.host: holds a bare ${; write ${NAME}, ${NAME:-default}, or $${ for a",
        ),
        (
            "api:\n  host: a${1B}",
            "f.yaml:2: api.host: holds a bare ${; write ${NAME}, ${NAME:-default}, or $${ for",
        ),
        ("api: [a, '${B}']", "f.yaml:1: api[1]: the environment variable B is not set"),
    ],
)
def test_what_cannot_be_is_noted_with_its_line(text: str, said: str) -> None:
    document = read(text, "f.yaml")
    document.expand({})
    assert str(document.error()).startswith(said)


def test_variables_are_put_in_once() -> None:
    document = read("a: '${A}${B:-b}${C:-}$${A}$A ${D:-x:-y}'", "f")
    document.expand({"A": "${B}", "B": ""})
    assert document.tree == {"a": "${B}b${A}$A x:-y"}
    assert document.faults == {}


def test_a_key_is_written_with_dots_and_numbers() -> None:
    assert dotted(("clouds", "aws", 1, "roles", 0, "arn")) == "clouds.aws[1].roles[0].arn"


@pytest.mark.parametrize("text", ["[a", "{a: 1}, {", "{a: !x b}", "[a]\nb: c"])
def test_brackets_that_are_no_list_stay_text(text: str) -> None:
    assert flow(text) == text


def test_brackets_hold_lists_and_mappings() -> None:
    assert flow('[a, "b, c", {d: e}]') == ["a", "b, c", {"d": "e"}]
