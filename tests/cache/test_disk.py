from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from outlay.cache import CacheError, Guarded
from outlay.cache.disk import BLOCK_BYTES, Disk
from tests.cache.conftest import AA, BB, DAY, MIB

# Puts and gets in one folder, as fast as it can; a value tells its key, so that another's would be noticed.
WORKER = f"""
import sys; sys.path[:0] = {sys.path!r}
from pathlib import Path
from outlay.cache.disk import Disk
from outlay.cache.guard import Guarded
guarded = Guarded(Disk(Path(sys.argv[1]), {MIB}, 3600), "disk")
for turn in range(400):
    key = str(turn * int(sys.argv[2]) % 90)
    value = key.encode() * (5000 + turn)
    guarded.put("queries", key, value, 60)
    found = guarded.get("queries", key, 60)
    assert found is None or found.startswith(key.encode() * 5000), key
assert not guarded.counts.read()["queries", "error"], guarded.counts.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def taken(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in files(folder))


def name(number: int) -> str:
    return f"queries/{number:040x}"


def test_it_stays_within_its_limit_and_drops_the_oldest(folder: Path) -> None:
    disk = Disk(folder, MIB, DAY)
    for number in range(400):
        disk.put(name(number), b"x" * 9000, 60)
        path = folder / "v1" / f"{name(number)}.entry"
        os.utime(path, (time.time() - 1000 + number,) * 2)

    assert MIB // 2 < taken(folder) <= MIB
    there = [number for number in range(400) if disk.get(name(number))]
    assert there == list(range(there[0], 400))


def test_it_is_there_for_the_next_process(folder: Path) -> None:
    Disk(folder, MIB, DAY).put(AA, b"kept", 60)
    other = Disk(folder, MIB, DAY)
    assert other.get(AA) == b"kept"
    [path] = files(folder)
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)


def test_what_is_past_its_time_is_swept(folder: Path) -> None:
    Disk(folder, MIB, DAY).put(AA, b"old", 60)
    [old] = files(folder)
    partial = old.with_name(".partial-killed.entry")
    partial.write_bytes(b"half")
    for path, age in ((old, DAY + 1), (partial, 3600)):
        os.utime(path, (time.time() - age,) * 2)

    disk = Disk(folder, MIB, DAY)
    assert disk.get(AA) == b"old", "reading sweeps nothing"
    disk.put(BB, b"new", 60)
    assert [path.stem for path in files(folder)] == [BB.removeprefix("answers/")]


def test_nothing_but_entries_is_ever_dropped(folder: Path) -> None:
    others = [folder / "state.db", folder / "charges" / "part.parquet", folder / "v1" / "notes" / "mine.txt"]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 2 * MIB)
        os.utime(path, (0, 0))
    disk = Disk(folder, MIB, DAY)
    disk.put(AA, b"x", 60)
    assert disk.clear() == 1
    assert sorted(files(folder)) == sorted(others)


def test_one_larger_than_the_limit_is_not_kept(folder: Path) -> None:
    disk = Disk(folder, MIB, DAY)
    disk.put(AA, b"small", 60)
    disk.put(AA, b"x" * 2 * MIB, 60)
    assert (disk.get(AA), taken(folder)) == (None, 0)
    disk.put(AA, b"x" * MIB, 60)
    disk.put(BB, b"x" * (MIB - BLOCK_BYTES), 60)
    assert (disk.get(AA), taken(folder)) == (None, MIB - BLOCK_BYTES)


def test_several_processes_at_once(folder: Path) -> None:
    command = [sys.executable, "-c", WORKER, str(folder)]
    workers = [subprocess.Popen([*command, step], stderr=subprocess.PIPE, text=True) for step in ("1", "7", "11")]
    errors = [worker.communicate(timeout=60)[1] for worker in workers]
    assert [(worker.returncode, error) for worker, error in zip(workers, errors, strict=True)] == [(0, "")] * 3
    assert taken(folder) <= MIB + 3 * MIB // 16
    assert not [path for path in files(folder) if path.name.startswith(".")]


@contextmanager
def full(bytes_left: int) -> Iterator[None]:
    """A disk that takes no more of a file than so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_keeps_what_is_there_and_no_halves(folder: Path) -> None:
    disk = Disk(folder, MIB, DAY)
    disk.put(AA, b"before", 60)
    with full(1000), pytest.raises(CacheError, match=r"cannot write the cache in .*cache: File too large"):
        disk.put(AA, b"x" * 50_000, 60)
    assert disk.get(AA) == b"before"
    assert len(files(folder)) == 1


def test_a_file_in_the_place_of_the_folder(folder: Path) -> None:
    folder.write_text("not a folder")
    disk = Disk(folder, MIB, DAY)
    for verb, arguments in ((disk.put, (b"x", 60)), (disk.get, ()), (disk.drop, ())):
        with pytest.raises(CacheError, match="Not a directory"):
            verb(AA, *arguments)
    guarded = Guarded(disk, "disk")
    guarded.put("queries", "key", b"x", 60)
    assert guarded.get("queries", "key", 60) is None
    assert guarded.counts.read()["queries", "error"] == 2


def test_a_damaged_entry_is_a_miss_and_dropped(folder: Path) -> None:
    guarded = Guarded(Disk(folder, MIB, DAY), "disk")
    guarded.put("queries", "key", b"x" * 100, 60)
    [path] = files(folder)
    path.write_bytes(path.read_bytes()[:-1])
    assert guarded.get("queries", "key", 60) is None
    assert files(folder) == []
    assert guarded.counts.read() == {("queries", "error"): 1, ("queries", "hit"): 0, ("queries", "miss"): 1}
