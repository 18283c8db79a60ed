from __future__ import annotations

import gzip
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from outlay.core.errors import BillError
from tests.sources.bills.cur_reports import LINES, write_csv
from tests.sources.bills.focus_bills import charge, read, text, utc, write, write_parquet

LONG = charge(Tags='{"note": "' + "x" * 2000 + '"}')


def refused(path: Path, data: str | bytes) -> str:
    """What is said of a file that holds `data`, without the folder."""
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(BillError) as error:
        read(path)
    return str(error.value).removeprefix(f"{path.parent}/")


# -- what is understood ----------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_delimiters_and_line_ends(tmp_path: Path, delimiter: str, ends: str) -> None:
    path = tmp_path / "focus.csv"
    note = charge(ChargeDescription="two\nlines, and\ta | in; quotes", Tags='{"a": "b"}')
    path.write_text(text(note, note, delimiter=delimiter, ends=ends), newline="")

    assert [(row["charge_description"], row["tags"]) for row in read(path)] == [
        ("two\nlines, and\ta | in; quotes", {"a": "b"})
    ] * 2


@pytest.mark.parametrize("packed", [False, True])
def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path, packed: bool) -> None:
    data = text(charge()).encode("utf-8-sig")
    path = tmp_path / "focus.csv"
    path.write_bytes(gzip.compress(data) if packed else data)

    assert [row["billed_cost"] for row in read(path)] == [Decimal("1.5")]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.gz", "A.CSV"])
def test_packing_is_told_by_the_content(tmp_path: Path, name: str) -> None:
    data = text(charge()).encode()
    (tmp_path / name).write_bytes(gzip.compress(data))

    assert len(read(tmp_path)) == 1


def test_zstandard_and_gzip_in_parts(tmp_path: Path) -> None:
    data = text(charge(), charge()).encode()
    with pa.CompressedOutputStream(str(tmp_path / "a.csv.zst"), "zstd") as file:
        file.write(data)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(data[:50]) + gzip.compress(data[50:]))

    assert len(read(tmp_path)) == 4


def test_empty_lines_and_a_missing_last_line_end(tmp_path: Path) -> None:
    path = tmp_path / "focus.csv"
    path.write_text(text(charge(), charge()).replace("\n", "\n\n").rstrip("\n"))

    assert len(read(path)) == 2


def test_a_bill_without_charges(tmp_path: Path) -> None:
    header, _, _ = text(charge()).partition("\n")
    for data in (header, f"{header}\n"):
        (tmp_path / "focus.csv").write_text(data)
        assert read(tmp_path) == []


def test_columns_that_stand_there_twice_or_without_a_name(tmp_path: Path) -> None:
    lines = text(charge()).splitlines()
    (tmp_path / "focus.csv").write_text(f"{lines[0]},billedcost,,\n{lines[1]},99,x,y\n")

    assert [row["billed_cost"] for row in read(tmp_path)] == [Decimal("1.5")]


def test_trailing_fields_left_off_on_every_row(tmp_path: Path) -> None:
    row = charge()
    lines = text(row | {"Tags": ""}, row).replace(",\n", "\n")
    (tmp_path / "focus.csv").write_text(lines)

    assert [found["tags"] for found in read(tmp_path)] == [None] * 2


def test_layouts_are_told_apart_file_by_file(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", charge(BilledCost="1000000"))
    write_parquet(tmp_path / "b.parquet", {"BilledCost": pa.array(["2000000"])})
    write_csv(tmp_path / "c.csv", [LINES[0]], {})

    assert sorted(row["billed_cost"] for row in read(tmp_path)) == [Decimal("0.1"), 10**6, 2 * 10**6]


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["abc", "$1", "1,000.5", "1 000", "NaN", "-Infinity", "0x10", "1e30", "true"])
def test_what_is_no_amount(tmp_path: Path, amount: str) -> None:
    data = text(charge(), charge(), charge(BilledCost=amount), charge())

    assert refused(tmp_path / "focus.csv", data) == f"focus.csv:4: BilledCost is no amount: '{amount}'"


@pytest.mark.parametrize("time", ["x", "2026-13-01", "10/01/2026", "01.10.2026", "2026-10", "20261001", "1790812800"])
def test_what_is_no_time(tmp_path: Path, time: str) -> None:
    data = text(charge(), charge(ChargePeriodStart=time))

    assert refused(tmp_path / "focus.csv", data) == (
        f"focus.csv:3: ChargePeriodStart is no time: '{time}'; write it as 2026-10-31T00:00:00Z"
    )


@pytest.mark.parametrize("column", ["BillingPeriodStart", "ChargePeriodStart"])
def test_a_day_that_only_looks_like_one_is_not_of_the_year_5(tmp_path: Path, column: str) -> None:
    data = text(charge(), charge(**{column: "5/1/25"}))

    assert refused(tmp_path / "focus.csv", data) == (
        f"focus.csv:3: {column} lies outside 1970..9999; write a day as 2026-10-31"
    )


MANDATORY = ("BilledCost", "BillingCurrency", "BillingPeriodStart", "ChargePeriodStart", "ChargeCategory")


@pytest.mark.parametrize("column", MANDATORY)
@pytest.mark.parametrize("null", ["", "NULL"])
def test_what_every_charge_has(tmp_path: Path, column: str, null: str) -> None:
    data = text(charge(), charge(), charge(**{column: null}), charge())

    assert refused(tmp_path / "focus.csv", data) == f"focus.csv:4: a charge has no {column}"


@pytest.mark.parametrize("fault", [{"BilledCost": "abc"}, {"BilledCost": ""}, {"ChargePeriodStart": "1/1/26"}])
@pytest.mark.parametrize("packed", [False, True])
def test_lines_are_those_of_an_editor(tmp_path: Path, fault: dict[str, str], packed: bool) -> None:
    """Line ends in quotes and empty lines count; and the fault may be far down a file read in parts."""
    note = charge(ChargeDescription="three\n\nlines")
    lines = text(*[note] * 1000, *[LONG | {"ChargeDescription": ""}] * 3000)
    data = f"\ufeff{lines}\n\n{text(note, note | fault).partition(chr(10))[2]}".encode()

    said = refused(tmp_path / "focus.csv", gzip.compress(data, 1) if packed else data)

    expected = 1 + 3 * 1000 + 3000 + 2 + 3 + 1
    assert said.startswith(f"focus.csv:{expected}: ")


@pytest.mark.parametrize(
    ("last", "fault"),
    [
        ("1.5,USD", ":3: 2 fields where the header has 8; the file may be cut short"),
        ("1.5,USD,2026-10-01,2026-11-01,2026-10-03,2026-10-04,Usage,AWS,x,y", ":3: 9 fields where the header has 8"),
        ('1.5,"USD,2026-10-01', ":3: a quote is opened and not closed"),
        ('1.5,USD,2026-10-01,2026-11-01,2026-10-03,2026-10-04,"Us"age,AWS', ":3: a quote is opened and not closed"),
        ("\x00", ":3: BilledCost is no amount: "),
        ("1.5,USD,2026-10-01,2026-11-01,2026-10-03,2026-10-04,Usage," + "x" * 3_000_000, ":3: a row of more than 2 MB"),
    ],
)
def test_rows_that_are_none(tmp_path: Path, last: str, fault: str) -> None:
    assert refused(tmp_path / "focus.csv", f"{text(charge())}{last}\n").startswith(f"focus.csv{fault}")


def test_a_header_in_the_middle(tmp_path: Path) -> None:
    data = text(charge()) + text(charge())

    assert refused(tmp_path / "focus.csv", data) == "focus.csv:3: BilledCost is no amount: 'BilledCost'"


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "focus.csv"
    early = text(charge(ChargeDescription="größe")).encode("latin-1")
    late = text(*[LONG] * 500).encode() + b",".join([b"1", b"\xe9", b"", b"", b"", b"", b"", b"", b""])

    for data in (early, text(charge()).encode("utf-16")):
        assert refused(path, data) == "focus.csv: neither Parquet nor UTF-8 text"
    assert refused(path, late) == "focus.csv:502: it is not UTF-8 text"


@pytest.mark.parametrize(
    ("data", "lacks", "has"),
    [
        ("\n", "BilledCost, BillingCurrency, ChargePeriodStart, BillingPeriodStart", "none"),
        ("a,b,c,d,e,f,g\n", "BilledCost, BillingCurrency, ChargePeriodStart, BillingPeriodStart", "a, b, c, d, e, f, ..."),  # noqa: E501
        ("billedcost,BILLINGPERIODSTART\n", "BillingCurrency, ChargePeriodStart", "billedcost, BILLINGPERIODSTART"),
    ],
)  # fmt: skip
def test_a_layout_that_is_not_known(tmp_path: Path, data: str, lacks: str, has: str) -> None:
    assert refused(tmp_path / "focus.csv", data) == (
        "focus.csv: no known billing layout (FOCUS, AWS CUR, OCI cost report, Azure); "
        f"for FOCUS it lacks {lacks}; its columns are: {has}"
    )


def packed(rows: int) -> bytes:
    """A gzip file whose rows differ, so that it is not much smaller than they are."""
    return gzip.compress(text(*(charge(ResourceId=f"{i * 7919 % 10007:x}" * 9) for i in range(rows))).encode())


@pytest.mark.parametrize("kept", [15, 200, -3000, -8, -1])
def test_a_gzip_file_cut_short(tmp_path: Path, kept: int) -> None:
    said = refused(tmp_path / "focus.csv.gz", packed(5000)[:kept])

    assert said == "focus.csv.gz: the compressed file is cut short or damaged"


def test_a_flipped_bit_in_a_gzip_file(tmp_path: Path) -> None:
    """Even one that still unpacks: the checksum is compared before a charge is taken."""
    whole = packed(2000)
    for place in (len(whole) // 2, len(whole) - 6):
        data = bytearray(whole)
        data[place] ^= 0x10
        said = refused(tmp_path / "focus.csv.gz", bytes(data))
        assert said == "focus.csv.gz: the compressed file is cut short or damaged"


def test_a_zstandard_file_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "focus.csv.zst"
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(text(*[LONG | {"ResourceId": str(i)} for i in range(5000)]).encode())

    assert refused(path, path.read_bytes()[:-500]).startswith("focus.csv.zst: ")


def test_a_parquet_file_cut_short_or_damaged(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "focus.parquet")
    whole = path.read_bytes()

    for data in (whole[:-100], whole[: len(whole) // 2], b"PAR1", b"PAR1" + b"x" * 500 + b"PAR1"):
        assert refused(path, data) == "focus.parquet: the Parquet file is cut short or damaged"


def test_damage_inside_a_parquet_file(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "focus.parquet", compression="zstd", use_dictionary=False)
    data = path.read_bytes()
    start = data.index(b"\x28\xb5\x2f\xfd")

    said = refused(path, data[:start] + b"\xff" * 30 + data[start + 30 :])

    assert said.startswith("focus.parquet: ")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("column", "array", "fault"),
    [
        ("BilledCost", pa.array([float("nan")]), "BilledCost is no amount: 'nan'"),
        ("BilledCost", pa.array([1e30]), "BilledCost is no amount: '1e+30'"),
        ("BilledCost", pa.array(["1,5"]), "BilledCost is no amount: '1,5'"),
        ("ListCost", pa.array([Decimal("1" * 30)]), f"ListCost is no amount: '{'1' * 30}'"),
        ("BilledCost", pa.array([{"x": 1}]), "BilledCost is STRUCT(x BIGINT), which is no amount"),
        ("BilledCost", pa.array([None], pa.float64()), "a charge has no BilledCost"),
        ("ChargePeriodStart", pa.array(["soon"]), "ChargePeriodStart is no time: 'soon'; write it as 2026-10-31T00:00:00Z"),  # noqa: E501
        ("ChargePeriodStart", pa.array([1790812800]), "ChargePeriodStart is BIGINT, which is no time"),
    ],
    ids=str,
)  # fmt: skip
def test_values_in_parquet_that_cannot_be(tmp_path: Path, column: str, array: Any, fault: str) -> None:
    path = write_parquet(tmp_path / "focus.parquet", {column: array})

    assert refused(path, path.read_bytes()) == f"focus.parquet: {fault}"


def test_long_values_are_shown_in_part(tmp_path: Path) -> None:
    said = refused(tmp_path / "focus.csv", text(charge(BilledCost="y" * 10_000)))

    assert re.fullmatch(r"focus.csv:2: BilledCost is no amount: 'y{60}\.\.\.'", said)


def test_an_empty_file(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", charge())

    assert refused(tmp_path / "b.csv", "") == "b.csv: the file is empty"
    with pytest.raises(BillError, match=r"b\.csv: the file is empty"):
        read(tmp_path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "focus.csv", charge())

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BillError, match=r"focus\.csv: cannot be read: Permission denied"):
        read(path)


def test_charges_without_a_month_are_not_left_out_of_asked_months(tmp_path: Path) -> None:
    from outlay.core.span import Period, Window
    from outlay.sources.files import Files

    source = Files(path=str(write(tmp_path / "focus.csv", charge(), charge(BillingPeriodStart=""))))
    october = Period(utc(2026, 10, 1).date(), utc(2026, 11, 1).date())
    [span] = source.spans(Window(october, asked=True))

    with pytest.raises(BillError, match=r"focus\.csv:3: a charge has no BillingPeriodStart"):
        list(source.fetch(span))
