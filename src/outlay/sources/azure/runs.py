"""Runs of exports: which files of a container Cost Management wrote together, and which of them count.

A container holds, for each export, a folder for each month, and in it what the runs of the export wrote:

    <path>/<export>/20261001-20261031/<run>/manifest.json and part_0_0001.csv.gz ...   partitioned, a folder a run
    <path>/<export>/20261001-20261031/manifest.json and its parts                      the same, overwritten
    <path>/<export>/20261001-20261031/<export>_<guid>.csv                              before there were manifests

Every run holds its whole month so far: of several, one counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from outlay.core.span import Period
from outlay.sources._bills.listing import SUFFIXES, month_hint
from outlay.sources.azure.blobs import Blob

MANIFESTS = ("manifest.json", "_manifest.json")
Kind = Literal["actual", "amortized", "focus", "usage"]

_KINDS: Mapping[str, Kind] = {
    "actualcost": "actual",
    "amortizedcost": "amortized",
    "focuscost": "focus",
    "usage": "usage",
}
# The part of a run in several files, which is nothing without the manifest that lists it.
_PART = re.compile(r"(part[-_]?)?\d[\d_]*\..*", re.IGNORECASE)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SCOPE = re.compile(r"/?providers/Microsoft\.CostManagement/exports/.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Month:
    """What an export wrote for one month, all of its runs: `export` is the folder above the month's."""

    export: str
    month: Period
    blobs: list[Blob] = field(default_factory=list, compare=False)


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run. `scope` is whose costs it holds, '' where that is not told; `version` its identity."""

    export: str
    month: Period
    kind: Kind
    scope: str
    version: str
    finished: datetime
    parts: Sequence[Blob]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that a manifest tells of and whose files are not what it says, in words."""

    reason: str


def months(blobs: Iterable[Blob], export_name: str = "") -> list[Month]:
    """What there is for each export and month, newest month first. Files in no month's folder are not exports."""
    found: dict[tuple[str, Period], Month] = {}
    for blob in blobs:
        folders = blob.name.split("/")[:-1]
        month = month_hint(blob.name)
        if month is None or not blob.size or not blob.name.lower().endswith((*SUFFIXES, *MANIFESTS)):
            continue
        index = next(i for i, folder in enumerate(folders) if month_hint(f"{folder}/"))
        if not export_name or export_name in folders[:index]:
            key = "/".join(folders[:index]), month
            found.setdefault(key, Month(*key)).blobs.append(blob)
    return sorted(found.values(), key=lambda each: (each.month.start, each.export), reverse=True)


def newest(month: Month, read: Callable[[Blob], bytes], whole: Callable[[Blob, int], bool]) -> Run | Unfinished | None:
    """The run of a month that counts: the newest that is finished; None where there is none, or none of costs.

    `read` gives a manifest's bytes; `whole` whether a file that has not the stated size is whole all the same.
    """
    there = {blob.name: blob for blob in month.blobs}
    manifests = [blob for blob in month.blobs if _file(blob.name).lower() in MANIFESTS]
    if not manifests:
        return _without_manifest(month)
    first: Unfinished | None = None
    for blob in sorted(manifests, key=lambda each: (each.modified, each.name), reverse=True):
        found = _run(month, blob, read(blob), there, whole)
        if not isinstance(found, Unfinished):
            return found
        first = first or found
    return first


def _run(
    month: Month, manifest: Blob, text: bytes, there: Mapping[str, Blob], whole: Callable[[Blob, int], bool]
) -> Run | Unfinished | None:
    """The run that a manifest tells of, if all of its parts are there as it states them; None if it has no costs."""
    try:
        told = json.loads(text)
        listed = [(str(each["blobName"]).strip(), int(each["byteCount"])) for each in told["blobs"]]
        config, info = told.get("exportConfig") or {}, told.get("runInfo") or {}
        kind = _KINDS.get(str(config.get("type", "")).lower()) if "type" in config else _kind_of_name(month, "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return Unfinished(f"{manifest.name} is cut short, or no manifest of an export")
    if kind is None:  # a price sheet, or reservations
        return None
    parts = []
    for name, size in listed:
        if not size:
            continue
        # Named from the container on; but where files were copied elsewhere, they lie beside their manifest.
        part = there.get(name) or there.get(f"{manifest.name.rpartition('/')[0]}/{_file(name)}")
        if part is None or (part.size != size and not whole(part, size)):
            state = "is not there" if part is None else f"has {part.size} bytes and not {size}"
            return Unfinished(f"{name} {state}, which {_file(manifest.name)} lists")
        parts.append(part)
    scope = _SCOPE.sub("", str(config.get("resourceId", ""))).lower()
    version = str(info.get("runId") or manifest.etag)
    return Run(month.export, month.month, kind, scope, version, manifest.modified, parts)


def _without_manifest(month: Month) -> Run | None:
    """The newest file of each name, which differ by a GUID from run to run."""
    files: dict[str, Blob] = {}
    for blob in sorted(month.blobs, key=lambda each: (each.modified, each.name)):
        if not _PART.fullmatch(_file(blob.name)):
            files[_GUID.sub("", _file(blob.name))] = blob
    if not files:
        return None
    parts = sorted(files.values(), key=lambda each: each.name)
    last = max(each.modified for each in parts)
    return Run(month.export, month.month, _kind_of_name(month, parts[0].name), "", "", last, parts)


def _kind_of_name(month: Month, file: str) -> Kind:
    """The kind of an export that does not say it, by what people call it; folders above it are called after others."""
    words = f"{_file(month.export)} {_file(file)}".lower()
    if "amorti" in words:
        return "amortized"
    return "focus" if "focus" in words else "actual"


def _file(name: str) -> str:
    return name.rpartition("/")[2]
