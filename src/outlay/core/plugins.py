"""Finding plugins by their file names: `sources/aws.py` is the source `aws` and holds the class `Aws`.

Packages from outside add theirs with entry points in the group `outlay.<kind>`, such as `outlay.sources`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Literal

from outlay.core.errors import UsageError, choices

Kind = Literal["sources", "warehouses", "checks", "notify"]


@cache
def names(kind: Kind) -> list[str]:
    """The names of all plugins of a kind, sorted. Imports none of them."""
    folder = Path(__file__).parent.parent / kind
    ours = {module.name.replace("_", "-") for module in iter_modules([str(folder)]) if module.name[0] != "_"}
    return sorted(ours | {entry.name for entry in _outside(kind)})


@cache
def load(kind: Kind, name: str) -> type[Any]:
    """The plugin's class. Raises UsageError with the choices when there is none of that name."""
    if name not in names(kind):
        raise UsageError(choices(kind.removesuffix("s"), name, names(kind)))
    for entry in _outside(kind).select(name=name):
        outside: type[Any] = entry.load()
        return outside
    module = import_module(f"outlay.{kind}.{name.replace('-', '_')}")
    found: type[Any] = getattr(module, "".join(word.capitalize() for word in name.split("-")))
    return found


@cache
def _outside(kind: Kind) -> EntryPoints:
    """What other packages add: looking through all that is installed takes milliseconds, so it is done once."""
    return entry_points(group=f"outlay.{kind}")
