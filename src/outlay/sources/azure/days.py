"""How the files of a run write their days: month first, or day first."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from outlay.core.errors import BillError
from outlay.core.span import Period
from outlay.objects import connect
from outlay.sources._bills import azure
from outlay.sources._bills.azure_columns import Columns, Order
from outlay.sources._bills.bills import Bill, Layout

_SLASHES = r"'^\d{1,2}/\d{1,2}/\d{4}'"


def order_of(files: Sequence[tuple[Bill, Layout]], month: Period) -> Order:
    """The order of days in the files of one run, which are all written alike.

    `auto` where each row tells it, by the end of its billing period, or writes 2026-10-31. Elsewhere all days are
    looked at: one past the 12th tells; and where there is none, the order by which they lie in the `month`. Days that
    lie there either way, or neither way, are taken for MM/DD/YYYY, as Microsoft writes them. Raises BillError for days
    of both orders.
    """
    if not any(_in_doubt(*each) for each in files):
        return "auto"
    seen = [_seen(*each, month) for each in files]
    first, second = (max(each[i] for each in seen) for i in (0, 1))
    if first > 12 and second > 12:
        raise BillError(f"{files[0][0].path}: days are written month first and day first; set date_order")
    if first > 12 or second > 12:
        return "dmy" if first > 12 else "mdy"
    month_first, day_first = (sum(each[i] for each in seen) for i in (2, 3))
    return "dmy" if day_first > month_first else "mdy"


def _in_doubt(bill: Bill, layout: Layout) -> bool:
    """Whether a file's first day is written with slashes, and no billing period tells their order."""
    columns = Columns(layout.columns)
    day, end = columns.text(*azure.DAYS), columns.text("billingperiodenddate", "billingperiodend")
    row = _asked(bill, f"SELECT {day}, {end} FROM {layout.table} WHERE {day} SIMILAR TO {_SLASHES[:-1]}.*' LIMIT 1")  # noqa: S608
    return row is not None and row[1] is None


def _seen(bill: Bill, layout: Layout, month: Period) -> tuple[int, int, int, int]:
    """The greatest first and second numbers of all days, and how many of each are the month's."""
    day = Columns(layout.columns).text(*azure.DAYS)
    first, second = (f"TRY_CAST(split_part({day}, '/', {i}) AS INTEGER)" for i in (1, 2))
    told = ", ".join(
        [f"coalesce(max({each}), 0)" for each in (first, second)]
        + [f"count(*) FILTER ({each} = {month.start.month})" for each in (first, second)]
    )
    row = _asked(bill, f"SELECT {told} FROM {layout.table}")  # noqa: S608 - quoted names and paths
    return (row[0], row[1], row[2], row[3]) if row else (0, 0, 0, 0)


def _asked(bill: Bill, query: str) -> tuple[Any, ...] | None:
    """One row; None where the file cannot be read, which whoever reads it tells better."""
    import duckdb

    try:
        with closing(connect(bill.files)) as con:
            return con.execute(query).fetchone()
    except duckdb.Error:
        return None
