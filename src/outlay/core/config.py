"""Loading settings: one YAML file, the environment over and under it, every fault told at once.

What wins, first to last: `OUTLAY__SECTION__KEY`, the file, plain variables such as PORT, defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import SecretStr, TypeAdapter, ValidationError

from outlay.core import plugins
from outlay.core.document import Document, Key, Place, Tree, read
from outlay.core.errors import ConfigError
from outlay.core.fit import environment, fit, unknown
from outlay.core.ports import Several
from outlay.core.settings import SECTIONS, Settings, State

if TYPE_CHECKING:
    from outlay.core.ports import Source, Warehouse

FILE = "outlay.yaml"
DEFAULT_STORE = "lake"
DEFAULT_FOLDER = "data"
PREFIX = "OUTLAY__"
TEMPLATE = Path(__file__).with_name("template.yaml")  # what `outlay init` writes

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


def load(path: Path | None, env: Mapping[str, str], cwd: Path) -> Settings:
    """The settings of the file `path`, else of the one OUTLAY_CONFIG names, else of outlay.yaml, if there.

    Relative paths start at `cwd`, where a `.env` file adds variables to `env`. Raises ConfigError with one
    line per fault, each with its file and line or its variable; secrets are in none.
    """
    env = _variables(env, cwd)
    document = _document(path, env, cwd)
    _unlist(document)
    _switch_on(document, env)
    _override(document, env)
    off = _switch_off(document, env)
    document.expand(env)
    _refuse_unknown(document)
    sources = _sources(document, env, off)
    store = _store(document, env)
    sections: dict[str, Any] = {
        name: _fitted(document, model, (name,), document.tree.get(name), env) for name, model in SECTIONS.items()
    }
    if document.faults or store is None:
        raise document.error()
    sections["state"] = State(url=sections["state"].url or _beside(store))
    return Settings(sources=sources, store=store, **sections)


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


def _unlist(document: Document) -> None:
    """Put a section that is written as a list in the place of the key of it that is one."""
    for name, model in SECTIONS.items():
        listed, written = getattr(model, "LISTED", None), document.tree.get(name)
        if listed and isinstance(written, list):
            document.tree[name] = {listed: written}
            inside = {key: place for key, place in document.places.items() if key[:1] == (name,) and key[1:]}
            document.places |= {(name, listed, *key[1:]): place for key, place in inside.items()}


def _switch_on(document: Document, env: Mapping[str, str]) -> None:
    """With no clouds written, sources whose variables are set switch themselves on."""
    if document.tree.get("clouds") is not None:
        return
    clouds: dict[str, Tree] = {}
    for name in plugins.names("sources"):
        model = _plugin(document, "sources", name, ("clouds", name))
        switch = next((each for each in getattr(model, "SWITCH", ()) if each in env), None)
        if switch:
            clouds[name] = {}
            document.places["clouds", name] = Place(switch)
    document.tree["clouds"] = clouds


def _override(document: Document, env: Mapping[str, str]) -> None:
    """Put each OUTLAY__A__B=value in the place of the key a.b."""
    # Shorter names first: item 9 of a list has to be there before item 10.
    for variable in sorted(env, key=lambda name: (len(name), name)):
        if not variable.upper().startswith(PREFIX):
            continue
        words = variable[len(PREFIX) :].split("__")
        try:
            tree, key = _put(document.tree, words, env[variable], ())
        except LookupError as e:
            document.fault(e.args[0], f"is a list; {variable} should number one of its items, from 0")
            continue
        document.tree = cast("dict[str, Tree]", tree)
        document.places[key] = Place(variable)


def _put(tree: Tree, words: list[str], value: str, key: Key) -> tuple[Tree, Key]:
    """`tree` with `value` where the words lead, and its key. LookupError has the key of a list in the way."""
    if not words:
        return value, key
    word, *rest = words
    if isinstance(tree, list):
        index = int(word) if word.isdigit() else len(tree) + 1
        if index > len(tree):
            raise LookupError(key)
        inner, full = _put(dict(enumerate(tree)).get(index), rest, value, (*key, index))
        return [*tree[:index], inner, *tree[index + 1 :]], full
    mapping = tree if isinstance(tree, dict) else {}
    known = [*mapping, *(plugins.names("sources") if key == ("clouds",) else ())]
    name = next((each for each in known if _plain(each) == _plain(word)), word.lower())
    inner, full = _put(mapping.get(name), rest, value, (*key, name))
    return mapping | {name: inner}, full


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")


def _blocks(document: Document) -> Iterator[tuple[str, Key, dict[str, Tree]]]:
    """Every block under `clouds:`: its plugin, its key, and what it holds."""
    clouds = document.tree["clouds"]
    if not isinstance(clouds, dict):
        document.fault(("clouds",), "should be a mapping of sources, such as aws:")
        return
    for name, written in clouds.items():
        listed = isinstance(written, list)
        for index, block in enumerate(written if isinstance(written, list) else [written]):
            key: Key = ("clouds", name, index) if listed else ("clouds", name)
            if isinstance(block, dict | None):
                yield name, key, block or {}
            else:
                document.fault(key, "should be a mapping of settings, or a list of such mappings")


def _switch_off(document: Document, env: Mapping[str, str]) -> set[Key]:
    """The blocks that say `enabled: false`, emptied, so that nothing in them can be a fault."""
    off: set[Key] = set()
    for _, key, block in _blocks(document):
        enabled = block.pop("enabled", "true")
        if not isinstance(enabled, str) or not _is_true(document, (*key, "enabled"), enabled, env):
            block.clear()
            off.add(key)
    return off


def _is_true(document: Document, key: Key, text: str, env: Mapping[str, str]) -> bool:
    try:
        return TypeAdapter(bool).validate_python(document.expanded(key, text, env))
    except ValidationError:
        document.fault(key, "should be true or false")
        return False


def _refuse_unknown(document: Document) -> None:
    known = ["clouds", "store", *SECTIONS]
    for name in document.tree:
        if name not in known:
            document.fault((name,), unknown(name, known))


def _fitted(document: Document, model: type[Any], key: Key, written: Tree, env: Mapping[str, str]) -> Any:
    """The model of what was written at `key`, its gaps filled from the variables that the model names."""
    if not isinstance(written, dict | None):
        document.fault(key, "should be a mapping of settings")
        return None
    block = dict(written or {})
    for variable, name in environment(model).items():
        if variable in env and name not in block:
            block[name] = env[variable]
            document.places[(*key, name)] = Place(variable)
    return fit(document, model, key, block)


def _plugin(document: Document, kind: plugins.Kind, name: str, key: Key) -> type[Any] | None:
    known = plugins.names(kind)
    if name not in known:
        document.fault(key, unknown(name, known, kind.removesuffix("s")))
        return None
    try:
        return plugins.load(kind, name)
    except (ImportError, AttributeError) as e:
        document.fault(key, f"the {kind.removesuffix('s')} {name} cannot be loaded: {e}")
        return None


def store_at(url: str, env: Mapping[str, str]) -> Warehouse:
    """The store at a URL, its `${VAR}` put in, or in a folder; all else is default. Raises ConfigError."""
    document = Document(places={(): Place("store")})
    place = document.expanded(("url",), url, env)
    schemes = {scheme: name for name in plugins.names("warehouses") for scheme in _schemes(name)}
    scheme, remote, _ = place.partition("://")
    if remote and scheme not in schemes:
        document.fault(("url",), unknown(f"{scheme}://", [f"{each}://" for each in schemes], "kind of store"))
    model = plugins.load("warehouses", schemes[scheme] if scheme in schemes and remote else DEFAULT_STORE)
    field = "url" if "url" in model.model_fields else "path"
    store = None if document.faults else fit(document, model, (), {field: place})
    if store is None:
        raise document.error()
    return cast("Warehouse", store)


def _schemes(name: str) -> Sequence[str]:
    """Of URLs that stand for a store of this kind; a bare path is one of the default kind."""
    return getattr(plugins.load("warehouses", name), "SCHEMES", ())


def _store(document: Document, env: Mapping[str, str]) -> Any:
    written = document.tree.get("store")
    block = dict(written) if isinstance(written, dict) else written
    kind = block.pop("type", None) if isinstance(block, dict) else None
    if not block:
        kind = kind or next((name for name in plugins.names("warehouses") if _is_switched_on(name, env)), None)
    model = _plugin(document, "warehouses", str(kind or DEFAULT_STORE), ("store", "type"))
    return _fitted(document, model, ("store",), block, env) if model else None


def _is_switched_on(name: str, env: Mapping[str, str]) -> bool:
    return any(each in env for each in getattr(plugins.load("warehouses", name), "SWITCH", ()))


def _sources(document: Document, env: Mapping[str, str], off: set[Key]) -> tuple[Source, ...]:
    sources: dict[str, Source] = {}
    for plugin, key, block in _blocks(document):
        if key in off:
            continue
        model = _plugin(document, "sources", plugin, key)
        source: Source | None = _fitted(document, model, key, {"name": plugin, **block}, env) if model else None
        if source is None:
            continue
        for each in source.each() if isinstance(source, Several) else [source]:
            if not _NAME.fullmatch(each.name):
                document.fault((*key, "name"), f"should look like {plugin}-2: a-z, 0-9, and . _ - inside")
            elif each.name in sources:
                document.fault((*key, "name"), f"another source is named {each.name}; give each a name of its own")
            sources.setdefault(each.name, each)
    return tuple(sources.values())


def _beside(store: object) -> SecretStr:
    """The SQLite file in the folder of a store that is one, else in ./data."""
    path = str(getattr(store, "path", DEFAULT_FOLDER))
    folder = DEFAULT_FOLDER if "://" in path else path
    return SecretStr(f"sqlite:///{folder.rstrip('/')}/state.db")
