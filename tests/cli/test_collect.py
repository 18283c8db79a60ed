from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO

import pytest

from tests.cli.bills import put_bills
from tests.cli.conftest import Done, Outlay, command, told
from tests.servers import Request, Response, answering
from tests.sources.bills.focus_bills import charge, write

OCTOBER = ("--start-date", "2026-10-01", "--end-date", "2026-10-31")
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hush/this+is/secret"}


def refused(request: Request) -> Response:
    """What AWS says to keys it does not know, in JSON (Cost Explorer) and in XML (STS)."""
    said = "The security token included in the request is invalid."
    if "X-Amz-Target" in request.headers:
        error = json.dumps({"__type": "UnrecognizedClientException", "message": said})
        return Response(error.encode(), 400, {"Content-Type": "application/x-amz-json-1.1"})
    error = f"<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>{said}</Message></Error></ErrorResponse>"
    return Response(error.encode(), 403, {"Content-Type": "text/xml"})


def with_aws(folder: Path, url: str) -> None:
    """Bills, and beside them an AWS account at `url`."""
    if not (folder / "bills").exists():  # written anew they would be another delivery
        put_bills(folder)
    keys = "access_key_id: AKIAEXAMPLE, secret_access_key: hush/this+is/secret"
    aws = f"  aws: {{endpoint_url: '{url}', attempts: 1, {keys}}}\n"
    (folder / "outlay.yaml").write_text(f"clouds:\n  files: {{path: bills}}\n{aws}")


def total(outlay: Outlay) -> dict[str, str]:
    """What October cost, by currency."""
    totals: dict[str, str] = json.loads(outlay("costs", *OCTOBER, "--format", "json").out)["totals"]
    return totals


def test_from_nothing_to_an_answer(outlay: Outlay, folder: Path) -> None:
    assert outlay("init").code == 0
    put_bills(folder)

    done = outlay("collect")

    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("files everything: 6 rows, 1,245.63 USD, 7.50 EUR, ")
    assert total(outlay) == {"EUR": "7.5", "USD": "1245.625000000000000001"}


def test_what_did_not_change_is_not_read_again(outlay: Outlay, folder: Path) -> None:
    put_bills(folder)
    outlay("collect")

    assert outlay("collect").err == "files everything: unchanged\n"
    write(folder / "bills" / "more.csv", charge(BilledCost="0.375", EffectiveCost="0.375"))
    assert outlay("collect").err.startswith("files everything: 7 rows, ")
    assert total(outlay)["USD"] == "1246.000000000000000001"


def test_only_the_sources_that_are_named(outlay: Outlay, folder: Path) -> None:
    put_bills(folder)
    blocks = ", ".join(f"{{name: {name}, path: bills}}" for name in ("one", "two", "three"))
    (folder / "outlay.yaml").write_text(f"clouds: {{files: [{blocks}]}}\n")

    assert outlay("collect", "--providers", "two").err.startswith("two everything: 6 rows")
    done = outlay("collect", "--providers", "one, three", "--providers", "two")
    assert sorted(line.partition(":")[0] for line in done.err.splitlines()) == [
        f"{name} everything" for name in ("one", "three", "two")
    ]


def test_an_asked_range_picks_billing_months(outlay: Outlay, folder: Path) -> None:
    put_bills(folder)

    assert outlay("collect", "--start-date", "2026-09-01", "--end-date", "2026-09-30").err.startswith(
        "files 2026-09: 0 rows, nothing billed"
    )
    assert outlay("collect", *OCTOBER).err.startswith("files 2026-10: 6 rows")


def test_nothing_to_collect(outlay: Outlay, folder: Path) -> None:
    write(folder / "bills" / "BILLING_PERIOD=2026-10" / "a.csv", charge())
    (folder / "outlay.yaml").write_text("clouds: {files: {path: bills}}\n")

    done = outlay("collect", "--start-date", "2026-01-01", "--end-date", "2026-01-31")

    assert (done.code, done.err) == (0, "nothing to collect for these days\n")


# -- what it would cost ----------------------------------------------------------------------------


def test_a_dry_run_tells_the_price_and_spends_nothing(outlay: Outlay, folder: Path) -> None:
    asked: list[Request] = []

    def count(request: Request) -> Response:
        asked.append(request)
        return refused(request)

    with answering(count) as url:
        with_aws(folder, url)
        done = outlay("collect", "--dry-run", "--start-date", "2026-09-20", "--end-date", "2026-10-03")

    assert done.code == 0
    spans = [line.rsplit("  ", 1) for line in done.out.splitlines()]
    assert [span for span, _ in spans] == [
        "files 2026-09..2026-10",
        "aws 2026-10-01..2026-10-03",
        "aws 2026-09-20..2026-09-30",
    ]
    assert spans[0][1] == "free"
    prices = [Decimal(price.removesuffix(" USD")) for _, price in spans[1:]]
    assert all(price >= Decimal("0.01") for price in prices)
    assert done.err == f"price: {sum(prices)} USD\n"
    assert asked == []
    assert not (folder / "data" / "charges").exists()


# -- failures --------------------------------------------------------------------------------------


def test_some_sources_failed(outlay: Outlay, folder: Path) -> None:
    with answering(refused) as url:
        with_aws(folder, url)
        done = outlay("collect")

    assert done.code == 3
    lines = done.err.splitlines()
    assert any(line.startswith("files everything: 6 rows") for line in lines)
    assert lines[-1] == "outlay: 1 of 2 sources failed"
    assert lines[-2].startswith("outlay: aws failed, its last good data is kept: ")
    assert total(outlay)["EUR"] == "7.5"


def test_a_wrong_password(outlay: Outlay, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with answering(refused) as url:
        (folder / "outlay.yaml").write_text(f"clouds: {{aws: {{endpoint_url: '{url}', attempts: 1}}}}\n")
        done = outlay("collect")

    assert done.code == 1
    [_, reason, last] = done.err.splitlines()
    assert reason.startswith("outlay: aws failed, its last good data is kept: ")
    assert "AWS_ACCESS_KEY_ID" in reason
    assert last == "outlay: no source could be collected"
    said = done.err + done.out + "".join(path.read_text(errors="replace") for path in folder.rglob("state.db*"))
    assert "hush" not in said
    assert "AKIAEXAMPLE" not in done.err


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([charge(), charge(BilledCost="abc")], "bills/b.csv:3: BilledCost is no amount: 'abc'"),
        ([charge(BillingCurrency="")], "bills/b.csv:2: a charge has no BillingCurrency"),
        ([{"hello": "world"}], "bills/b.csv: no known billing layout (FOCUS, "),
    ],
)
def test_a_bad_bill(outlay: Outlay, folder: Path, rows: list[dict[str, str]], reason: str) -> None:
    put_bills(folder)
    outlay("collect")
    before = total(outlay)
    write(folder / "bills" / "b.csv", *rows)

    done = outlay("collect")

    assert done.code == 1
    assert done.err.splitlines()[0] == "files everything: failed"
    assert f"outlay: files failed, its last good data is kept: {folder}/{reason}" in done.err
    assert total(outlay) == before


def test_bills_that_are_not_there(outlay: Outlay, folder: Path) -> None:
    (folder / "outlay.yaml").write_text("clouds: {files: {path: no/such.csv}}\n")

    done = outlay("collect")

    assert done.code == 1
    assert done.err.splitlines() == [
        "files: failed",
        "outlay: files failed, its last good data is kept: no file or folder no/such.csv",
        "outlay: no source could be collected",
    ]


def test_a_large_bill_whose_last_row_is_bad(folder: Path) -> None:
    """By then most of it is written, and thrown away again."""
    rows = [charge(ResourceId=str(i)) for i in range(70_000)]
    write(folder / "bills" / "a.csv", *rows, charge(BilledCost="abc"))
    (folder / "outlay.yaml").write_text("clouds: {files: {path: bills}}\n")

    done = subprocess.run(command("collect"), capture_output=True, text=True, timeout=60, check=False)

    assert told(Done(done.returncode, done.stdout, done.stderr)).code == 1
    assert "a.csv:70002: BilledCost is no amount: 'abc'" in done.stderr
    assert list((folder / "data").rglob("*.parquet")) == []


# -- signals ---------------------------------------------------------------------------------------


@contextmanager
def waiting(folder: Path) -> Iterator[tuple[subprocess.Popen[str], threading.Event]]:
    """A collection that waits for AWS, which says nothing until the event is set."""
    asked, go = threading.Event(), threading.Event()

    def answer(request: Request) -> Response:
        asked.set()
        go.wait(30)
        return refused(request)

    with answering(answer) as url:
        with_aws(folder, url)
        with subprocess.Popen(command("collect"), stderr=subprocess.PIPE, text=True) as process:
            try:
                assert asked.wait(30)
                yield process, go
            finally:
                go.set()
                process.kill()


def said(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stderr is not None
    return process.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_collection_and_keeps_the_store(outlay: Outlay, folder: Path, number: signal.Signals) -> None:
    put_bills(folder)
    outlay("collect")
    before = total(outlay)

    with waiting(folder) as (process, go):
        process.send_signal(number)
        while "stopping" not in said(process).readline():
            pass
        go.set()
        rest = said(process).read()
        code = process.wait(30)

    assert code == 128 + number
    assert rest.endswith("stopped; what was stored before is kept\n")
    assert "Traceback" not in rest
    assert total(outlay) == before


def test_a_second_signal_ends_it_at_once(outlay: Outlay, folder: Path) -> None:
    put_bills(folder)
    first = outlay("collect")
    assert first.code == 0, first.err
    before = total(outlay)

    with waiting(folder) as (process, _):
        process.send_signal(signal.SIGINT)
        while "stopping" not in said(process).readline():
            pass
        process.send_signal(signal.SIGINT)
        code = process.wait(10)

    assert code == -signal.SIGINT
    assert total(outlay) == before
    assert outlay("collect", "--providers", "files").err == "files everything: unchanged\n"
