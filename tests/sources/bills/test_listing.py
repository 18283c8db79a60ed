from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay import ranges
from outlay.core.errors import BillError, SourceError
from outlay.core.span import Period
from outlay.sources._bills import buckets
from outlay.sources._bills.bills import Bill, understood
from outlay.sources._bills.listing import found, identity, month_hint
from outlay.sources.files import Files
from tests.servers import moto_server
from tests.sources.bills.focus_bills import WINDOW, charge, read, text, write

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
RUN = "0f8fad5b-d9cb-469f-a165-70867728950e"
LATER = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def names(path: Path | str, root: Path) -> list[str]:
    """The bills that a path names, below `root`."""
    return [str(Path(bill.path).relative_to(root)) for bill in found(str(path), {})]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Bills and what lies beside them, in a folder."""
    there = ["b.csv", "a.CSV", "sub/c.csv.gz", "sub/deep/d.parquet", "sub/e.csv.zst"]
    beside = ["manifest.json", "readme.txt", ".hidden.csv", ".git/f.csv", "_delta_log/1.checkpoint.parquet"]
    for name in there + beside:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


def test_a_folder_is_its_bills_at_any_depth(folder: Path) -> None:
    assert names(folder, folder) == ["a.CSV", "b.csv", "sub/c.csv.gz", "sub/deep/d.parquet", "sub/e.csv.zst"]


def test_a_file_is_itself_whatever_its_name(folder: Path) -> None:
    assert names(folder / "readme.txt", folder) == ["readme.txt"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.csv", ["b.csv"]),
        ("**/*.csv.*", ["sub/c.csv.gz", "sub/e.csv.zst"]),
        ("sub/**/*.parquet", ["sub/deep/d.parquet"]),
        ("sub/[a-c].csv.??", ["sub/c.csv.gz"]),
        ("*/[!c].csv.zst", ["sub/e.csv.zst"]),
        ("*.txt", ["readme.txt"]),
    ],
)
def test_a_glob_is_what_it_names(folder: Path, pattern: str, expected: list[str]) -> None:
    assert names(f"{folder}/{pattern}", folder) == expected


def test_paths_start_where_we_are_or_at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))

    for path in ("sub", "./sub", "~/sub"):
        assert names(path, folder) == ["sub/c.csv.gz", "sub/deep/d.parquet", "sub/e.csv.zst"]


def test_a_path_with_nothing(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    missing = tmp_path / "missing.csv"

    with pytest.raises(SourceError, match=f"^no file or folder {missing}$"):
        found(str(missing), {})
    for path in (tmp_path, tmp_path / "*.csv"):
        with pytest.raises(SourceError, match=r"^no billing files at .*; looked for \*\.csv, \*\.csv\.zst, \*\.gz"):
            found(str(path), {})


def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.csv", charge())

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(SourceError, match=f"^cannot list {path}: Permission denied$"):
        found(str(path), {})


@pytest.mark.parametrize(
    "path",
    [
        "focus/data/BILLING_PERIOD=2026-10/focus-00001.csv.gz",
        "s3://bucket/focus/data/billing_period=2026-10-01/focus.parquet",
        f"export/20261001-20261031/{RUN}/part_0_0001.csv",
        "cur/20261001-20261101/cur-1.csv.gz",
        "20261001-20261101/x.csv",
    ],
)
def test_a_month_in_the_folders(path: str) -> None:
    assert month_hint(path) == OCTOBER


@pytest.mark.parametrize(
    "path",
    [
        "a.csv",
        "BILLING_PERIOD=2026-10.csv",
        "BILLING_PERIOD=2026-13/a.csv",
        "MY_BILLING_PERIOD=2026-10/a.csv",
        "20261002-20261101/a.csv",
        "20261001-20261231/a.csv",
        "20261301-20261401/a.csv",
        "2026-10/a.csv",
    ],
)
def test_no_month_in_the_folders(path: str) -> None:
    assert month_hint(path) is None


@pytest.mark.parametrize(
    ("month", "old", "new"),
    [
        ("20261001-20261031", RUN, LATER),
        ("20261001-20261101", LATER, RUN),
        ("BILLING_PERIOD=2026-10", f"2026-10-05T10:00:00.123Z-{RUN}", f"2026-10-06T10:00:00.123Z-{LATER}"),
        ("20261001-20261031", "202610051000", "202610061000"),
    ],
)
def test_of_several_runs_of_a_month_the_newest_counts(tmp_path: Path, month: str, old: str, new: str) -> None:
    """Each holds the whole month: added up they would count twice."""
    other = write(tmp_path / "20260901-20260930" / RUN / "part0.csv", charge())
    for run, seconds in ((old, 1_000), (new, 2_000)):
        for part in ("part0.csv", "part1.csv"):
            path = write(tmp_path / month / run / part, charge())
            os.utime(path, (seconds, seconds))

    assert names(tmp_path, tmp_path) == sorted(
        [f"{month}/{new}/part0.csv", f"{month}/{new}/part1.csv", str(other.relative_to(tmp_path))]
    )


def test_folders_that_are_no_runs_are_all_taken(tmp_path: Path) -> None:
    for part in (f"BILLING_PERIOD=2026-10/account={i}/a.csv" for i in (1, 2)):
        write(tmp_path / part, charge())
    for part in (f"{RUN}/a.csv", f"{LATER}/a.csv"):
        write(tmp_path / part, charge())

    assert len(found(str(tmp_path), {})) == 4


def test_an_identity_changes_with_each_file_and_with_the_settings() -> None:
    one, other = Bill("a.csv", 1, "v1"), Bill("b.csv", 1, "v1")
    several = [
        identity([one]),
        identity([one, other]),
        identity([Bill("a.csv", 2, "v1")]),
        identity([Bill("a.csv", 1, "v2")]),
        identity([Bill("c.csv", 1, "v1")]),
        identity([one], "x_Department"),
    ]

    assert len(set(several)) == len(several)
    assert identity([one, other]) == identity([other, one])


# -- buckets ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with moto_server() as url:
        yield url


class Bucket:
    """A bucket of its own."""

    def __init__(self, url: str, name: str) -> None:
        import boto3

        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "hidden"}
        self.client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
        self.client.create_bucket(Bucket=name)
        self.name = name
        self.options = {
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "hidden",
            "AWS_ALLOW_HTTP": "true",
        }

    def put(self, key: str, data: str) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data.encode())

    def read(self, path: str) -> list[dict[str, Any]]:
        return read(f"s3://{self.name}{path}", storage_options=self.options)

    def found(self, path: str) -> list[str]:
        return [bill.path.removeprefix(f"s3://{self.name}/") for bill in found(f"s3://{self.name}{path}", self.options)]


@pytest.fixture
def bucket(server: str, request: pytest.FixtureRequest) -> Bucket:
    return Bucket(server, re.sub(r"[^a-z]+", "-", request.node.name.lower())[:60].strip("-"))


def test_bills_in_a_bucket(bucket: Bucket) -> None:
    bucket.put("exports/a.csv", text(charge(BilledCost="1")))
    bucket.put("exports/deep/b.csv", text(charge(BilledCost="2")))
    bucket.put("other/d.csv", text(charge(BilledCost="4")))
    bucket.put("exports/manifest.json", "{}")
    bucket.put("exports/_tmp/c.csv.gz", "not yet whole")

    for path, expected in {
        "": 7,
        "/": 7,
        "/exports": 3,
        "/exports/": 3,
        "/exports/a.csv": 1,
        "/exports/*.csv": 1,
        "/exports/**/*.csv": 3,
        "/*/[ad].csv": 5,
        "/**/?.csv": 7,
    }.items():
        assert sum(row["billed_cost"] for row in bucket.read(path)) == expected, path


def test_the_newest_run_in_a_bucket(bucket: Bucket) -> None:
    bucket.put(f"export/20261001-20261031/{LATER}/part0.csv", text(charge()))
    time.sleep(1.05)  # buckets count whole seconds
    bucket.put(f"export/20261001-20261031/{RUN}/part0.csv", text(charge()))

    assert bucket.found("/export") == [f"export/20261001-20261031/{RUN}/part0.csv"]


def test_a_bucket_names_the_version_of_a_file(bucket: Bucket) -> None:
    def version() -> str | None:
        [span] = Files(path=f"s3://{bucket.name}", storage_options=bucket.options).spans(WINDOW)
        return span.version

    bucket.put("a.csv", text(charge(BilledCost="1")))
    before = version()
    assert version() == before
    bucket.put("a.csv", text(charge(BilledCost="2")))
    assert version() != before


def test_nothing_in_a_bucket(bucket: Bucket) -> None:
    with pytest.raises(SourceError, match=f"^no billing files at s3://{bucket.name}/x; looked for"):
        bucket.found("/x")


def test_a_bucket_that_is_not_there(bucket: Bucket) -> None:
    with pytest.raises(SourceError) as error:
        found("s3://not-there/x", bucket.options)

    assert str(error.value).startswith("cannot list s3://not-there/x: ")
    assert "404" in str(error.value)
    assert "\n" not in str(error.value)
    assert "hidden" not in str(error.value)


def test_a_setting_the_bucket_does_not_know(bucket: Bucket) -> None:
    with pytest.raises(SourceError, match=r"^cannot list s3://x: .*'nonsense' is not valid"):
        found("s3://x", bucket.options | {"NONSENSE": "1"})


def test_a_file_that_left_the_bucket(bucket: Bucket) -> None:
    bucket.put("a.csv", text(charge()))
    source = Files(path=f"s3://{bucket.name}", storage_options=bucket.options)
    [span] = source.spans(WINDOW)
    bills = found(source.path, bucket.options)
    bucket.client.delete_object(Bucket=bucket.name, Key="a.csv")

    with pytest.raises(SourceError, match=r"^no billing files at"):
        list(source.fetch(span))
    with pytest.raises(BillError, match=r"^s3://.*/a\.csv: cannot be read: "):
        understood(bills[0])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_large_file_is_read_once_and_right(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Several threads read it at once, each at a place of its own."""
    note = "0123456789abcdef" * 120
    rows = [charge(BilledCost=f"0.{i:06}", ResourceId=f"{i * 7919 % 10007}-{note}") for i in range(4000)]
    path = write(tmp_path / "a.csv", *rows)
    if ending == "parquet":
        path = _as_parquet(path)
    size = path.stat().st_size
    assert size > 3 * buckets.HEADER_BYTES
    bucket.client.upload_file(str(path), bucket.name, path.name)
    asked: list[int] = []
    readinto = ranges.Ranges.readinto

    def counted(file: ranges.Ranges, buffer: Any) -> int:
        asked.append(readinto(file, buffer))
        return asked[-1]

    monkeypatch.setattr(ranges.Ranges, "readinto", counted)
    read_rows = bucket.read("")

    assert sorted(row["billed_cost"] for row in read_rows) == [Decimal(row["BilledCost"]) for row in rows]
    assert {row["resource_id"] for row in read_rows} == {row["ResourceId"] for row in rows}
    assert sum(asked) < size + buckets.HEADER_BYTES + (2 << 20)  # the first lines come twice, and no more


def _as_parquet(path: Path) -> Path:
    import pyarrow.csv
    import pyarrow.parquet as pq

    target = path.with_suffix(".parquet")
    options = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(charge(), "string"))
    table = pyarrow.csv.read_csv(path, convert_options=options)
    pq.write_table(table, target, compression="none", use_dictionary=False, row_group_size=500)
    return target


def test_a_fault_in_a_bucket_has_its_line(bucket: Bucket) -> None:
    bucket.put("a.csv", text(charge(), charge(BilledCost="")))

    with pytest.raises(BillError, match=r"^s3://.*/a\.csv:3: a charge has no BilledCost$"):
        bucket.read("")
