"""Cost reports: which of them make up a billing month, and what their lines are in it.

Oracle never rewrites a report. Whatever comes late, a correction too, is in a later file; so a month is made of
many files, and a file may hold lines of more than one month.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from pathlib import Path

from outlay.core.errors import BillError
from outlay.core.span import Period, month_of
from outlay.objects import identifier
from outlay.sources._bills import csv_files, oci
from outlay.sources._bills.bills import Bill, Layout, opened, understood
from outlay.sources._bills.deliveries import Delivery
from outlay.sources.oci.storage import Item

_DAY = re.compile(r"(?:^|/)(\d{4})/(\d\d)/(\d\d)/[^/]+$")
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Report:
    """One file, the day that its folder names (of the usage), and the day it was written, where these are known.

    `item`  the object that it is; None for a file of this machine
    """

    bill: Bill
    day: date | None
    written: date | None = None
    item: Item | None = None

    @property
    def home(self) -> date | None:
        """The month in which its last lines are delivered: that of every line too late for its own."""
        last = self._last
        return month_of(last) if last else None

    def months(self, late_days: int) -> Period | None:
        """The billing months that its lines may be of.

        From the day of the usage (or, where only the writing is known, some days before it) until the day after.
        """
        last = self._last
        if last is None:
            return None
        first = self.day or last - timedelta(days=late_days)
        return Period(first, last + 2 * _ONE_DAY).months()

    @property
    def _last(self) -> date | None:
        return max((day for day in (self.day, self.written) if day), default=None)


def day_of(path: str) -> date | None:
    """The day that the folders of a report name: `FOCUS Reports/2026/10/31/0001000001507847-00001.csv.gz`."""
    found = _DAY.search(path)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def format_of(bill: Bill) -> str | None:
    """The name of a file's layout, from its columns; None for a usage report, which has no costs. Raises BillError."""
    try:
        return understood(bill).name
    except BillError:
        with opened(bill) as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if oci.is_usage(csv_files.header(file, "gzip" if packed else "none").names):
                return None
        raise


def of_file(bill: Bill) -> Report:
    """A file of this machine. When it was written is not known: its time is that of its download."""
    return Report(bill, day_of(Path(bill.path).as_posix()))


def of_object(item: Item, folder: str, dated: bool) -> Report:
    """An object of the bucket whose URL is `folder`; `dated` if it was made when Oracle wrote the report."""
    written = item.created.astimezone(UTC).date() if dated and item.created else None
    return Report(Bill(f"{folder}/{item.name}", item.size, item.etag), day_of(item.name), written, item)


def deliveries(reports: Sequence[Report], late_days: int) -> list[Delivery]:
    """The reports by billing month, newest first; all of them together if one does not tell its months.

    A version holds the months, too: with other `late_days`, lines are of other months.
    """
    months: dict[Period, list[Bill]] = {}
    for report in reports:
        spoken = report.months(late_days)
        if spoken is None:
            return [Delivery(None, [each.bill for each in reports])]
        for month in spoken.each_month():
            months.setdefault(month, []).append(replace(report.bill, version=f"{report.bill.version} {spoken}"))
    return [Delivery(month, found) for month, found in sorted(months.items(), key=lambda each: each[0].start)[::-1]]


def of_months(reports: Iterable[Report], months: Period, late_days: int) -> list[Report]:
    """The reports that may hold lines billed in these months."""

    def may(spoken: Period | None) -> bool:
        return spoken is None or (spoken.start < months.end and months.start < spoken.end)

    return [report for report in reports if may(report.months(late_days))]


def instead(report: Report, layout: Layout, late_days: int) -> dict[str, str]:
    """SQL in place of the layout's, by column of CHARGES, over the columns of this report."""
    sql = _said_by_oracle(layout) if layout.name == "FOCUS" else {}
    spoken, home = report.months(late_days), report.home
    if spoken and home:
        sql |= _booked(layout, spoken, home)
    return sql


def _booked(layout: Layout, spoken: Period, home: date) -> dict[str, str]:
    """A line later than `late_days` is booked in the month that brings it: its own is invoiced, and read no more."""
    start, end = (layout.expressions[name] for name in ("billing_period_start", "billing_period_end"))
    late = f"({start} < TIMESTAMPTZ '{spoken.start}' OR {start} >= TIMESTAMPTZ '{spoken.end}')"
    month = f"TIMESTAMPTZ '{home}'"
    return {
        "billing_period_start": f"CASE WHEN {late} THEN {month} ELSE {start} END",
        "billing_period_end": f"CASE WHEN {late} THEN {month} + INTERVAL 1 MONTH ELSE {end} END",
    }


def _said_by_oracle(layout: Layout) -> dict[str, str]:
    """What a FOCUS report of Oracle means beyond FOCUS 1.0-preview; why is in docs/sources/oci.md."""
    sql = {
        # Both are cost/myCost by Oracle's documentation; there are reports with nothing but zeros here.
        "effective_cost": f"coalesce(NULLIF({layout.expressions['effective_cost']}, 0), "
        f"{layout.expressions['billed_cost']})",
        "region_id": f"coalesce({layout.expressions['region_id']}, {layout.expressions['region_name']})",
    }
    back = next((name for name in layout.columns if name.lower() == "oci_backreferencenumber"), None)
    if back:
        corrects = f"NULLIF({identifier(back)}::VARCHAR, '') IS NOT NULL"
        sql["charge_class"] = f"CASE WHEN {corrects} THEN 'Correction' ELSE {layout.expressions['charge_class']} END"
    return sql


class Repeats:
    """The reports read so far, by their content: one that is there twice would be counted twice."""

    def __init__(self) -> None:
        self._read: dict[bytes, str] = {}

    def refuse(self, name: str, content: bytes) -> None:
        """Raise BillError if a report of this content was read; else remember it."""
        other = self._read.setdefault(content, name)
        if other != name:
            raise BillError(f"{name}: the same report as {other}; keep one of the two")


def content_of(path: str) -> bytes:
    """What two files have in common when they hold the same bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()
