"""Files wherever they are: a local folder, or a bucket by its URL. One place for both sources and stores."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from outlay.core.errors import OutlayError, StoreError
from outlay.ranges import ranged

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SCHEMES = ("s3", "gs", "abfss", "az")

# How the object store's client strings causes together: an arrow before each, coloured.
_CAUSED_BY = re.compile(r"\s*(?:\x1b\[\d+m)?\u21b3(?:\x1b\[0m)?\s*")


def is_remote(location: str) -> bool:
    """Whether a location is a bucket's URL rather than a local path."""
    return location.partition("://")[0] in SCHEMES and "://" in location


def connect(files: Any = None) -> DuckDBPyConnection:
    """An in-memory DuckDB in UTC that goes online for nothing but the bucket whose file system `files` is."""
    import duckdb

    con = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    con.execute("SET GLOBAL TimeZone = 'UTC'")  # global: cursors of this connection are sessions of their own
    con.execute("SET enable_progress_bar = false")  # on in notebooks and `python -c`, and written among the data
    if files is not None:
        con.register_filesystem(ranged(files))
    return con


def files_of(location: str, options: Mapping[str, str]) -> Any:
    """The file system of a bucket; None for a folder of this machine."""
    return filesystem(location, options) if is_remote(location) else None


def filesystem(location: str, options: Mapping[str, str]) -> Any:
    """The fsspec file system of a bucket, by obstore. `options` are the storage's, such as AWS_REGION."""
    from obstore.fsspec import FsspecStore

    scheme: Any = location.partition("://")[0]
    keys: dict[str, Any] = {key.lower(): value for key, value in options.items()}
    http = keys.pop("aws_allow_http", keys.pop("allow_http", "")).lower() == "true"
    keys.pop("conditional_put", None)
    return FsspecStore(scheme, client_options={"allow_http": http}, **keys)


def open_to_write(path: str, options: Mapping[str, str]) -> IO[bytes]:
    """A new file to write bytes to, its folders made. Raises StoreError when that cannot be."""
    if is_remote(path):
        return cast("IO[bytes]", filesystem(path, options).open(path, "wb"))
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return Path(path).open("xb")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None


def faults(location: str) -> tuple[type[Exception], ...]:
    """What reading and writing at a location raise when it fails."""
    if not is_remote(location):
        return (OSError,)
    from obstore.exceptions import BaseError

    return OSError, BaseError


def remove(path: str, options: Mapping[str, str]) -> None:
    """Delete a file if it is there; what cannot be deleted is left to later tidying."""
    try:
        if is_remote(path):
            filesystem(path, options).rm(path)
        else:
            Path(path).unlink(missing_ok=True)
    except faults(path):
        return


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def identifier(text: str) -> str:
    """`text` as an SQL name."""
    return '"' + text.replace('"', '""') + '"'


def plain(error: Exception) -> str:
    """The first sentence of a library's error, and its innermost cause: no advice, no stack."""
    if isinstance(error, OutlayError):
        return str(error)
    sentence, *causes = _CAUSED_BY.split(str(error).strip())
    told = sentence.split("\n", 1)[0]
    if not causes:
        return told
    said = re.search("<Message>(.*?)</Message>", causes[-1])
    return f"{told}: {said[1] if said else causes[-1]}"
