"""Older versions of the lake: Delta's log tells which one a moment saw, and whether its files are still there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from outlay.core.span import Period
from outlay.objects import filesystem, is_remote
from outlay.warehouses.lake.snapshot import DataFile, Snapshot


def snapshot_at(root: str, options: Mapping[str, str], moment: datetime) -> Snapshot | None:
    """The version of the table at `root` that was the newest at a moment; None when there is none, or none any more."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        history = DeltaTable(root, storage_options=dict(options)).history()
    except TableNotFoundError:
        return None
    # By what each commit says of itself: the times of files are whole seconds in a bucket, and change in a copy.
    commits = [(each["version"], each["timestamp"]) for each in reversed(history)]
    times = list(accumulate((at for _, at in commits), max))
    known = [version for (version, _), at in zip(commits, times, strict=True) if at <= _milliseconds(moment)]
    if not known:
        return None
    try:
        return Snapshot.of(DeltaTable(root, version=known[-1], storage_options=dict(options)), root)
    except DeltaError:  # its commit is still there, but not all that came before it
        return None


def is_kept(old: Snapshot, newest: Snapshot, days: Period, options: Mapping[str, str]) -> bool:
    """Whether the files that it takes to answer questions about these days of an old version are all there."""
    current = {each.path for each in newest.files}
    # Those with several cuts are looked into whatever the days.
    gone = [each for each in {*old.within(days), *old.mixed} if each.path not in current]
    return not gone or _are_there(gone, options)


def _are_there(files: Sequence[DataFile], options: Mapping[str, str]) -> bool:
    if not is_remote(files[0].uri):
        return all(Path(each.uri).exists() for each in files)
    bucket = filesystem(files[0].uri, options)
    return all(bucket.exists(each.uri) for each in files)


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
