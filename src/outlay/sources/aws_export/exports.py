"""Which files are the newest finished delivery of each billing month: what manifests name, and what is there."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from outlay.core.errors import BillError, NotFoundError, SourceError, choices
from outlay.core.span import Period, next_month
from outlay.sources._bills.bills import Bill
from outlay.sources._bills.deliveries import Delivery, by_folder
from outlay.sources._bills.listing import SUFFIXES, month_hint, newest_runs
from outlay.sources.aws_export.places import File, Place

WRITING_SECONDS = 3600  # how long a file that is newer than its manifest is taken for one of a delivery under way

_MANIFEST = re.compile(r"(?:(.+)-)?Manifest\.json")
_STAMP = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d):?(\d\d):?(\d\d)")
_ATHENA_MONTH = re.compile(r"/year=(\d{4})/month=(\d\d?)/")
_STATUS_TABLE = "/cost_and_usage_data_status/"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest, told by its path alone: whose it is, its billing month, the folder of its run below the month's."""

    file: File
    export: str
    root: str
    month: Period | None
    run: str
    is_legacy: bool

    @property
    def rank(self) -> tuple[bool, float, int]:
        """The newest first. Of a legacy report it is the one above the runs, which AWS writes anew each time."""
        stamp = _STAMP.match(self.run)
        named = stamp and datetime.strptime("".join(stamp.groups()), "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
        is_above = self.is_legacy and not self.run
        return not is_above, -(named or self.file.written), len(self.file.path)


class Export:
    """One export, or the billing files of a place without manifests."""

    def __init__(self, place: Place, files: Sequence[File], manifests: Sequence[Manifest]) -> None:
        self._place, self._files, self._manifests = place, files, manifests
        self._unfinished: list[SourceError] = []

    @property
    def title(self) -> str:
        return f"the export {self._manifests[0].export}" if self._manifests else "billing files without a manifest"

    def deliveries(self, months: Period | None = None) -> Iterator[Delivery]:
        """The newest finished delivery of each billing month, newest month first; only of `months`, if given.

        Months without a finished one are told by `raise_unfinished`.
        """
        found = self._by_manifest(months) if self._manifests else self._by_folder()
        return (each for each in found if months is None or each.month is None or _meet(each.month, months))

    def raise_unfinished(self) -> None:
        """Raises BillError for the newest of the months met that have no finished delivery."""
        if self._unfinished:
            raise self._unfinished[0]

    def account(self) -> str | None:
        """The account that the newest manifest tells, if it does."""
        for _, manifests in self._months():
            try:
                told = self._parsed(manifests[0])
            except BillError:
                continue
            arn = str(told.get("exportArn", "")).split(":")
            return str(told.get("account") or (arn[4] if len(arn) > 4 else "")) or None
        return None

    def _months(self) -> list[tuple[Period, list[Manifest]]]:
        months: dict[Period, list[Manifest]] = {}
        for each in self._manifests:
            months.setdefault(each.month or self._month_inside(each), []).append(each)
        ranked = ((month, sorted(found, key=lambda each: each.rank)) for month, found in months.items())
        return sorted(ranked, key=lambda each: each[0].start, reverse=True)

    def _by_manifest(self, months: Period | None) -> Iterator[Delivery]:
        for month, manifests in self._months():
            if months is not None and not _meet(month, months):
                continue
            faults = []
            for manifest in manifests:
                try:
                    yield Delivery(month, self._named(manifest))
                    break
                except BillError as fault:
                    faults.append(fault)
            else:
                self._unfinished.append(faults[0])

    def _by_folder(self) -> Iterator[Delivery]:
        """Without manifests: the bills of the newest runs, by the months of their folders."""
        written = {file.path: file.written for file in self._files}
        bills = [file.bill for file in self._files if _is_bill(file.path.removeprefix(self._place.location))]
        if not bills:
            raise NotFoundError(f"no manifest and no billing files below {self._place.location}")
        bills = sorted(newest_runs(bills, lambda bill: written[bill.path]), key=lambda bill: bill.path)
        _refuse_unreadable(bills)
        months: dict[Period | None, list[Bill]] = {}
        for bill in bills:
            months.setdefault(_athena_month(bill.path), []).append(bill)
        if None in months:
            yield from by_folder(bills)
            return
        for month in sorted(filter(None, months), key=lambda each: each.start, reverse=True):
            yield Delivery(month, months[month])

    def _named(self, manifest: Manifest) -> list[Bill]:
        """The files that a manifest names, in their order. Raises BillError when one is not there, or not yet."""
        told = self._parsed(manifest)
        bills: dict[str, Bill] = {}
        names = told.get("reportKeys", told.get("dataFiles"))
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise BillError(f"{manifest.file.path}: the manifest has no list of files, reportKeys or dataFiles")
        for name in names:
            file = _find(name, self._by_place)
            if file is None:
                below = f"which is not below {self._place.location}"
                raise BillError(f"{manifest.file.path}: the delivery is not finished: it names {name}, {below}")
            if self._place.keeps_order and file.written > manifest.file.written and _is_recent(file):
                raise BillError(f"{file.path}: newer than its manifest: AWS is writing the delivery; collect later")
            bills[file.path] = file.bill  # once, should it be named twice
        _refuse_unreadable(bills.values())
        return list(bills.values())

    def _parsed(self, manifest: Manifest) -> Mapping[str, Any]:
        try:
            told = json.loads(self._place.content(manifest.file))
        except (ValueError, RecursionError):
            raise BillError(f"{manifest.file.path}: the manifest is cut short or no JSON") from None
        if not isinstance(told, dict):
            raise BillError(f"{manifest.file.path}: the manifest is no JSON object")
        return told

    def _month_inside(self, manifest: Manifest) -> Period:
        told = self._parsed(manifest).get("billingPeriod")
        start = str(told.get("start", "")) if isinstance(told, dict) else ""
        day = re.match(r"(\d{4})-?(\d\d)", start)
        if not day or not 1 <= int(day[2]) <= 12:
            raise BillError(f"{manifest.file.path}: neither the manifest nor its folder tells a billing month")
        return _month(int(day[1]), int(day[2]))

    @cached_property
    def _by_place(self) -> dict[str, File]:
        return {_plain(file.path.removeprefix(self._place.location)): file for file in self._files}


def export_of(place: Place, name: str | None) -> Export:
    """The export of a place. Raises NotFoundError when there is none, SourceError when it is not told which."""
    files = place.files()
    manifests = list(_manifests(files))
    if name is not None:
        names = sorted({each.export for each in manifests})
        manifests = [each for each in manifests if each.export == name]
        if not manifests:
            raise NotFoundError(f"{place.location}: {choices('export', name, names)}")
    if len(found := {(each.export, each.root) for each in manifests}) > 1:
        told = ", ".join(f"{export} ({root})" for export, root in sorted(found))
        raise SourceError(
            f"{place.location}: {len(found)} exports, which may bill the same charges: {told};"
            " name one in `export`, or its folder in `path`"
        )
    return Export(place, files, manifests)


def _manifests(files: Iterable[File]) -> Iterator[Manifest]:
    """`<root>/<month>/<run>/<export>-Manifest.json`, or `<root>/metadata/<month>/<run>/...`, the run being optional."""
    for file in files:
        *folders, last = file.path.split("/")
        if named := _MANIFEST.fullmatch(last):
            at = next((i for i, folder in enumerate(folders) if month_hint(f"{folder}/")), len(folders))
            month = month_hint(f"{folders[at]}/") if at < len(folders) else None
            root = folders[:at][:-1] if folders[at - 1] == "metadata" else folders[:at]
            is_legacy = month is not None and "=" not in folders[at]
            yield Manifest(file, named[1] or root[-1], "/".join(root), month, "/".join(folders[at + 1 :]), is_legacy)


def _find(name: str, by_place: Mapping[str, File]) -> File | None:
    """The file that a manifest names by its key or URL, in a copy too: by as much of the key as the place holds."""
    key = name.partition("://")[2].partition("/")[2] if "://" in name else name
    parts = _plain(key).split("/")
    return next((by_place[tail] for i in range(len(parts)) if (tail := "/".join(parts[i:])) in by_place), None)


def _plain(key: str) -> str:
    """A key without the empty folders that a report without a prefix has."""
    return "/".join(filter(None, key.split("/")))


def _refuse_unreadable(bills: Iterable[Bill]) -> None:
    for bill in bills:
        if bill.size == 0:
            raise BillError(f"{bill.path}: the file is empty")
        if bill.path.lower().endswith(".zip"):
            raise BillError(f"{bill.path}: ZIP is not read; set the report's compression to GZIP or Parquet")


def _is_recent(file: File) -> bool:
    return time.time() - file.written < WRITING_SECONDS


def _is_bill(path: str) -> bool:
    hidden = any(part.startswith((".", "_")) for part in path.split("/"))
    return path.lower().endswith((*SUFFIXES, ".zip")) and not hidden and _STATUS_TABLE not in path


def _athena_month(path: str) -> Period | None:
    found = _ATHENA_MONTH.search(path)
    return _month(int(found[1]), int(found[2])) if found and 1 <= int(found[2]) <= 12 else None


def _month(year: int, month: int) -> Period:
    first = date(year, month, 1)
    return Period(first, next_month(first))


def _meet(one: Period, other: Period) -> bool:
    return one.start < other.end and other.start < one.end
