"""The layouts of AWS in a folder: what of it is read, and what is read again."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from outlay.core.errors import BillError, NotFoundError, SourceError
from outlay.core.ports import Coverage
from outlay.core.span import Period, Window
from outlay.sources.aws_export import AwsExport
from tests.sources.aws_export.copies import WINDOW, billed, exported, legacy, source, told, total, totals
from tests.sources.bills.focus_bills import write


def test_an_export_that_overwrites_has_several_files_for_each_month(tmp_path: Path) -> None:
    exported(tmp_path, 9, "1")
    exported(tmp_path, 10, "2", "4.000000000000000001")

    assert totals(source(tmp_path)) == {"2026-10": Decimal("6.000000000000000001"), "2026-09": Decimal(1)}


def test_of_versioned_exports_the_newest_is_read_by_the_time_that_its_folder_tells(tmp_path: Path) -> None:
    exported(tmp_path, 10, "1", run="2026-10-09T00:00:00.000Z-aaaa", written=3)
    exported(tmp_path, 10, "2", run="2026-10-11T00:00:00.000Z-cccc", written=1)
    exported(tmp_path, 10, "4", run="2026-10-10T00:00:00.000Z-bbbb", written=2)

    assert totals(source(tmp_path)) == {"2026-10": Decimal(2)}


def test_of_versioned_exports_the_newest_is_read_by_the_time_of_its_manifest(tmp_path: Path) -> None:
    exported(tmp_path, 10, "1", run="aaaa", written=1)
    exported(tmp_path, 10, "2", run="bbbb", written=3)
    exported(tmp_path, 10, "4", run="cccc", written=2)

    assert totals(source(tmp_path)) == {"2026-10": Decimal(2)}


def test_the_manifest_above_all_assemblies_tells_the_newest(tmp_path: Path) -> None:
    legacy(tmp_path, 10, "1", "old")
    legacy(tmp_path, 10, "2", "new", written=1)
    legacy(tmp_path, 10, "4", "copied-last", above=False, written=2)

    assert totals(source(tmp_path)) == {"2026-10": Decimal(2)}


def test_a_report_that_overwrites_has_no_folders_of_assemblies(tmp_path: Path) -> None:
    legacy(tmp_path, 10, "1", None)
    write(tmp_path / "cur/daily/20261001-20261101/left-over.csv.gz", billed(10, "8"))

    assert totals(source(tmp_path)) == {"2026-10": Decimal(1)}


def athena(bucket: Path, *, manifest: bool) -> None:
    """The report as Athena wants it: folders of years and months, a table that tells its state."""
    for month in (9, 10):
        file = write(bucket / f"cur/daily/daily/year=2026/month={month}/daily-00001.csv.gz", billed(month, str(month)))
        if manifest:
            folder = bucket / f"cur/daily/2026{month:02}01-2026{month + 1:02}01"
            told(folder / "daily-Manifest.json", {"assemblyId": "x", "reportKeys": [str(file.relative_to(bucket))]})
    status = bucket / "cur/daily/cost_and_usage_data_status/cost_and_usage_data_status.parquet"
    status.parent.mkdir(parents=True)
    status.write_bytes(b"READY")


@pytest.mark.parametrize("manifest", [True, False])
def test_the_layout_for_athena(tmp_path: Path, manifest: bool) -> None:
    athena(tmp_path, manifest=manifest)

    assert totals(source(tmp_path)) == {"2026-10": Decimal(10), "2026-09": Decimal(9)}


def test_a_delivery_that_is_not_finished_leaves_the_last_one_that_is(tmp_path: Path) -> None:
    legacy(tmp_path, 10, "1", "old")
    legacy(tmp_path, 10, "2", "new", written=1).unlink()
    exported_run = exported(tmp_path / "other", 10, "2", run="b", written=2)
    exported(tmp_path / "other", 10, "1", run="a", written=1)
    exported_run.write_text(exported_run.read_text()[:-9])
    os.utime(exported_run, (10**9 + 2,) * 2)

    assert totals(source(tmp_path / "cur")) == {"2026-10": Decimal(1)}
    assert totals(source(tmp_path / "other")) == {"2026-10": Decimal(1)}


def test_a_month_without_a_finished_delivery_is_told_after_the_others_are_read(tmp_path: Path) -> None:
    exported(tmp_path, 9, "1")
    exported(tmp_path, 10, "2", "4")
    (tmp_path / "exports/focus/data/BILLING_PERIOD=2026-10/focus-00002.csv.gz").unlink()
    read = source(tmp_path)
    spans = read.spans(WINDOW)

    assert total(read, next(spans)) == 1
    names = r"focus-Manifest\.json: the delivery is not finished: it names s3://billing-exports/\S+2026-10/focus-00002"
    with pytest.raises(BillError, match=names):
        next(spans)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"dataFiles": [', "the manifest is cut short or no JSON"),
        ("[]", "the manifest is no JSON object"),
        ('{"files": []}', "the manifest has no list of files, reportKeys or dataFiles"),
        ('{"dataFiles": [1]}', "the manifest has no list of files, reportKeys or dataFiles"),
    ],
)
def test_a_manifest_that_is_none(tmp_path: Path, text: str, words: str) -> None:
    exported(tmp_path, 10, "1").write_text(text)

    with pytest.raises(BillError, match=rf"focus-Manifest\.json: {words}$"):
        totals(source(tmp_path))
    with pytest.raises(BillError, match=words):
        source(tmp_path).test()
    assert source(tmp_path).covers() is None


def test_an_empty_month_replaces_what_was_there(tmp_path: Path) -> None:
    exported(tmp_path, 10, run="")

    assert totals(source(tmp_path)) == {"2026-10": Decimal(0)}


def test_an_empty_file_is_none_that_was_delivered(tmp_path: Path) -> None:
    legacy(tmp_path, 10, "1", None).write_bytes(b"")

    with pytest.raises(BillError, match=r"daily-00001\.csv\.gz: the file is empty$"):
        totals(source(tmp_path))


def test_zip_is_told_apart(tmp_path: Path) -> None:
    file = legacy(tmp_path, 10, "1", None)
    manifest = tmp_path / "cur/daily/20261001-20261101/daily-Manifest.json"
    manifest.write_text(manifest.read_text().replace(".csv.gz", ".csv.zip"))
    file.rename(str(file).replace(".csv.gz", ".csv.zip"))

    with pytest.raises(BillError, match="ZIP is not read; set the report's compression to GZIP or Parquet"):
        totals(source(tmp_path))


def test_only_a_month_with_a_changed_file_has_another_version(tmp_path: Path) -> None:
    exported(tmp_path, 9, "1")
    exported(tmp_path, 10, "2")
    before = list(source(tmp_path).spans(WINDOW))
    exported(tmp_path, 9, "1", "8")
    after = list(source(tmp_path).spans(WINDOW))

    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]
    assert list(source(tmp_path).spans(WINDOW)) == after
    assert list(source(tmp_path, keep_columns=("x",)).spans(WINDOW)) != after


def test_a_manifest_written_anew_for_the_same_files_changes_nothing(tmp_path: Path) -> None:
    manifest = exported(tmp_path, 10, "2")
    before = list(source(tmp_path).spans(WINDOW))
    told(manifest, json.loads(manifest.read_text()) | {"executionId": "another"}, written=9)

    assert list(source(tmp_path).spans(WINDOW)) == before


def test_an_asked_window_picks_months_and_reads_no_manifest_of_others(tmp_path: Path) -> None:
    exported(tmp_path, 9, "1").write_text("cut")
    exported(tmp_path, 10, "2")
    asked = Window(Period(date(2026, 10, 5), date(2026, 10, 7)), asked=True)

    assert totals(source(tmp_path), asked) == {"2026-10": Decimal(2)}


def test_several_exports_are_not_added_up(tmp_path: Path) -> None:
    exported(tmp_path, 10, "1", export="focus")
    exported(tmp_path, 10, "1", export="cur2")

    with pytest.raises(SourceError, match=r"2 exports, which may bill the same charges: cur2 \(\S+\), focus \(\S+\);"):
        totals(source(tmp_path))
    assert totals(source(tmp_path, export="cur2")) == {"2026-10": Decimal(1)}
    assert totals(source(tmp_path / "exports/focus")) == {"2026-10": Decimal(1)}
    with pytest.raises(NotFoundError, match=r"no export named 'nope'; there are: cur2, focus$"):
        totals(source(tmp_path, export="nope"))


def test_a_copy_may_be_of_a_part_or_lie_deeper(tmp_path: Path) -> None:
    legacy(tmp_path / "bucket", 10, "1", "one")
    month = tmp_path / "bucket/cur/daily/20261001-20261101"
    shutil.copytree(tmp_path / "bucket", tmp_path / "deep/er/bucket")
    shutil.copytree(month / "one", tmp_path / "flat")

    for path in (month, month.parent, tmp_path / "bucket/cur", tmp_path / "deep/er/bucket", tmp_path / "flat"):
        assert totals(source(path)) == {"2026-10": Decimal(1)}, path


def test_a_file_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    manifest = exported(tmp_path, 10, "1", "2")
    names = json.loads(manifest.read_text())["dataFiles"]
    told(manifest, {"dataFiles": [*names, *names]})

    assert totals(source(tmp_path)) == {"2026-10": Decimal(3)}


def test_a_copy_of_manifests_alone_is_not_finished(tmp_path: Path) -> None:
    manifest = exported(tmp_path, 10, "1")

    with pytest.raises(BillError, match="which is not below"):
        totals(source(manifest.parent))


def test_without_a_manifest_the_newest_runs_of_the_folders_of_months_are_read(tmp_path: Path) -> None:
    for run, cost, time in (("20261005T0000Z", "1", 5), ("20261006T0000Z", "2", 6)):
        file = write(tmp_path / "20261001-20261101" / run / "daily-1.csv.gz", billed(10, cost))
        os.utime(file, (time, time))

    assert totals(source(tmp_path)) == {"2026-10": Decimal(2)}


def test_without_a_manifest_and_months_files_are_one_delivery(tmp_path: Path) -> None:
    write(tmp_path / "a.csv.gz", billed(10, "1"))

    assert totals(source(tmp_path)) == {"everything": Decimal(1)}


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=rf"no manifest and no billing files below {re.escape(str(tmp_path))}$"):
        totals(source(tmp_path))
    with pytest.raises(NotFoundError, match=r"no folder .*/nope$"):
        totals(source(tmp_path / "nope"))


def test_a_test_names_the_export_the_newest_month_and_the_layout(tmp_path: Path) -> None:
    exported(tmp_path, 9, "1")
    exported(tmp_path, 10, "1", "2")

    words = f"the export focus in {tmp_path}: 2 deliveries, the newest 2026-10 of 2 files, FOCUS"
    assert source(tmp_path).test() == words


def test_the_manifest_tells_whose_export_it_is(tmp_path: Path) -> None:
    exported(tmp_path / "a", 10, "1")
    legacy(tmp_path / "b", 10, "1", "x")
    write(tmp_path / "c" / "a.csv.gz", billed(10, "1"))

    covers = [source(tmp_path / each).covers() for each in "abc"]
    assert covers == [Coverage("222222222222"), Coverage("111111111111"), None]


@pytest.mark.parametrize("path", ["gs://bucket/x", "s3://", "s3:///"])
def test_a_path_is_a_folder_or_a_bucket_of_s3(path: str) -> None:
    with pytest.raises(ValueError, match=r"path is a folder of this machine, or s3://bucket/prefix"):
        AwsExport.model_validate({"path": path})


def test_a_folder_needs_no_library_of_aws_and_a_bucket_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] in {"boto3", "botocore"}] or ["boto3"]:
        monkeypatch.setitem(sys.modules, name, None)
    exported(tmp_path, 10, "1")

    assert totals(source(tmp_path)) == {"2026-10": Decimal(1)}
    with pytest.raises(SourceError, match=r"aws-export: boto3 is missing; pip install 'outlay\[aws\]'"):
        AwsExport(path="s3://bucket/x").test()
