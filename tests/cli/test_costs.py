from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from outlay.cli import main
from tests.charges import charge, put
from tests.cli.bills import put_bills
from tests.cli.conftest import Outlay

OCTOBER = ("costs", "--start-date", "2026-10-01", "--end-date", "2026-10-31")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with settings, bills, and what was collected of them."""
    folder = tmp_path_factory.mktemp("collected")
    put_bills(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with pytest.raises(SystemExit):
            main(["collect"])
    return folder


@pytest.fixture(autouse=True)
def _there(collected: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.chdir(collected)


def rows(outlay: Outlay, *arguments: str) -> list[tuple[str, ...]]:
    """The CSV of some costs of October, without its header."""
    done = outlay(*OCTOBER, "--format", "csv", *arguments)
    assert done.code == 0, done.err
    return [tuple(row) for row in list(csv.reader(io.StringIO(done.out)))[1:]]


# -- what is asked ---------------------------------------------------------------------------------


def test_by_provider_if_nothing_else_is_said(outlay: Outlay) -> None:
    assert rows(outlay) == [("aws", "1245.625000000000000001", "USD"), ("azure", "7.5", "EUR")]


def test_by_several_dimensions(outlay: Outlay) -> None:
    expected = [
        ("000000000001", "Amazon EC2", "1247.500000000000000001", "USD"),
        ("sub-1", "Virtual Machines", "7.5", "EUR"),
        ("000000000002", "Amazon S3", "-1.875", "USD"),
    ]

    assert rows(outlay, "--group-by", "account,service") == expected
    assert rows(outlay, "--group-by", "sub_account", "--group-by", "service") == expected


def test_by_nothing(outlay: Outlay) -> None:
    assert rows(outlay, "--group-by", "") == [("1245.625000000000000001", "USD"), ("7.5", "EUR")]


def test_by_day_and_month(outlay: Outlay) -> None:
    assert rows(outlay, "--granularity", "daily", "--group-by", "provider") == [
        ("2026-10-01", "aws", "10.625", "USD"),
        ("2026-10-02", "aws", "1235.000000000000000001", "USD"),
        ("2026-10-02", "azure", "7.5", "EUR"),
    ]
    assert rows(outlay, "--granularity", "monthly", "--group-by", "provider") == [
        ("2026-10-01", "aws", "1245.625000000000000001", "USD"),
        ("2026-10-01", "azure", "7.5", "EUR"),
    ]


def test_the_end_is_the_last_day(outlay: Outlay) -> None:
    done = outlay("costs", "--start-date", "2026-10-01", "--end-date", "2026-10-01", "--format", "csv")

    assert done.out == "provider,cost,currency\naws,10.625,USD\n"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["service=Amazon EC2"], {"Amazon EC2"}),
        (["service=Amazon EC2", "service=Amazon S3"], {"Amazon EC2", "Amazon S3"}),
        (["service!=Amazon EC2"], {"Amazon S3", "Virtual Machines"}),
        (["tag:team=core"], {"Amazon EC2"}),
        (["tag:team!=core"], {"Amazon S3", "Virtual Machines"}),
        (["tag:team="], {"Virtual Machines"}),
        (["region="], {"Amazon S3"}),
        (["region!="], {"Amazon EC2", "Virtual Machines"}),
        (["service!=Amazon EC2", "region="], {"Amazon S3"}),
        (["tag:team==1+1"], {"Amazon S3"}),
        (["account=sub-1"], {"Virtual Machines"}),
        (["service=it's; --"], set()),
    ],
)
def test_filters(outlay: Outlay, filters: list[str], expected: set[str]) -> None:
    arguments = [word for each in filters for word in ("--filter", each)]

    assert {row[0] for row in rows(outlay, "--group-by", "service", *arguments)} == expected


def test_providers(outlay: Outlay) -> None:
    assert [row[0] for row in rows(outlay, "--provider", "Azure")] == ["azure"]
    assert [row[0] for row in rows(outlay, "--provider", "aws,azure")] == ["aws", "azure"]
    assert [row[0] for row in rows(outlay, "--provider", "aws", "--provider", "oci")] == ["aws"]


def test_measures(outlay: Outlay) -> None:
    costs = {
        measure: rows(outlay, "--measure", measure, "--filter", "service=Amazon EC2")[0][1]
        for measure in ("billed", "effective", "contracted", "list")
    }

    assert costs == {
        "billed": "1247.500000000000000001",
        "effective": "1011.25",
        "contracted": "0",
        "list": "1512",
    }


def test_exclusions(outlay: Outlay) -> None:
    def total(*arguments: str) -> str:
        return rows(outlay, "--provider", "aws", *arguments)[0][1]

    assert total("--exclude", "credits") == "1247.625000000000000001"
    assert total("--exclude", "credits,taxes") == "1244.625000000000000001"
    assert total("--exclude", "taxes", "--exclude", "refunds,purchases") == "1242.625000000000000001"


def test_a_limit_leaves_totals_whole(outlay: Outlay) -> None:
    answer = json.loads(outlay(*OCTOBER, "--group-by", "service", "--limit", "1", "--format", "json").out)

    assert [row["service"] for row in answer["rows"]] == ["Amazon EC2"]
    assert answer["totals"] == {"EUR": "7.5", "USD": "1245.625000000000000001"}


def test_the_last_days_end_yesterday(outlay: Outlay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outlay.reports.today", lambda: date(2026, 10, 3))

    for arguments, expected in (
        (("--days", "1"), ["2026-10-02", "2026-10-02"]),
        ((), ["2026-10-01", "2026-10-02", "2026-10-02"]),
        (("--start-date", "2026-10-02"), ["2026-10-02", "2026-10-02"]),
    ):
        answer = json.loads(outlay("costs", "--granularity", "daily", "--format", "json", *arguments).out)
        assert answer["period"]["end"] == "2026-10-02"
        assert [row["date"] for row in answer["rows"]] == expected


# -- how it is answered ----------------------------------------------------------------------------

TABLE = """\
service            region              cost   currency
──────────────────────────────────────────────────────
Amazon EC2         us-east-1       1,247.50   USD
Virtual Machines   westeurope          7.50   EUR
Amazon S3          (none)             -1.88   USD
total                                  7.50   EUR
total                              1,245.63   USD
billed costs of 2026-10-01..2026-10-31
"""


def test_a_table(outlay: Outlay) -> None:
    done = outlay(*OCTOBER, "--group-by", "service,region")

    assert squeezed(done.out) == squeezed(TABLE)
    assert max(len(line) for line in done.out.splitlines()) <= 80
    assert done.err == "2 currencies, not added up: EUR, USD\n"


def squeezed(table: str) -> list[list[str]]:
    """The words of each line of a table, whatever is between them."""
    return [line.strip("─ ").split() for line in table.splitlines()]


def test_a_table_in_a_pipe_loses_nothing(outlay: Outlay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    wide = outlay(*OCTOBER, "--group-by", "service,region,account,charge_category,billing_account,sku,invoice,resource")

    assert "Virtual Machines" in wide.out
    assert "000000000002" in wide.out


def test_json(outlay: Outlay) -> None:
    done = outlay(*OCTOBER, "--group-by", "service", "--granularity", "daily", "--exclude", "taxes", "--format", "json")

    assert json.loads(done.out) == {
        "period": {"start": "2026-10-01", "end": "2026-10-31"},
        "measure": "billed",
        "totals": {"EUR": "7.5", "USD": "1242.625000000000000001"},
        "rows": [
            {"date": "2026-10-01", "service": "Amazon EC2", "cost": "10.5", "currency": "USD"},
            {"date": "2026-10-01", "service": "Amazon S3", "cost": "0.125", "currency": "USD"},
            {
                "date": "2026-10-02",
                "service": "Amazon EC2",
                "cost": "1234.000000000000000001",
                "currency": "USD",
            },
            {"date": "2026-10-02", "service": "Amazon S3", "cost": "-2", "currency": "USD"},
            {"date": "2026-10-02", "service": "Virtual Machines", "cost": "7.5", "currency": "EUR"},
        ],
        "provisional_from": None,
    }


def test_estimates_are_said_to_be_some(outlay: Outlay, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from outlay.warehouses.lake import Lake

    monkeypatch.chdir(folder)
    days = [date(2026, 10, 4), date(2026, 10, 5)]
    put(Lake(path="data"), [charge(day, "1", provisional=day.day == 5) for day in days])

    assert json.loads(outlay(*OCTOBER, "--format", "json").out)["provisional_from"] == "2026-10-05"
    assert outlay(*OCTOBER).out.endswith("billed costs of 2026-10-01..2026-10-31; provisional from 2026-10-05\n")


def test_csv(outlay: Outlay) -> None:
    done = outlay(*OCTOBER, "--group-by", "tag:team,region", "--format", "csv")

    assert done.out == (
        "tag:team,region,cost,currency\n"
        "core,us-east-1,1247.500000000000000001,USD\n"
        ",westeurope,7.5,EUR\n"
        "'=1+1,,-1.875,USD\n"  # no formula, whatever a tag says
    )


def test_xlsx(outlay: Outlay, folder: Path) -> None:
    import openpyxl

    target = folder / "costs.xlsx"
    done = outlay(
        *OCTOBER, "--group-by", "tag:team", "--granularity", "daily", "--output", str(target), "--format", "xlsx"
    )
    sheet = openpyxl.load_workbook(target).active

    assert (done.code, done.out) == (0, "")
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        ["date", "tag:team", "cost", "currency"],
        [datetime(2026, 10, 1), "=1+1", 0.125, "USD"],  # noqa: DTZ001 - a cell has no zone
        [datetime(2026, 10, 1), "core", 10.5, "USD"],  # noqa: DTZ001
        [datetime(2026, 10, 2), "=1+1", -2, "USD"],  # noqa: DTZ001
        [datetime(2026, 10, 2), "core", 1237, "USD"],  # noqa: DTZ001
        [datetime(2026, 10, 2), None, 7.5, "EUR"],  # noqa: DTZ001
    ]
    assert {cell.data_type for cell in sheet["B"]} == {"s", "n"}  # texts and nothing: no formulas


def test_parquet(outlay: Outlay, folder: Path) -> None:
    import pyarrow.parquet as pq

    target = folder / "costs.parquet"
    outlay(*OCTOBER, "--granularity", "monthly", "--group-by", "region", "--format", "parquet", "--output", str(target))
    table = pq.read_table(target)

    assert [str(field.type) for field in table.schema] == ["date32[day]", "string", "string", "decimal128(38, 18)"]
    assert table.to_pylist()[-1] == {
        "month": date(2026, 10, 1),
        "region": None,
        "currency": "USD",
        "cost": Decimal("-1.875"),
    }


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_file_holds_what_is_printed(outlay: Outlay, folder: Path, form: str) -> None:
    target = folder / "costs"
    printed = outlay(*OCTOBER, "--format", form).out

    done = outlay(*OCTOBER, "--format", form, "--output", str(target))

    assert (done.code, done.out, target.read_text()) == (0, "", printed)
    assert [each.name for each in folder.iterdir()] == ["costs"]


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_no_costs_are_an_answer(outlay: Outlay, form: str) -> None:
    done = outlay("costs", "--start-date", "2020-01-01", "--end-date", "2020-01-31", "--format", form)

    assert done.code == 0
    assert done.err == "no costs on 2020-01-01..2020-01-31; `outlay runs` shows what was collected\n"
    if form == "json":
        assert json.loads(done.out)["rows"] == []
