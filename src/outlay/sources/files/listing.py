"""Finding billing files in a folder or a bucket, and what identifies them as a delivery."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import blake2b
from pathlib import Path

from outlay.core.errors import BillError, SourceError
from outlay.core.span import Period, next_month
from outlay.objects import filesystem, is_remote, plain
from outlay.sources.files.bills import Bill

SUFFIXES = (".csv", ".csv.gz", ".csv.zst", ".parquet", ".gz")
_HINTS = (
    re.compile(r"billing_?period=(\d{4})-(\d{2})(?:-\d{2})?(?:/|$)", re.IGNORECASE),
    re.compile(r"/(\d{4})(\d{2})01-\d{6}01(?:/|$)"),
)


def found(path: str, options: Mapping[str, str]) -> list[Bill]:
    """The billing files that a path names, by their paths. Raises SourceError when there are none."""
    bills = _remote(path, options) if is_remote(path) else _local(path)
    if not bills:
        raise SourceError(f"no billing files at {path}; looked for *{', *'.join(SUFFIXES)}")
    empty = [bill.path for bill in bills if bill.size == 0]
    if empty:
        raise BillError(f"{empty[0]}: the file is empty")
    return sorted(bills, key=lambda bill: bill.path)


def identity(bills: Sequence[Bill]) -> str:
    """What changes whenever one of the files does: paths, sizes and versions."""
    lines = sorted(f"{bill.path} {bill.size} {bill.version}" for bill in bills)
    return blake2b("\n".join(lines).encode(), digest_size=12).hexdigest()


def month_hint(path: str) -> Period | None:
    """The billing month that a folder on the path names, in the ways AWS and Azure exports do."""
    for pattern in _HINTS:
        hint = pattern.search(path.rpartition("/")[0])
        if hint is not None and 1 <= int(hint[2]) <= 12:
            first = date(int(hint[1]), int(hint[2]), 1)
            return Period(first, next_month(first))
    return None


def _local(path: str) -> list[Bill]:
    target = Path(path).expanduser()
    if target.is_file():
        files = [target]
    elif target.is_dir():
        files = [each for each in target.rglob("*") if each.name.endswith(SUFFIXES) and each.is_file()]
    elif glob.has_magic(path):
        files = [Path(each) for each in glob.iglob(str(target), recursive=True) if Path(each).is_file()]
    else:
        raise SourceError(f"no file or folder {path}")
    stats = [(each, each.stat()) for each in files if not each.name.startswith(".")]
    return [Bill(str(each.absolute()), stat.st_size, str(stat.st_mtime_ns)) for each, stat in stats]


def _remote(path: str, options: Mapping[str, str]) -> list[Bill]:
    store = filesystem(path, options)
    scheme = path.partition("://")[0]
    prefix = re.split(r"[*?\[]", path)[0]
    try:
        listed = store.find(prefix if prefix == path else prefix.rpartition("/")[0], detail=True)
    except Exception as error:
        raise SourceError(f"cannot list {path}: {plain(error)}") from None
    pattern = re.compile(glob.translate(path, recursive=True, include_hidden=False)) if hasattr(glob, "translate") else None
    names = {(f"{scheme}://{key}" if "://" not in key else key): entry for key, entry in listed.items()}
    wanted = {
        name: entry
        for name, entry in names.items()
        if (name.endswith(SUFFIXES) if prefix == path else _fits(name, path, pattern)) or name == path
    }
    return [Bill(name, entry["size"], str(entry.get("ETag") or entry.get("e_tag"))) for name, entry in wanted.items()]


def _fits(name: str, path: str, pattern: re.Pattern[str] | None) -> bool:
    if pattern is not None:
        return pattern.match(name) is not None
    parts = [re.escape(part).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*").replace(r"\?", "[^/]") for part in [path]]
    return re.fullmatch(parts[0], name) is not None
