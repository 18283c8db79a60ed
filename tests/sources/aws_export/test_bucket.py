"""Exports in S3, over the wire: what is read of them, and what goes wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from outlay.core import focus
from outlay.core.errors import AuthError, BillError, NotFoundError, SourceError, ThrottledError, UnreachableError
from outlay.core.span import Period, Span, Window
from outlay.sources.aws_export import AwsExport, exports
from outlay.sources.aws_export.bucket import EMPTY_PAGES_MAX, Bucket
from tests.clouds.aws_export import BUCKET, EXPORT, KEYS, PREFIX, AwsExportCloud, focus_line, start
from tests.clouds.cloud import Charge
from tests.clouds.faults import Fault, FaultProxy
from tests.clouds.serving import QuietHandler, Serving
from tests.sources.aws_export.conftest import OCTOBER, SEPTEMBER
from tests.sources.aws_export.copies import total

WINDOW = Window(Period(date(2026, 9, 1), date(2026, 11, 1)), asked=True)
DATA = f"{PREFIX}/{EXPORT}/data/BILLING_PERIOD=2026-10/{EXPORT}-00002.csv.gz"
MANIFEST = f"{PREFIX}/{EXPORT}/metadata/BILLING_PERIOD=2026-10/{EXPORT}-Manifest.json"
SECRETS = {name: SecretStr(key) for name, key in KEYS.items()}
GET_DATA = r"GET \S+2026-10/daily-00002\.csv\.gz"


def source(cloud: AwsExportCloud, **settings: Any) -> AwsExport:
    return AwsExport.model_validate({"attempts": 2, **cloud.settings(), **settings})


def spans(read: AwsExport) -> dict[str, Span]:
    return {f"{span.months.start:%Y-%m}": span for span in read.spans(WINDOW)}


def rows(read: AwsExport) -> list[dict[str, Any]]:
    found = []
    for span in read.spans(WINDOW):
        for batch in read.fetch(span):
            assert batch.schema.equals(focus.schema())
            found += batch.to_pylist()
    return found


def as_given(row: dict[str, Any]) -> Charge:
    return Charge(
        row["charge_date"], row["service_name"], row["region_id"] or "", row["billed_cost"], row["charge_category"]
    )


def test_every_charge_comes_as_it_was_billed(cloud: AwsExportCloud) -> None:
    assert sorted(map(as_given, rows(source(cloud))), key=str) == sorted([*OCTOBER, *SEPTEMBER], key=str)


def test_focus_comes_as_it_was_billed() -> None:
    cloud = start()
    cloud.line = focus_line
    try:
        cloud.give(OCTOBER)
        assert sorted(map(as_given, rows(source(cloud))), key=str) == sorted(OCTOBER, key=str)
        assert source(cloud).test().endswith("FOCUS")
    finally:
        cloud.close()


def test_only_a_restated_month_has_another_version(cloud: AwsExportCloud) -> None:
    before = spans(source(cloud))
    cloud.give([*OCTOBER, Charge(date(2026, 9, 30), "AmazonEC2", "eu-west-1", Decimal(8))])
    after = spans(source(cloud))

    assert before["2026-10"] == after["2026-10"]
    assert before["2026-09"] != after["2026-09"]
    assert total(source(cloud), after["2026-09"]) == 8


def test_a_month_that_lost_its_charges_is_empty(cloud: AwsExportCloud) -> None:
    cloud.give(OCTOBER)

    assert total(source(cloud), spans(source(cloud))["2026-09"]) == 0


def test_many_pages_of_a_listing(cloud: AwsExportCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = Bucket._pages

    def small(bucket: Bucket) -> Iterator[Any]:
        bucket._client.meta.events.register("provide-client-params.s3.ListObjectsV2", _two_at_once)
        return pages(bucket)

    monkeypatch.setattr(Bucket, "_pages", small)
    assert len(rows(source(cloud))) == len(OCTOBER) + len(SEPTEMBER)


def _two_at_once(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    return {**params, "MaxKeys": 2}


def test_a_test_asks_for_the_listing_manifests_and_one_files_start(proxy: FaultProxy, cloud: AwsExportCloud) -> None:
    told = source(cloud, **cloud.settings(proxy.url)).test()

    assert told.startswith(f"the export {EXPORT} in s3://{BUCKET}/{PREFIX}: ")
    assert told.endswith("AWS CUR")
    assert len([line for line in proxy.requests if ".csv.gz" in line]) == 1


def test_nothing_is_asked_of_a_month_that_is_not_wanted(proxy: FaultProxy, cloud: AwsExportCloud) -> None:
    spans(source(cloud, **cloud.settings(proxy.url)))

    assert [line for line in proxy.requests if ".csv.gz" in line] == []
    assert len([line for line in proxy.requests if "-Manifest.json" in line]) == 2


@pytest.mark.parametrize("broken", ["cut", "removed", "renamed"])
def test_a_broken_object_is_an_error_and_never_fewer_rows(cloud: AwsExportCloud, broken: str) -> None:
    whole = cloud.s3.get_object(Bucket=BUCKET, Key=DATA)["Body"].read()
    column = b"line_item_unblended_cost"
    changes = {
        "cut": whole[: len(whole) // 2],
        "removed": whole[:-9],
        "renamed": gzip.compress(gzip.decompress(whole).replace(column, b"line_item_cost")),
    }
    cloud.put(DATA, changes[broken])
    cloud.put(MANIFEST, cloud.s3.get_object(Bucket=BUCKET, Key=MANIFEST)["Body"].read())

    words = {"renamed": "no known billing layout"}.get(broken, "the compressed file is cut short or damaged")
    with pytest.raises(BillError, match=rf"daily-00002\.csv\.gz: {words}"):
        rows(source(cloud))


def test_a_cut_at_any_byte_is_found(cloud: AwsExportCloud) -> None:
    whole = cloud.s3.get_object(Bucket=BUCKET, Key=DATA)["Body"].read()
    told = cloud.s3.get_object(Bucket=BUCKET, Key=MANIFEST)["Body"].read()
    for end in range(1, len(whole), 41):
        cloud.put(DATA, whole[:end])
        cloud.put(MANIFEST, told)
        with pytest.raises(BillError):
            rows(source(cloud))


def test_a_delivery_under_way_is_left_alone(cloud: AwsExportCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = Bucket.files

    def newer(bucket: Bucket) -> Any:
        return [
            type(file)(file.bill, file.written + 5) if file.path.endswith("2026-10/daily-00001.csv.gz") else file
            for file in listed(bucket)
        ]

    monkeypatch.setattr(Bucket, "files", newer)
    read = source(cloud).spans(WINDOW)
    assert f"{next(read).months.start:%Y-%m}" == "2026-09"
    with pytest.raises(BillError, match=r"daily-00001\.csv\.gz: newer than its manifest: AWS is writing the delivery"):
        next(read)

    monkeypatch.setattr(exports, "WRITING_SECONDS", -60)
    assert len(rows(source(cloud))) == len(OCTOBER) + len(SEPTEMBER)


def test_a_file_that_is_written_anew_while_it_is_read_is_not_mixed(
    cloud: AwsExportCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    october = spans(source(cloud))["2026-10"]
    listed = Bucket.files

    def then_overwritten(bucket: Bucket) -> Any:
        found = listed(bucket)
        cloud.give([*SEPTEMBER, *(Charge(day.day, "X", "y", Decimal(1)) for day in OCTOBER)])
        return found

    monkeypatch.setattr(Bucket, "files", then_overwritten)
    with pytest.raises(BillError, match="written anew while it was read; it is read whole next time"):
        list(source(cloud).fetch(october))


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault("status", status=403), AuthError, r"s3:GetObject on arn:aws:s3:::billing-exports/costs/\*"),
        (Fault("status", status=401), AuthError, "does not accept the credentials"),
        (Fault("status", status=404), SourceError, "404"),
        (Fault("status", status=429), ThrottledError, "429"),
        (Fault("status", status=429, headers={"Retry-After": "1"}), ThrottledError, "429"),
        (Fault("status", status=500), UnreachableError, "500"),
        (Fault("status", status=503), UnreachableError, "503"),
        (Fault("status", status=200, body=b"<html>log in</html>"), UnreachableError, "cut short"),
        (Fault("hang"), UnreachableError, "AWS cannot be reached"),
        (Fault("reset"), UnreachableError, "AWS cannot be reached"),
        (Fault("cut"), UnreachableError, r"00002\.csv\.gz: cut short, tried 2 times"),
        (Fault("truncate"), UnreachableError, r"00002\.csv\.gz: cut short, tried 2 times"),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else None,
)
def test_a_fault_while_a_file_is_read(
    cloud: AwsExportCloud, proxy: FaultProxy, fault: Fault, error: type[Exception], words: str
) -> None:
    october = spans(source(cloud))["2026-10"]
    proxy.inject(Fault(**{name: getattr(fault, name) for name in fault.__slots__} | {"match": GET_DATA}))
    read = source(cloud, endpoint_url=proxy.url, timeout=0.5)

    with pytest.raises(error, match=words) as told:
        list(read.fetch(october))
    assert KEYS["secret_access_key"] not in str(told.value)


@pytest.mark.parametrize("match", [r"GET \S+list-type=2", r"Manifest\.json", GET_DATA])
@pytest.mark.parametrize("kind", ["cut", "truncate", "reset", "hang"])
def test_one_bad_answer_is_asked_for_again(cloud: AwsExportCloud, proxy: FaultProxy, match: str, kind: Any) -> None:
    proxy.inject(Fault(kind, match=match, times=1))
    read = source(cloud, endpoint_url=proxy.url, timeout=0.5)

    assert len(rows(read)) == len(OCTOBER) + len(SEPTEMBER)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (
            Fault("status", status=403),
            AuthError,
            "access is denied; it takes s3:ListBucket on arn:aws:s3:::billing-exp",
        ),
        (Fault("status", status=500), UnreachableError, "500"),
        (Fault("status", status=200, body=b"{}"), UnreachableError, "ListObjectsV2 failed"),
        (Fault("status", status=200), UnreachableError, "no whole listing"),
        (Fault("cut"), UnreachableError, "ListObjectsV2 failed"),
        (Fault("truncate"), UnreachableError, "ListObjectsV2 failed"),
        (Fault("replace", change=lambda body: body.replace(b">false<", b">true<")), UnreachableError, "no whole list"),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else None,
)
def test_a_fault_while_the_bucket_is_listed(
    cloud: AwsExportCloud, proxy: FaultProxy, fault: Fault, error: type[Exception], words: str
) -> None:
    proxy.inject(fault)

    with pytest.raises(error, match=words):
        spans(source(cloud, endpoint_url=proxy.url, timeout=0.5))


ENTRY = (
    "<Contents><Key>costs/a-Manifest.json</Key><LastModified>2026-11-01T00:00:00.000Z</LastModified>"
    "<ETag>1</ETag><Size>1</Size></Contents>"
)


@pytest.mark.parametrize(("entry", "pages"), [(ENTRY, 2), ("", EMPTY_PAGES_MAX + 1)])
def test_a_listing_that_goes_on_for_ever(entry: str, pages: int) -> None:
    asked = []

    class Endless(QuietHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            token = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{len(asked)}</NextContinuationToken>"
            body = f"<ListBucketResult>{entry}{token}</ListBucketResult>".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = Serving(Endless)
    try:
        with pytest.raises(SourceError, match="the listing repeats itself without an end"):
            list(AwsExport(path=f"s3://{BUCKET}/{PREFIX}", endpoint_url=server.url, **SECRETS).spans(WINDOW))
        assert len(asked) == pages
    finally:
        server.close()


def test_a_bucket_that_is_not_there(cloud: AwsExportCloud) -> None:
    with pytest.raises(NotFoundError, match="there is no bucket no-such-bucket; check path"):
        source(cloud, path="s3://no-such-bucket/x").test()


def test_a_prefix_with_nothing_below(cloud: AwsExportCloud) -> None:
    with pytest.raises(NotFoundError, match=r"no manifest and no billing files below s3://billing-exports/cost$"):
        source(cloud, path=f"s3://{BUCKET}/cost").test()


def test_a_whole_bucket_and_a_prefix_with_a_slash(cloud: AwsExportCloud) -> None:
    for path in (f"s3://{BUCKET}", f"s3://{BUCKET}/", f"s3://{BUCKET}/{PREFIX}/"):
        assert len(rows(source(cloud, path=path))) == len(OCTOBER) + len(SEPTEMBER)


def test_a_manifest_that_names_what_is_not_there(cloud: AwsExportCloud) -> None:
    cloud.put(MANIFEST, json.dumps({"dataFiles": [f"s3://{BUCKET}/{DATA}.not"]}).encode())

    with pytest.raises(BillError, match="the delivery is not finished: it names s3://"):
        rows(source(cloud))


def test_without_credentials(cloud: AwsExportCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

    with pytest.raises(AuthError, match="no usable credentials"):
        AwsExport(path=f"s3://{BUCKET}/{PREFIX}", endpoint_url=cloud.url).test()


def test_a_role_reads_the_bucket(cloud: AwsExportCloud, proxy: FaultProxy) -> None:
    role = "arn:aws:iam::123456789012:role/outlay"
    read = source(cloud, endpoint_url=proxy.url, role_arn=role, external_id="e-1")

    assert len(rows(read)) == len(OCTOBER) + len(SEPTEMBER)
    assert [line for line in proxy.requests if "AssumeRole" in line] == ["POST / AssumeRole"]
