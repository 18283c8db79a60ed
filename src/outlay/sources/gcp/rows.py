"""The answer of BigQuery as charges, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from outlay.core.errors import BillError, UnreachableError
from outlay.core.focus import batch
from outlay.core.span import Period
from outlay.sources.gcp.asking import Asking

if TYPE_CHECKING:
    import pyarrow as pa

Charge = Callable[[Mapping[str, Any]], dict[str, Any] | None]


def batches(
    pages: Any, asking: Asking, charge: Charge, every: Mapping[str, Any], month: Period
) -> Iterator[pa.RecordBatch]:
    """One batch for each page of Google's iterator `pages`; `every` is what all rows have.

    Raises UnreachableError when there are less rows than were told, or more, and BillError for rows that cannot be.
    """
    told, seen = pages.total_rows, 0
    shared = {**every, **_bounds("billing_period", month)}
    for page in asking.pages(pages, "rows"):
        with asking.plainly("rows"):
            # BigQuery answers in any order; days that stand together are stored smaller and found faster.
            rows = sorted(({name: row[name] for name in row.keys()} for row in page), key=_place)  # noqa: SIM118 - no dict
        seen += len(rows)
        if told is not None and seen > told:
            raise UnreachableError(f"{asking.place}: {told} rows were told and more came: an answer came twice")
        charges = (_charge(row, charge, asking.place) for row in rows)
        yield batch({**shared, **each} for each in charges if each is not None)
    if told is not None and seen < told:
        raise UnreachableError(f"{asking.place}: {told} rows were told and {seen} came: the answer is cut short")


def _place(row: Mapping[str, Any]) -> list[str]:
    """What orders a page: the day, then all else that tells one group from another."""
    return [str(value) for name, value in row.items() if name != "lines"]


def _charge(row: Mapping[str, Any], charge: Charge, place: str) -> dict[str, Any] | None:
    try:
        found = charge(row)
        return found and {**_bounds("charge_period", _whole(row["day"])), **found}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        fault = f"no {error}" if isinstance(error, KeyError) else error
        raise BillError(
            f"{place}, {row.get('day')}, {row.get('service') or row.get('service_name')}: {fault}"
        ) from None


def _whole(day: date) -> Period:
    return Period(day, day + timedelta(days=1))


def _bounds(name: str, days: Period) -> dict[str, datetime]:
    return {f"{name}_start": _midnight(days.start), f"{name}_end": _midnight(days.end)}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
