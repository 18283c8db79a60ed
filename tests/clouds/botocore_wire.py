"""AWS's wire formats by botocore's models: what is off a shape, requests read, answers written."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

from botocore.model import OperationModel, Shape
from botocore.utils import parse_timestamp
from botocore.validate import ParamValidator


def faults_of(value: Any, shape: Shape | None) -> list[str]:
    """What in `value` the shape does not allow: by botocore's validator, and by enums, maxima and patterns."""
    if shape is None:
        return [f"no members are known, not {value!r}"] if value else []
    wrong = ParamValidator().validate(value, shape)
    return wrong.generate_report().splitlines() if wrong.has_errors() else list(_constrained(value, shape, "input"))


def _constrained(value: Any, shape: Shape, place: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for name, one in value.items():
            yield from _constrained(one, shape.members[name], f"{place}.{name}")
    elif shape.type_name == "map":
        for name, one in value.items():
            yield from _constrained(name, shape.key, f"{place} key")
            yield from _constrained(one, shape.value, f"{place}.{name}")
    elif shape.type_name == "list":
        for position, one in enumerate(value):
            yield from _constrained(one, shape.member, f"{place}[{position}]")
    if said := _limit(value, shape):
        yield f"Value '{value}' at '{place}' failed to satisfy constraint: Member must {said}"


def _limit(value: Any, shape: Shape) -> str | None:
    """The constraint that a value breaks, in AWS's words."""
    known = shape.metadata.get("enum")
    if known and value not in known:
        return f"satisfy enum value set: [{', '.join(known)}]"
    most = shape.metadata.get("max")
    size = value if isinstance(value, int | float | Decimal) else len(value) if hasattr(value, "__len__") else 0
    if most is not None and size > most:
        return f"be at most {most}"
    pattern = shape.metadata.get("pattern")
    if shape.type_name == "string" and pattern and r"\p{" not in pattern and not re.fullmatch(pattern, value):
        return f"satisfy regular expression pattern: {pattern}"
    return None


def to_json(operation: OperationModel, answer: Mapping[str, Any]) -> bytes:
    """An answer that fits the model, as AWS JSON 1.1."""
    shape = operation.output_shape
    return json.dumps({} if shape is None else _plain(answer, shape)).encode()


def _plain(value: Any, shape: Shape) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return {
            shape.members[name].serialization.get("name", name): _plain(one, shape.members[name])
            for name, one in value.items()
        }
    if kind == "list":
        return [_plain(one, shape.member) for one in value]
    if kind == "map":
        return {name: _plain(one, shape.value) for name, one in value.items()}
    if kind == "timestamp":
        return _moment(value).timestamp()
    if kind == "blob":
        return base64.b64encode(value).decode()
    return float(value) if isinstance(value, Decimal) else value


def from_query(operation: OperationModel, form: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The request in an AWS query form, with members that the model does not know as they came."""
    said = {name: value for name, value in form if name not in {"Action", "Version"}}
    shape = operation.input_shape
    if shape is None:
        return dict(said)
    read: dict[str, Any] = _read(said, shape)
    return read


def _read(said: Mapping[str, str], shape: Shape) -> Any:
    """The value whose parts are named by the keys of `said`, dots apart; "" names the value itself."""
    if shape.type_name == "structure":
        names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        return {
            names.get(head, head): _read(rest, shape.members[names[head]]) if head in names else rest.get("", rest)
            for head, rest in _parts(said).items()
        }
    if shape.type_name == "list":
        wrapped = said if shape.serialization.get("flattened") else _parts(said).get("member", {})
        items = _parts(wrapped)
        return [_read(items[key], shape.member) for key in sorted(items, key=int)]
    if shape.type_name == "map":
        pairs = _parts(_parts(said).get("entry", {})).values()
        return {one["key"]: _read({"": one["value"]}, shape.value) for one in pairs}
    text = said.get("", "")
    if shape.type_name in {"integer", "long"}:
        return int(text) if re.fullmatch(r"-?\d+", text) else text
    if shape.type_name == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return base64.b64decode(text) if shape.type_name == "blob" else text


def _parts(said: Mapping[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, value in said.items():
        head, _, rest = name.partition(".")
        found.setdefault(head, {})[rest] = value
    return found


def to_xml(operation: OperationModel, answer: Mapping[str, Any]) -> bytes:
    """An answer that fits the model, as AWS query XML."""
    root = ET.Element(f"{operation.name}Response", xmlns=operation.service_model.metadata["xmlNamespace"])
    shape = operation.output_shape
    if shape is not None:
        _write(ET.SubElement(root, shape.serialization.get("resultWrapper", f"{operation.name}Result")), answer, shape)
    ET.SubElement(ET.SubElement(root, "ResponseMetadata"), "RequestId").text = "0"
    return ET.tostring(root)


def _write(node: ET.Element, value: Any, shape: Shape) -> None:
    if shape.type_name == "structure":
        for name, one in value.items():
            member = shape.members[name]
            _write(ET.SubElement(node, member.serialization.get("name", name)), one, member)
    elif shape.type_name == "list":
        for one in value:
            _write(ET.SubElement(node, shape.member.serialization.get("name", "member")), one, shape.member)
    elif shape.type_name == "timestamp":
        node.text = _moment(value).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    elif shape.type_name == "boolean":
        node.text = str(value).lower()
    else:
        node.text = str(value)


def xml_error(code: str, message: str) -> bytes:
    """An error of the query protocol."""
    root = ET.Element("ErrorResponse")
    error = ET.SubElement(root, "Error")
    for name, text in (("Type", "Sender"), ("Code", code), ("Message", message)):
        ET.SubElement(error, name).text = text
    ET.SubElement(root, "RequestId").text = "0"
    return ET.tostring(root)


def _moment(value: Any) -> datetime:
    moment: datetime = value if isinstance(value, datetime) else parse_timestamp(value)
    return moment
