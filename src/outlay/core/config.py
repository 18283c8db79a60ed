"""Loading settings: one YAML file, the environment over and under it, every fault told at once.

What wins, first to last: `OUTLAY__SECTION__KEY`, the file, plain variables such as PORT, defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from outlay.core import plugins
from outlay.core.document import Document, Key, Place, Tree, read
from outlay.core.errors import ConfigError
from outlay.core.fit import environment, fit, unknown
from outlay.core.settings import SECTIONS, Settings, State

if TYPE_CHECKING:
    from outlay.core.ports import Source, Warehouse

FILE = "outlay.yaml"
PREFIX = "OUTLAY__"
TEMPLATE = Path(__file__).with_name("template.yaml")  # what `outlay init` writes

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


def load(path: Path | None, env: Mapping[str, str], cwd: Path) -> Settings:
    """The settings of the file `path`, else of the file OUTLAY_CONFIG names, else of outlay.yaml in `cwd`, if any.

    A `.env` file in `cwd` adds variables to `env`. Raises ConfigError with one line per fault, each with its file
    and line or its variable; secrets are in none.
    """
    env = _variables(env, cwd)
    document = _document(path, env, cwd)
    _switch_on(document, env)
    _override(document, env)
    _drop_disabled(document, env)
    document.expand(env)
    _refuse_unknown(document)
    made = {name: _section(document, name, model, env) for name, model in SECTIONS.items()}
    store = _store(document, env)
    sources = _sources(document, env)
    if document.faults:
        raise document.error()
    state = State(url=made.pop("state").url or _beside(store))
    return Settings(sources=sources, store=store, state=state, **made)


def _variables(env: Mapping[str, str], cwd: Path) -> dict[str, str]:
    """The environment, with what `.env` adds to it. An empty variable counts as not set."""
    found: dict[str, str | None] = {}
    file = cwd / ".env"
    if file.is_file():
        from dotenv.parser import parse_stream

        for binding in parse_stream(StringIO(_text(file, ".env"))):
            if binding.error:
                raise ConfigError(f".env:{binding.original.line}: not NAME=value")
            if binding.key is not None:
                found[binding.key] = binding.value
    return {name: value for name, value in (found | dict(env)).items() if value}


def _document(path: Path | None, env: Mapping[str, str], cwd: Path) -> Document:
    named = path or (Path(env["OUTLAY_CONFIG"]) if "OUTLAY_CONFIG" in env else None)
    file = cwd / (named or FILE)
    if named is None and not file.exists():
        return Document()
    shown = str(named or FILE)
    if not file.is_file():
        by = "" if path else "OUTLAY_CONFIG: "
        raise ConfigError(f"{by}{shown}: {'not a file' if file.exists() else 'no such file'}")
    return read(_text(file, shown), shown)


def _text(file: Path, shown: str) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{shown}: not UTF-8 text") from None
    except OSError as e:
        raise ConfigError(f"{shown}: {e.strerror}") from None


def _switch_on(document: Document, env: Mapping[str, str]) -> None:
    """With no clouds written, sources whose variables are set switch themselves on."""
    if document.tree.get("clouds") is not None:
        return
    clouds: dict[str, Tree] = {}
    for name in plugins.names("sources"):
        switch = next((each for each in getattr(_plugin("sources", name), "SWITCH", ()) if each in env), None)
        if switch:
            clouds[name] = {}
            document.places["clouds", name] = Place(switch)
    document.tree["clouds"] = clouds


def _override(document: Document, env: Mapping[str, str]) -> None:
    """Put each OUTLAY__A__B=value in the place of the key a.b."""
    for variable in sorted(env):
        if not variable.upper().startswith(PREFIX):
            continue
        at: Tree = document.tree
        key: Key = ()
        *parents, last = variable[len(PREFIX) :].split("__")
        for part in parents:
            key, at = _step(document, at, key, part)
        key, _ = _step(document, at, key, last, env[variable])
        document.places[key] = Place(variable)


def _step(document: Document, at: Tree, key: Key, word: str, value: str | None = None) -> tuple[Key, Tree]:
    """One step of an override down the tree, setting the value if there is one, else making room for the next."""
    if isinstance(at, list) and word.isdigit() and int(word) <= len(at):
        index = int(word)
        at.extend([None] * (index == len(at)))
        at[index] = _room(at[index]) if value is None else value
        return (*key, index), at[index]
    if not isinstance(at, dict):
        return (*key, word.lower()), None
    known = [*at, *plugins.names("sources")] if key == ("clouds",) else list(at)
    name = next((each for each in known if _plain(each) == _plain(word)), word.lower())
    at[name] = _room(at.get(name)) if value is None else value
    return (*key, name), at[name]


def _room(tree: Tree) -> Tree:
    return {} if tree is None else tree


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")
