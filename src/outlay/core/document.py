"""Settings as they were written: a tree of texts, where each of them stands, and the faults found in it.

Scalars stay the text that was written, whatever YAML would make of them: an account id keeps its leading
zero, an amount its last digit, Norway its `no`. The type of a setting decides what its text means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from outlay.core.errors import ConfigError

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | None"
Key: TypeAlias = tuple[str | int, ...]

_VARIABLE = re.compile(r"(?P<escaped>\$)?\$\{(?P<inside>[^}]*)(?P<end>\}?)")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_]\w*)(?P<or>:-(?P<default>.*))?", re.ASCII | re.DOTALL)
_NULLS = {"", "~", "null", "Null", "NULL"}
_YAML_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was written: a file and a line of it, or (`line` 0) a variable of the environment."""

    where: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.where}:{self.line}" if self.line else self.where


@dataclass
class Document:
    """What was written. A key has one fault at most: the first that was found is the one told."""

    tree: dict[str, Tree] = field(default_factory=dict)
    places: dict[Key, Place] = field(default_factory=lambda: {(): Place("settings")})
    faults: dict[Key, str] = field(default_factory=dict)

    def fault(self, key: Key, message: str) -> None:
        """Note that the value of `key` cannot be."""
        self.faults.setdefault(key, message)

    def faulty(self, key: Key) -> bool:
        """Whether a fault was found at `key` or inside it."""
        return any(each[: len(key)] == key for each in self.faults)

    def place(self, key: Key) -> Place:
        """Where `key`, or else what should hold it, was written."""
        while key not in self.places:
            key = key[:-1]
        return self.places[key]

    def expand(self, env: Mapping[str, str]) -> None:
        """Put variables in the place of the file's `${VAR}` and `${VAR:-default}`; `$${` is a plain `${`."""
        self.tree = {name: self._expanded((name,), value, env) for name, value in self.tree.items()}

    def _expanded(self, key: Key, value: Tree, env: Mapping[str, str]) -> Tree:
        if isinstance(value, dict):
            return {name: self._expanded((*key, name), each, env) for name, each in value.items()}
        if isinstance(value, list):
            return [self._expanded((*key, index), each, env) for index, each in enumerate(value)]
        if value is None or not self.place(key).line:
            return value
        return self.expanded(key, value, env)

    def expanded(self, key: Key, text: str, env: Mapping[str, str]) -> str:
        """`text` with its variables put in; a variable that is not set is a fault of `key`."""

        def one(match: re.Match[str]) -> str:
            if match["escaped"]:
                return match[0][1:]
            inside = _INSIDE.fullmatch(match["inside"]) if match["end"] else None
            if inside is None:
                self.fault(key, "holds a bare ${; write ${NAME}, ${NAME:-default}, or $${ for a plain ${")
            elif not (value := env.get(inside["name"])):
                if inside["or"] is None:
                    self.fault(key, f"the environment variable {inside['name']} is not set")
                return inside["default"] or ""
            else:
                return value
            return ""

        return _VARIABLE.sub(one, text)

    def error(self) -> ConfigError:
        """All faults, in the order of their lines, those of the environment first."""
        order = sorted(self.faults, key=lambda key: self.place(key).line)
        return ConfigError("\n".join(f"{self.place(key)}: {dotted(key)}: {self.faults[key]}" for key in order))


def dotted(key: Iterable[str | int]) -> str:
    """A key as people write it: clouds.aws[1].region."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")


def read(text: str, where: str) -> Document:
    """The document that `text` is. Raises ConfigError with the line and column where it is no YAML."""
    document = Document(places={(): Place(where)})
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        tree = _Reading(document, loader, where).tree(node, ()) if node else None
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise ConfigError(f"{place}: not YAML: {_unquoted(e.problem or 'cannot be read')}") from None
    except yaml.reader.ReaderError as e:
        line = text.count("\n", 0, e.position) + 1
        raise ConfigError(f"{where}:{line}: not YAML: it holds a character that text may not hold") from None
    except RecursionError:
        raise ConfigError(f"{where}: an alias (*name) stands inside its own anchor (&name)") from None
    if not isinstance(tree, dict | None):
        raise ConfigError(f"{where}: should hold sections, such as clouds: and store:")
    document.tree = tree or {}
    return document


def flow(text: str) -> Tree:
    """The list or mapping that `text` writes in brackets, or the text itself."""
    try:
        document = read(f"value: {text}", "value")
    except ConfigError:
        return text
    return text if document.faults or len(document.tree) != 1 else document.tree["value"]


@dataclass
class _Reading:
    """One pass over the nodes of a file, noting the line of each key."""

    document: Document
    loader: yaml.SafeLoader
    where: str
    merged: set[int] = field(default_factory=set)

    def tree(self, node: yaml.Node, key: Key) -> Tree:
        if not node.tag.startswith(_YAML_TAG):
            self.document.fault(key, "has a YAML tag (!name), which settings do not know")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self._child(each, each, (*key, index)) for index, each in enumerate(node.value)]
        text: str = node.value
        plain = isinstance(node, yaml.ScalarNode) and node.style is None
        return None if plain and text in _NULLS else text

    def _mapping(self, node: yaml.MappingNode, key: Key) -> Tree:
        if id(node) not in self.merged:
            self._merge(node, key)
        tree: dict[str, Tree] = {}
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode):
                tree[name.value] = self._child(name, value, (*key, name.value))
            else:
                self.document.fault(key, "has a key that is no text")
        return tree

    def _merge(self, node: yaml.MappingNode, key: Key) -> None:
        """Put what `<<` names into the node itself: once, since an alias brings the same node again."""
        self.merged.add(id(node))
        own = [name.value for name, _ in node.value if isinstance(name, yaml.ScalarNode)]
        for twice in {name for name in own if own.count(name) > 1 and name != "<<"}:
            self.document.fault((*key, twice), "stands here twice")
        self.loader.flatten_mapping(node)

    def _child(self, named: yaml.Node, value: yaml.Node, key: Key) -> Tree:
        self.document.places[key] = Place(self.where, named.start_mark.line + 1)
        return self.tree(value, key)


def _unquoted(problem: str) -> str:
    """A problem without the words it quotes from the file: they may be a secret's."""
    return re.sub(r" '[^'<]{3,}'", "", problem)
