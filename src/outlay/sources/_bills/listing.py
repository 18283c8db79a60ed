"""Finding billing files in a folder or a bucket, and what identifies them as a delivery."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

from outlay.core.errors import BillError, SourceError
from outlay.core.span import Period, next_month
from outlay.objects import filesystem, is_remote, plain
from outlay.sources._bills.bills import Bill
from outlay.sources._bills.faults import unsigned

SUFFIXES = (".csv", ".csv.zst", ".gz", ".parquet")

# The folder of a billing month: BILLING_PERIOD=2026-10 or 20261001-20261101 at AWS, 20261001-20261031 at Azure.
_MONTH = re.compile(r"billing_?period=(\d{4})-(\d\d)(?:-01)?", re.IGNORECASE)
_RANGE = re.compile(r"(\d{4})(\d\d)(\d\d)-(\d{4})(\d\d)(\d\d)")
# The folder of one run below it: a GUID, or a time of day, which no account, region or table is named after.
_RUN = re.compile(r".*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}.*|\d{8}T?\d{4,6}Z?", re.IGNORECASE)

_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_WILDCARD = re.compile(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])")


def found(path: str, options: Mapping[str, str]) -> list[Bill]:
    """The billing files that a path names, by their paths. Raises SourceError when there are none."""
    bills = _remote(path, options) if is_remote(path) else _local(path)
    if not bills:
        raise SourceError(f"no billing files at {path}; looked for *{', *'.join(SUFFIXES)}")
    empty = [bill.path for bill in bills if bill.size == 0]
    if empty:
        raise BillError(f"{empty[0]}: the file is empty")
    return sorted(newest_runs(bills, _changed), key=lambda bill: bill.path)


def identity(bills: Sequence[Bill], *settings: str) -> str:
    """What changes whenever one of the files or the settings they are read by does."""
    lines = sorted(f"{bill.path} {bill.size} {bill.version}" for bill in bills)
    return blake2b("\n".join([*lines, *settings]).encode(), digest_size=12).hexdigest()


def month_hint(path: str) -> Period | None:
    """The billing month that a folder on the path names."""
    return next((month for folder in path.split("/")[:-1] if (month := _month(folder))), None)


def newest_runs(bills: Sequence[Bill], changed: Callable[[Bill], float]) -> list[Bill]:
    """The bills without those of superseded runs.

    Exports that do not overwrite put each run into a folder of its own below the month's. Every run holds the
    whole month so far: added up, they would count the same charges again and again.
    """
    runs: dict[str, dict[str, list[Bill]]] = {}
    for bill in bills:
        month, run = _run(bill.path)
        runs.setdefault(month, {}).setdefault(run, []).append(bill)
    kept = (
        max(named.values(), key=lambda run: changed(run[-1])) if len(named) > 1 else next(iter(named.values()))
        for named in runs.values()
    )
    return [bill for run in kept for bill in run]


def _run(path: str) -> tuple[str, str]:
    """The folder of a month and, below it, that of the run that wrote the file; '' for a file of no run."""
    folders = path.split("/")[:-1]
    for i in range(1, len(folders)):
        if _RUN.fullmatch(folders[i]) and _month(folders[i - 1]):
            return "/".join(folders[:i]), folders[i]
    return "/".join(folders), ""


def _month(folder: str) -> Period | None:
    if named := _MONTH.fullmatch(folder):
        year, month = int(named[1]), int(named[2])
        return _period(year, month)
    if named := _RANGE.fullmatch(folder):
        first, last = "".join(named.groups()[:3]), "".join(named.groups()[3:])
        period = _period(int(named[1]), int(named[2]))
        ends = (period.end, period.end - timedelta(days=1)) if period else ()
        return period if first.endswith("01") and last in {f"{end:%Y%m%d}" for end in ends} else None
    return None


def _period(year: int, month: int) -> Period | None:
    if year < 1 or not 1 <= month <= 12:
        return None
    first = date(year, month, 1)
    return Period(first, next_month(first))


def _local(path: str) -> list[Bill]:
    target = Path(path).expanduser()
    try:
        if target.is_dir():
            files = [each for each in target.rglob("*") if _is_bill(str(each.relative_to(target)))]
        elif target.exists():
            files = [target]
        elif glob.has_magic(path):
            files = [Path(each) for each in glob.iglob(str(target), recursive=True)]  # noqa: PTH207 - skips hidden files
        else:
            raise SourceError(f"no file or folder {path}")
        stats = [(each, each.stat()) for each in files if each.is_file()]
    except OSError as error:
        raise SourceError(f"cannot list {path}: {error.strerror}") from None
    return [Bill(str(each.absolute()), stat.st_size, str(stat.st_mtime_ns)) for each, stat in stats]


def _remote(path: str, options: Mapping[str, str]) -> list[Bill]:
    fixed = _WILDCARD.split(path)[0]
    folder = path if fixed == path else fixed.rpartition("/")[0]
    with _reached(path):
        store = filesystem(path, options)
        listed = store.find(folder, detail=True)
        if listed == {path: {}}:  # asked for a file, find tells nothing of it; an empty bucket looks the same
            listed = {path: store.info(path)} if "/" in path.partition("://")[2].rstrip("/") else {}
    files = {_url(path, key): entry for key, entry in listed.items()}
    if fixed != path:
        pattern = _pattern(path)
        wanted = [name for name in files if pattern.fullmatch(name)]
    else:
        wanted = [name for name in files if name == path or _is_bill(name.removeprefix(path))]
    return [Bill(name, files[name]["size"], str(files[name]["e_tag"]), store) for name in wanted]


def _changed(bill: Bill) -> float:
    if bill.files is None:
        return float(bill.version)
    with _reached(bill.path):
        changed: datetime = bill.files.modified(bill.path)
    return changed.timestamp()


@contextmanager
def _reached(path: str) -> Iterator[None]:
    """Every client library has errors of its own: any of them means that the bucket cannot be read."""
    try:
        yield
    except Exception as error:
        raise SourceError(f"cannot list {path}: {unsigned(plain(error))}") from None


def _url(path: str, key: str) -> str:
    return key if "://" in key else f"{path.partition('://')[0]}://{key}"


def _is_bill(path: str) -> bool:
    """Whether a file in a folder is taken: by its ending, unless it is hidden as `.` and `_` hide files."""
    hidden = any(part.startswith((".", "_")) for part in path.split("/"))
    return path.lower().endswith(SUFFIXES) and not hidden


def _pattern(path: str) -> re.Pattern[str]:
    """A glob as a regular expression. Needed until glob.translate (3.13) is everywhere."""
    parts = _WILDCARD.split(path)
    return re.compile("".join(_WILDCARDS.get(part) or _plain(part) for part in parts))


def _plain(part: str) -> str:
    return part.replace("[!", "[^") if _WILDCARD.fullmatch(part) else re.escape(part)
