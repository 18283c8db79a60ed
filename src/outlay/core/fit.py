"""Fitting what was written to a settings model: unknown keys, lists written as text, and what is secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from outlay.core.document import Document, Key, Tree, flow

Model = TypeVar("Model", bound=BaseModel)


def fit(document: Document, model: type[Model], key: Key, written: dict[str, Tree]) -> Model | None:
    """The model made of what was written at `key`, or None and the faults in the document."""
    fitting = _Fitting(document)
    values = fitting.model([model], written, key)
    try:
        made = model.model_validate(values)
    except ValidationError as e:
        for error in e.errors(include_url=False, include_context=False, include_input=False):
            loc = _written(error["loc"], values, missing=error["type"] == "missing")
            # What is wrong with the whole may follow from a part that was already told.
            if loc or not document.faulty(key):
                document.fault(key + loc, fitting.blotted(_words(error["type"], error["msg"], model, loc)))
        return None
    return None if document.faulty(key) else made


def unknown(given: str, known: Sequence[str], what: str = "key") -> str:
    """What to say of a name that is none of the known ones."""
    import difflib

    close = difflib.get_close_matches(given.lower(), known, n=1)
    meant = f"; did you mean {close[0]}?" if close else ";"
    return f"no such {what}{meant} there are: {', '.join(known) or 'none'}"


def environment(model: type[Any]) -> Mapping[str, str]:
    """The environment variables a settings model or plugin names, each with the field it fills."""
    named: Mapping[str, str] = getattr(model, "ENVIRONMENT", {})
    return named


def _words(kind: str, message: str, model: type[BaseModel], loc: Key) -> str:
    if kind != "missing":
        return message.removeprefix("Value error, ").replace("Input should", "should").partition(", unable to")[0]
    variables = [name for name, filled in environment(model).items() if (filled,) == loc]
    return f"is required; set it here or as {variables[0]}" if variables else "is required"


def _written(loc: Key, values: Any, *, missing: bool) -> Key:
    """The part of an error's location that stands in the file: pydantic puts members of unions between."""
    found: list[str | int] = []
    for part in loc:
        inside = isinstance(values, dict) and part in values
        if inside or (isinstance(values, list) and isinstance(part, int) and part < len(values)):
            values = values[part]
            found.append(part)
    return (*found, loc[-1]) if missing else tuple(found)


class _Fitting:
    """One walk along values and the types they are for."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.secrets: set[str] = set()

    def blotted(self, message: str) -> str:
        """`message` without secrets: a plugin's own validator may have put one in."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            message = message.replace(secret, "**********")
        return message

    def model(self, models: list[type[BaseModel]], written: dict[str, Tree], key: Key) -> dict[str, Tree]:
        fields = {name: info for each in reversed(models) for name, info in each.model_fields.items()}
        values: dict[str, Tree] = {}
        for name, value in written.items():
            if name in fields:
                values[name] = self.value(value, fields[name].annotation, (*key, name))
            else:
                self.document.fault((*key, name), unknown(name, list(fields)))
        return values

    def value(self, value: Tree, annotation: Any, key: Key) -> Tree:
        types = _members(annotation)
        if value and isinstance(value, str) and SecretStr in types:
            self.secrets.add(value)
        if isinstance(value, str) and str not in types and SecretStr not in types:
            value = _unpacked(value, types)
        if isinstance(value, list):
            item = _argument(types, 0, Sequence, Set)
            return [self.value(each, item, (*key, index)) for index, each in enumerate(value)]
        if isinstance(value, dict):
            return self._mapping(value, types, key)
        return value

    def _mapping(self, value: dict[str, Tree], types: list[Any], key: Key) -> Tree:
        models = [each for each in types if isinstance(each, type) and issubclass(each, BaseModel)]
        if models:
            return self.model(models, value, key)
        item = _argument(types, 1, Mapping)
        return {name: self.value(each, item, (*key, name)) for name, each in value.items()}


def _unpacked(text: str, types: list[Any]) -> Tree:
    """A list or mapping written as text, as variables hold them: `a, b`, `[a, b]`, `{a: b}`."""
    sequence = any(_is(each, Sequence, Set) for each in types)
    if text.startswith(("[", "{")) and (sequence or any(_is(each, Mapping, BaseModel) for each in types)):
        return flow(text)
    return [part.strip() for part in text.split(",") if part.strip()] if sequence else text


def _members(annotation: Any) -> list[Any]:
    """The types a value may have: a union's members, without what annotates them."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return [each for member in get_args(annotation) for each in _members(member)]
    return [annotation]


def _argument(types: list[Any], index: int, *kinds: type) -> Any:
    """What the first container of these kinds holds, such as the SecretStr of dict[str, SecretStr]."""
    return next((get_args(each)[index] for each in types if _is(each, *kinds) and get_args(each)), Any)


def _is(annotation: Any, *kinds: type) -> bool:
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, kinds) and not issubclass(kind, str | bytes)
