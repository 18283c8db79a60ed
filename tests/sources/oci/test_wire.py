"""The real SDK over a real wire: what is asked, what is made of refusals, and of answers that break."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

import pytest

from outlay.core.errors import (
    AuthError,
    BillError,
    NotFoundError,
    OutlayError,
    SourceError,
    ThrottledError,
    UnreachableError,
)
from outlay.core.ledger import Tally
from outlay.sources.oci import Oci
from tests.clouds import oci as clouds
from tests.clouds.cloud import Charge
from tests.clouds.oci import Answer, refusal
from tests.clouds.oci_reports import FOCUS, TENANCY, focus_line, packed
from tests.sources.oci.asking import THIS_MONTH, WINDOW, collected, totals
from tests.sources.oci.conftest import Make

REPORT = f"FOCUS Reports/{THIS_MONTH:%Y/%m/%d}/0001000001507847-00001.csv.gz"
LISTING, READING = "/o?", "/o/"


@pytest.fixture
def filled(cloud: clouds.Oci) -> clouds.Oci:
    """One report of two lines."""
    day = THIS_MONTH + timedelta(days=9)
    cloud.put(REPORT, packed([focus_line(day, "1.5"), focus_line(day, "2", ServiceName="NETWORK")]), day)
    return cloud


def failing(cloud: clouds.Oci, where: str, *answers: Answer | None) -> None:
    """Answer requests whose path holds `where` so, one after another, and the last for ever."""
    left = list(answers)

    def answer(path: str) -> Answer | None:
        if where not in path:
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    cloud.answer = answer


def test_what_was_given_comes_back(copies: clouds.Oci) -> None:
    days = [THIS_MONTH - timedelta(days=i) for i in range(40, 0, -5)]
    charges = [Charge(day, "COMPUTE", "eu-frankfurt-1", Decimal("1.000000000000000001")) for day in days]
    charges += [Charge(days[3], "NETWORK", "eu-frankfurt-1", Decimal("-0.25"), "Credit")]
    copies.give(charges)
    source = Oci(**copies.settings())
    assert sum(totals(collected(source), "charge_date").values()) == sum(each.amount for each in charges)
    assert totals(collected(source), "charge_category")["Credit"] == Decimal("-0.25")
    copies.give(charges[:1])
    assert totals(collected(source), "charge_date") == {days[0]: Decimal("1.000000000000000001")}
    copies.give([])
    assert collected(source) == []


def test_the_list_is_read_page_by_page(filled: clouds.Oci, source: Make) -> None:
    for day in range(7):
        filled.put(f"FOCUS Reports/{THIS_MONTH:%Y/%m}/{day + 10}/a-00001.csv.gz", packed([]), THIS_MONTH)
    filled.page_objects = 3
    assert source().test() == (
        f"8 reports in the bucket {TENANCY}, the newest FOCUS Reports/{THIS_MONTH:%Y/%m}/16/a-00001.csv.gz"
    )
    assert sum(LISTING in path for path in filled.requests) == 3


def test_test_reads_one_byte(filled: clouds.Oci, source: Make) -> None:
    assert source().test() == f"1 reports in the bucket {TENANCY}, the newest {REPORT}"
    assert [unquote(path).partition(TENANCY)[2].partition("?")[0] for path in filled.requests] == ["/o", f"/o/{REPORT}"]


def test_every_attempt_is_booked_and_free(filled: clouds.Oci, source: Make) -> None:
    tally = Tally()
    failing(filled, READING, refusal(503, "ServiceUnavailable", "later"), None)
    collected(source().with_ledger(tally))
    assert tally.usd == 0
    assert tally.calls[TENANCY, "GetObject"] >= 2
    assert tally.calls[TENANCY, "ListObjects"] >= 2


@pytest.mark.parametrize("where", [LISTING, READING])
@pytest.mark.parametrize(
    ("answer", "told_as"),
    [
        (refusal(401, "NotAuthenticated", "no"), (AuthError, "does not accept the credentials.*NotAuthenticated: no")),
        (
            refusal(403, "NotAllowed", "no"),
            (AuthError, r"denied; it takes the two policy statements of docs/sources/oci"),
        ),
        (refusal(404, "BucketNotFound", "no"), (NotFoundError, "policy statements")),
        (refusal(429, "TooManyRequests", "no"), (ThrottledError, "tried 2 times")),
        (refusal(429, "TooManyRequests", "no", **{"Retry-After": "900"}), (ThrottledError, "asks to wait 900 s")),
        (refusal(500, "InternalServerError", "no"), (UnreachableError, "answered 500, tried 2 times")),
        (Answer(502, b"<html>bad gateway"), (UnreachableError, "answered 502")),
        (refusal(400, "InvalidParameter", "no"), (SourceError, "failed with 400. OCI says: InvalidParameter: no")),
        (Answer(200, b'{"objects": [', length=5000), (UnreachableError, "failed 2 times")),
        (Answer(200, b"", delay=2.0), (UnreachableError, "failed 2 times")),
    ],
)
def test_faults_are_told_in_words(
    filled: clouds.Oci, source: Make, where: str, answer: Answer, told_as: tuple[type[OutlayError], str]
) -> None:
    kind, words = told_as
    failing(filled, where, answer)
    impatient = source(attempts=2, timeout=0.5)
    with pytest.raises(kind, match=words) as told:
        collected(impatient)
    assert type(told.value) is kind
    assert "PRIVATE KEY" not in str(told.value)


@pytest.mark.parametrize("where", [LISTING, READING])
@pytest.mark.parametrize(
    "answer",
    [
        refusal(429, "TooManyRequests", "no", **{"Retry-After": "0"}),
        refusal(503, "ServiceUnavailable", "no"),
        Answer(200, b"\x1f\x8bcut", length=5000),
    ],
)
def test_what_passes_is_tried_again(filled: clouds.Oci, source: Make, where: str, answer: Answer) -> None:
    failing(filled, where, answer, None)
    assert sum(totals(collected(source(attempts=2)), "charge_date").values()) == Decimal("3.5")


@pytest.mark.parametrize("body", [b'{"objects": [{"na', b"{}", b"[]", b"", b'{"objects": [{"name": "a"}]}'])
def test_a_list_that_is_none_is_not_an_empty_bucket(filled: clouds.Oci, source: Make, body: bytes) -> None:
    failing(filled, LISTING, Answer(200, body, {"Content-Type": "application/json"}))
    with pytest.raises(UnreachableError, match="ListObjects FOCUS Reports/ failed 2 times"):
        collected(source(attempts=2))


def test_pages_that_do_not_end_are_stopped(filled: clouds.Oci, source: Make) -> None:
    one = {"name": REPORT, "size": 1, "etag": "e", "timeCreated": "2026-10-01T00:00:00.000Z"}
    failing(filled, LISTING, Answer(200, json.dumps({"objects": [one], "nextStartWith": REPORT}).encode()))
    with pytest.raises(SourceError, match="stopped after 2 pages of 'FOCUS Reports/', which do not end"):
        collected(source())


def test_an_object_twice_in_the_list_is_refused(filled: clouds.Oci, source: Make) -> None:
    one = {"name": REPORT, "size": 1, "etag": "e", "timeCreated": "2026-10-01T00:00:00.000Z"}
    failing(filled, LISTING, Answer(200, json.dumps({"objects": [one, one]}).encode()))
    with pytest.raises(SourceError, match="names one twice"):
        collected(source())


def test_bytes_that_changed_on_the_way_are_not_believed(filled: clouds.Oci, source: Make) -> None:
    right = filled.objects[REPORT]
    wrong = right.data[:-20] + bytes(20)
    failing(filled, READING, Answer(200, wrong, {"Content-MD5": right.md5}))
    with pytest.raises(UnreachableError, match="the checksum differs"):
        collected(source(attempts=1))


def test_a_report_that_changed_after_it_was_listed_is_not_read(filled: clouds.Oci, source: Make) -> None:
    right = filled.objects[REPORT]
    filled.answer = lambda path: filled.put(REPORT, right.data + b" ") if READING in path else None
    with pytest.raises(SourceError, match="the object changed while it was read; collect again"):
        collected(source())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (packed([focus_line(THIS_MONTH, "1")] * 900)[:300], "cut short or damaged"),
        (gzip.compress(b'BilledCost,"Billing'), "no known billing layout"),
        (packed([focus_line(THIS_MONTH, "1,5")]), "BilledCost is no amount: '1,5'|: .*'1,5'"),
        (packed([], FOCUS.replace("BilledCost", "Cost")), "for FOCUS it lacks BilledCost"),
        (b"", "no known billing layout"),
    ],
    ids=["gzip", "csv", "amount", "renamed", "empty"],
)
def test_a_report_that_cannot_be_is_told_by_its_name(filled: clouds.Oci, source: Make, data: bytes, words: str) -> None:
    filled.put(REPORT, data, THIS_MONTH)
    with pytest.raises(BillError, match=words) as told:
        collected(source())
    assert f"oci://{TENANCY}@bling/{REPORT}" in str(told.value)
    assert "/tmp" not in str(told.value)


def test_an_empty_bucket_is_told(cloud: clouds.Oci, source: Make) -> None:
    with pytest.raises(NotFoundError, match="looked for FOCUS Reports/ and reports/cost-csv/"):
        list(source().spans(WINDOW))
    with pytest.raises(NotFoundError, match=r"looked for FOCUS Reports/\. Oracle"):
        source(format="focus").test()


def test_another_bucket_is_told_with_what_to_check(filled: clouds.Oci, source: Make) -> None:
    with pytest.raises(NotFoundError, match=r"no bucket other in the namespace bling, or none we may see.*home region"):
        source(bucket="other").test()


def test_reports_lie_below_a_prefix(copies: clouds.Oci) -> None:
    copies.put(f"billing/oci/{REPORT}", packed([focus_line(THIS_MONTH, "1")]))
    source = Oci(**copies.settings(), prefix="billing/oci/")
    assert totals(collected(source), "charge_date") == {THIS_MONTH: 1}


def test_downloads_leave_nothing_behind(
    filled: clouds.Oci, source: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    read: Callable[[], object] = lambda: collected(source())  # noqa: E731 - read twice below
    read()
    filled.put(REPORT, b"broken", THIS_MONTH)
    with pytest.raises(BillError):
        read()
    assert list(tmp_path.iterdir()) == []
