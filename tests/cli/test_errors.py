"""What cannot be: every mistake is told in words, with the place and the choices, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.bills import put_bills
from tests.cli.conftest import Outlay
from tests.sources.bills.focus_bills import charge, write


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder."""
    return {str(each): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


# -- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("costs --group-by nope", "no dimension named 'nope'; there are: date, month, source, provider, "),
        ("costs --group-by tag:", "no dimension named 'tag:'; there are: "),
        ("costs --filter nope=1", "no dimension named 'nope'; there are: "),
        ("costs --filter service", "--filter 'service' is not DIMENSION=VALUE, such as service=AmazonEC2"),
        ("costs --exclude nope", "no kind of charge named 'nope'; there are: credits, refunds, taxes, purchases"),
        ("costs --measure nope", "'nope' is not one of 'billed', 'effective', 'contracted', 'list'"),
        ("costs --granularity hourly", "'hourly' is not one of 'daily', 'monthly'"),
        ("costs --format pdf", "'pdf' is not one of 'table', 'json', 'csv', 'xlsx', 'parquet'"),
        ("costs --format xlsx", "--format xlsx needs --output FILE"),
        ("costs --format parquet", "--format parquet needs --output FILE"),
        ("costs --start-date 2026-13-01", "'2026-13-01' is no day; write it as 2026-10-31"),
        ("costs --start-date yesterday", "'yesterday' is no day; write it as 2026-10-31"),
        ("costs --end-date 2026-10-01", "--end-date needs a --start-date"),
        (
            "costs --start-date 2026-10-02 --end-date 2026-10-01",
            "--start-date 2026-10-02 is after --end-date 2026-10-01",
        ),
        ("costs --days 0", "0 is not in the range x>=1"),
        ("costs --days 3 --start-date 2026-10-01", "--days and --start-date both say from when: give one"),
        ("costs --limit 0", "0 is not in the range x>=1"),
        ("costs --output .", "Is a directory"),
        ("costs extra", "Got unexpected extra argument"),
        ("collect --providers nope", "no source named 'nope'; there are: files"),
        ("collect --start-date 2026-10-01 --lookback-days 3", "says from when: leave out --lookback-days"),
        ("collect --backfill --lookback-days 3", "--backfill and --lookback-days both say how far back: give one"),
        ("collect --lookback-days 0", "0 is not in the range x>=1"),
        (
            "collect --start-date 2026-10-02 --end-date 2026-10-01",
            "--start-date 2026-10-02 is after --end-date 2026-10-01",
        ),
        ("test-auth --providers nope", "no source named 'nope'; there are: files"),
        ("runs --limit none", "'none' is not a valid integer"),
        ("nope", "no command named 'nope'; there are: init, init-db, "),
        ("costs --nope", "No such option"),
        ("--config", "'--config' requires an argument"),
    ],
)
def test_wrong_usage(outlay: Outlay, folder: Path, arguments: str, said: str) -> None:
    put_bills(folder)
    before = files(folder)

    done = outlay(*arguments.split())

    assert (done.code, done.out) == (2, "")
    assert said.lower() in done.err.lower().replace(" is a directory", "is a directory")
    assert files(folder) == before


def test_a_filter_that_is_no_day(outlay: Outlay, folder: Path) -> None:
    put_bills(folder)
    outlay("collect")

    done = outlay("costs", "--filter", "date=soon", "--start-date", "2026-10-01")

    assert (done.code, done.err) == (2, "outlay: not a date: 'soon'; write it as 2026-10-31\n")


def test_help_when_nothing_is_asked(outlay: Outlay) -> None:
    done = outlay()

    assert done.code == 2
    assert "collect" in done.err


# -- settings --------------------------------------------------------------------------------------


def test_every_fault_of_the_settings_is_told_at_once(outlay: Outlay, folder: Path) -> None:
    (folder / "outlay.yaml").write_text(
        "clouds:\n"
        "  files: {paht: bills}\n"
        "  nope: {}\n"
        "collection:\n"
        "  lookback_days: many\n"
        "  schedule: never\n"
        "api: {port: 99999}\n"
    )

    done = outlay("collect")

    assert (done.code, done.out) == (2, "")
    first, *faults = done.err.splitlines()
    assert first == f"outlay: {len(faults)} faults"
    places = [fault.partition(": ")[0] for fault in faults]
    assert {"outlay.yaml:2", "outlay.yaml:3", "outlay.yaml:5", "outlay.yaml:6", "outlay.yaml:7"} == set(places)
    assert "did you mean path?" in done.err
    assert "there are: aws, " in done.err


@pytest.mark.parametrize("command", ["collect", "costs", "runs", "test-auth", "init-db"])
def test_settings_that_are_no_yaml(outlay: Outlay, folder: Path, command: str) -> None:
    (folder / "outlay.yaml").write_text("clouds:\n  files: [\n")

    done = outlay(command)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("outlay: outlay.yaml:3:")
    assert len(done.err.splitlines()) == 1


def test_settings_that_are_not_there(outlay: Outlay) -> None:
    done = outlay("--config", "no.yaml", "costs")

    assert (done.code, done.err) == (2, "outlay: no.yaml: no such file\n")


@pytest.mark.parametrize("command", ["collect", "test-auth"])
def test_no_sources(outlay: Outlay, folder: Path, command: str) -> None:
    (folder / "outlay.yaml").write_text("clouds: {}\n")

    done = outlay(command)

    assert done.code == 2
    assert done.err.startswith("outlay: no sources: name some under `clouds:` in outlay.yaml")


# -- the disk --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["collect", "init-db", "runs"])
def test_a_file_where_the_stores_folder_should_be(outlay: Outlay, folder: Path, command: str) -> None:
    put_bills(folder)
    (folder / "data").write_text("I am a file")

    done = outlay(command)

    assert done.code == 1
    assert "data" in done.err
    assert all(line.startswith(("outlay: ", "files")) for line in done.err.splitlines())
    assert (folder / "data").read_text() == "I am a file"


def test_a_store_that_is_no_table(outlay: Outlay, folder: Path) -> None:
    put_bills(folder)
    outlay("collect")
    for log in (folder / "data" / "charges" / "_delta_log").iterdir():
        log.write_text("not a log")

    done = outlay("costs")

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("outlay: cannot read the lake at ./data: ")
    assert len(done.err.splitlines()) == 1


def test_a_state_that_is_no_database(outlay: Outlay, folder: Path) -> None:
    put_bills(folder)
    (folder / "data").mkdir()
    (folder / "data" / "state.db").write_text("not a database, but long enough to be looked at " * 100)

    done = outlay("runs")

    assert (done.code, done.out) == (1, "")
    assert done.err == "outlay: cannot use the state at sqlite:///./data/state.db: file is not a database\n"


@pytest.mark.parametrize("form", ["json", "csv", "table", "xlsx", "parquet"])
def test_an_output_that_cannot_be_written(outlay: Outlay, folder: Path, form: str) -> None:
    put_bills(folder)

    done = outlay("costs", "--format", form, "--output", "no/such/folder.out")

    assert (done.code, done.out) == (1, "")
    assert done.err == "outlay: cannot write no/such/folder.out: No such file or directory\n"


def test_an_output_that_fails_half_way(outlay: Outlay, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_bills(folder)
    (folder / "costs.csv").write_text("of last month")
    write_bytes = Path.write_bytes

    def fill(path: Path, data: bytes) -> int:
        write_bytes(path, data[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    done = outlay("costs", "--format", "csv", "--output", "costs.csv")

    assert (done.code, done.err) == (1, "outlay: cannot write costs.csv: No space left on device\n")
    assert (folder / "costs.csv").read_text() == "of last month"
    assert not list(folder.glob(".*"))


# -- bills -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"", "bills/a.csv: the file is empty"),
        ("a.csv", b"\xff\xfe\x00", "bills/a.csv: neither Parquet nor UTF-8 text"),
        ("a.csv.gz", b"\x1f\x8b\x08\x00", "bills/a.csv.gz: the compressed file is cut short or damaged"),
        ("a.parquet", b"PAR1PAR1", "bills/a.parquet: the Parquet file is cut short or damaged"),
    ],
)
def test_files_that_are_no_bills(outlay: Outlay, folder: Path, name: str, data: bytes, said: str) -> None:
    put_bills(folder)
    (folder / "bills" / name).write_bytes(data)

    done = outlay("collect")

    assert done.code == 1
    assert said in done.err
    assert not list((folder / "data").rglob("*.parquet"))


def test_a_bill_outside_the_month_of_its_folder(outlay: Outlay, folder: Path) -> None:
    (folder / "outlay.yaml").write_text("clouds: {files: {path: bills}}\n")
    write(folder / "bills" / "BILLING_PERIOD=2026-09" / "a.csv", charge())

    done = outlay("collect")

    assert done.code == 1
    assert "a.csv:2: a charge is billed outside 2026-09, the month of its folder" in done.err
