"""The lake's table as Delta knows it: made once, then changed by one line of its log for each file."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from outlay.core import focus
from outlay.warehouses.lake.snapshot import DataFile

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

COMMIT_ATTEMPTS = 50


def create_table(root: str, options: dict[str, str], keep_days: int) -> DeltaTable:
    """The table at `root`, made if it is not there."""
    import pyarrow as pa
    from deltalake import DeltaTable

    fields = [field.with_nullable(True) for field in focus.schema()]
    return DeltaTable.create(
        root,
        pa.schema([*fields, pa.field("month", pa.date32())]),
        mode="ignore",
        partition_by=["source", "month"],
        configuration={
            "delta.logRetentionDuration": f"interval {keep_days} days",
            # What our log holds of each file, and all it needs.
            "delta.dataSkippingStatsColumns": "charge_date,cut",
        },
        storage_options=options,
    )


def commit(table: DeltaTable, source: str, gone: list[DataFile], new: list[DataFile]) -> None:
    """Take the files `gone` out and put `new` in. Raises CommitFailedError when others came before."""
    from deltalake import CommitProperties, Transaction

    # Delta refuses a commit whose transaction id another commit used since our snapshot: that is what makes
    # two writers of one source take turns. Without it, two could add rows where neither removes a file of the
    # other, and of two that remove the same file both would succeed.
    turn = Transaction(f"replace {source}", time.time_ns())
    table.create_write_transaction(
        [*(_action(each, removed=True) for each in gone), *(_action(each) for each in new)],
        mode="append",
        schema=table.schema(),
        partition_by=["source", "month"],
        commit_properties=CommitProperties(max_commit_retries=COMMIT_ATTEMPTS, app_transactions=[turn]),
    )


def _action(file: DataFile, *, removed: bool = False) -> AddAction | RemoveAction:
    """The line of Delta's log that adds or removes a file."""
    from deltalake.transaction import AddAction, RemoveAction

    now = time.time_ns() // 1_000_000
    partition: dict[str, str | None] = {"source": file.source, "month": file.month.isoformat()}
    if removed:
        return RemoveAction(file.path, True, now, file.size, partition)
    first, last = file.first_day.isoformat(), file.last_day.isoformat()
    least: dict[str, str] = {"charge_date": first, "cut": "" if file.cut is None else file.cut}
    most: dict[str, str] = {"charge_date": last, "cut": "\U0010ffff" if file.cut is None else file.cut}
    stats = {"numRecords": file.rows, "minValues": least, "maxValues": most, "nullCount": {}}
    return AddAction(file.path, file.size, partition, now, True, json.dumps(stats))
