"""Exports in a container, read by the official client from Azurite."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from outlay.core.errors import BillError, NotFoundError, OutlayError, SourceError
from outlay.core.focus import schema
from outlay.core.money import text
from outlay.core.span import Period, Span, Window
from tests.clouds import azure
from tests.clouds.azure import AzureCloud, Line, manifest, month_folder, written
from tests.sources.azure.exporting import OCTOBER, SEPTEMBER, WINDOW, lines, reading, rows, spans, total
from tests.sources.bills.focus_bills import charge, write

GUIDS = ("11111111-2222-4333-8444-555555555555", "66666666-2222-4333-8444-555555555555")


@pytest.fixture(scope="module")
def storage() -> Iterator[AzureCloud]:
    with closing(azure.start()) as found:
        yield found


@pytest.fixture
def cloud(storage: AzureCloud) -> AzureCloud:
    storage.clear()
    return storage


def told(cloud: AzureCloud, folder: str, *names: str, kind: str = "ActualCost", **sizes: int) -> None:
    """A manifest in a folder that lists files in it, with their sizes or other ones."""
    there = {blob.name: blob.size for blob in cloud.container.list_blobs()}
    listed = [f"{folder}/{name}" for name in names]
    blobs = [
        {"blobName": each, "byteCount": sizes.get("size", there.get(each, 1)), "dataRowCount": 1} for each in listed
    ]
    cloud.put(f"{folder}/manifest.json", json.dumps(manifest(blobs, "e", kind, "run")).encode())


def csv(found: Sequence[Line]) -> bytes:
    return written(found, found[0])


def costs(found: Sequence[dict[str, Any]]) -> list[str]:
    """What is billed and what it costs."""
    return [text(total(found, measure)) for measure in ("billed_cost", "effective_cost")]


def test_every_month_is_a_span_newest_first_and_an_unchanged_one_stays_the_same(cloud: AzureCloud) -> None:
    cloud.export(SEPTEMBER, lines("1", month=SEPTEMBER))
    cloud.export(OCTOBER, lines("2.5", "0.000000000000000001"))
    before = spans(reading(cloud))
    assert [span.months.start for span in before] == [OCTOBER, SEPTEMBER]
    assert [total(rows(reading(cloud), span)) for span in before] == [Decimal("2.500000000000000001"), Decimal(1)]
    assert spans(reading(cloud)) == before
    cloud.export(OCTOBER, lines("2.6"))
    october, september = spans(reading(cloud))
    assert (october.version != before[0].version, september) == (True, before[1])


def test_a_window_that_was_asked_for_picks_months(cloud: AzureCloud) -> None:
    cloud.export(SEPTEMBER, lines("1", month=SEPTEMBER))
    cloud.export(OCTOBER, lines("2"))
    asked = Window(Period(date(2026, 9, 20), date(2026, 10, 1)), asked=True)
    assert [span.months.start for span in reading(cloud).spans(asked)] == [SEPTEMBER]


def test_what_is_read_is_charges_of_the_span(cloud: AzureCloud) -> None:
    cloud.export(OCTOBER, lines("2", Tags='"env": "prod"', MeterCategory="Virtual Machines"))
    (span,) = spans(reading(cloud))
    (batch,) = reading(cloud).fetch(span)
    assert batch.schema == schema()
    (row,) = batch.to_pylist()
    assert (row["source"], row["provider"], row["charge_date"], row["service_category"], row["tags"]) == (
        "azure",
        "azure",
        OCTOBER,
        "Compute",
        [("env", "prod")],
    )


def test_the_newest_finished_run_wins(cloud: AzureCloud) -> None:
    cloud.export(OCTOBER, lines("1"))
    cloud.export(OCTOBER, lines("2"))
    assert total(rows(reading(cloud))) == 2


def test_a_run_without_its_manifest_is_not_read(cloud: AzureCloud) -> None:
    cloud.export(OCTOBER, lines("1"))
    cloud.put(f"{month_folder(OCTOBER)}/{GUIDS[0]}/part_0_0001.csv", csv(lines("9")))
    assert total(rows(reading(cloud))) == 1


def test_a_run_whose_part_is_missing_or_cut_does_not_count_while_an_older_one_is_whole(cloud: AzureCloud) -> None:
    cloud.export(OCTOBER, lines("1"))
    folder = f"{month_folder(OCTOBER)}/{GUIDS[0]}"
    cloud.put(f"{folder}/part_0_0001.csv", csv(lines("9")))
    told(cloud, folder, "part_0_0001.csv", "part_1_0001.csv")
    assert total(rows(reading(cloud))) == 1
    told(cloud, folder, "part_0_0001.csv", size=10_000)
    assert total(rows(reading(cloud))) == 1
    told(cloud, folder, "part_0_0001.csv")
    assert total(rows(reading(cloud))) == 9


def test_the_first_run_of_a_month_is_nothing_until_its_manifest_is_there(cloud: AzureCloud) -> None:
    cloud.export(SEPTEMBER, lines("1", month=SEPTEMBER))
    cloud.put(f"{month_folder(OCTOBER)}/{GUIDS[0]}/part_0_0001.csv", csv(lines("9")))
    assert [span.months.start for span in spans(reading(cloud))] == [SEPTEMBER]


def test_files_that_are_not_what_their_manifest_says_fail_their_month_alone(cloud: AzureCloud) -> None:
    cloud.export(SEPTEMBER, lines("1", month=SEPTEMBER))
    folder = month_folder(OCTOBER)
    cloud.put(f"{folder}/part_0_0001.csv", csv(lines("9")))
    told(cloud, folder, "part_0_0001.csv", "part_1_0001.csv")
    october, september = spans(reading(cloud))
    assert total(rows(reading(cloud), september)) == 1
    with pytest.raises(BillError, match=r"part_1_0001\.csv is not there, which manifest\.json lists"):
        rows(reading(cloud), october)
    told(cloud, folder, "part_0_0001.csv", size=77)
    with pytest.raises(BillError, match=r"part_0_0001\.csv has \d+ bytes and not 77"):
        rows(reading(cloud), october)
    cloud.put(f"{folder}/manifest.json", b'{"blobs": [{"blobN')
    with pytest.raises(BillError, match=r"manifest\.json is cut short, or no manifest"):
        rows(reading(cloud), october)


def test_a_month_that_is_overwritten_in_place_is_read_anew(cloud: AzureCloud) -> None:
    folder = month_folder(OCTOBER)
    for amount in ("1", "2"):
        cloud.put(f"{folder}/part_0_0001.csv", csv(lines(amount)))
        told(cloud, folder, "part_0_0001.csv")
        assert total(rows(reading(cloud))) == Decimal(amount)


def test_a_packed_part_may_be_stated_by_its_size_unpacked(cloud: AzureCloud, tmp_path: Path) -> None:
    folder, plain = month_folder(OCTOBER), csv(lines("3"))
    cloud.put(f"{folder}/part_0_0001.csv.gz", gzip.compress(plain))
    told(cloud, folder, "part_0_0001.csv.gz", size=len(plain))
    assert total(rows(reading(cloud))) == 3
    cloud.put(f"{folder}/part_0_0001.csv.gz", gzip.compress(plain)[:-30])
    told(cloud, folder, "part_0_0001.csv.gz", size=len(plain))
    with pytest.raises(BillError, match="bytes and not"):
        rows(reading(cloud))
    cloud.put(f"{folder}/part_0_0001.snappy.parquet", parquet(tmp_path, lines("4")))
    told(cloud, folder, "part_0_0001.snappy.parquet", size=1_000_000)
    assert total(rows(reading(cloud))) == 4


def test_before_there_were_manifests_the_newest_file_of_a_name_wins(cloud: AzureCloud) -> None:
    for amount, guid in zip(("1", "2"), GUIDS, strict=True):
        cloud.put(f"{month_folder(OCTOBER)}/daily_{guid}.csv", csv(lines(amount)))
    assert total(rows(reading(cloud))) == 2


@pytest.mark.parametrize("bytes_lost", [1, 8, 9, 60, 200])
def test_a_packed_file_cut_short_is_never_taken_for_a_shorter_one(cloud: AzureCloud, bytes_lost: int) -> None:
    packed = gzip.compress(csv(lines(*map(str, range(1, 29)))))
    cloud.put(f"{month_folder(OCTOBER)}/daily_{GUIDS[0]}.csv.gz", packed[:-bytes_lost])
    with pytest.raises(BillError, match="cut short"):
        rows(reading(cloud))


@pytest.mark.parametrize("left", [0.3, 0.9])
def test_a_parquet_file_cut_short_is_a_bill_that_cannot_be(cloud: AzureCloud, left: float, tmp_path: Path) -> None:
    whole = parquet(tmp_path, lines("1", "2"))
    cloud.put(f"{month_folder(OCTOBER)}/daily.parquet", whole[: int(len(whole) * left)])
    with pytest.raises(BillError, match="cut short or damaged"):
        rows(reading(cloud))


def parquet(folder: Path, found: Sequence[Line]) -> bytes:
    """The lines as the snappy Parquet that Azure writes: amounts are decimals, days timestamps."""
    source, target = folder / "lines.csv", folder / "lines.parquet"
    source.write_bytes(csv(found))
    days = "BillingPeriodStartDate", "BillingPeriodEndDate", "Date"
    typed = ", ".join(f"strptime({day}, '%m/%d/%Y') AS {day}" for day in days)
    table = f"read_csv('{source}', all_varchar = true)"
    duckdb.execute(
        f"COPY (SELECT * REPLACE ({typed}, Cost::DECIMAL(38,18) AS Cost) FROM {table})"
        f" TO '{target}' (COMPRESSION snappy)"
    )
    return target.read_bytes()


def test_an_actual_and_an_amortised_export_of_the_same_costs_each_have_one_cost(cloud: AzureCloud) -> None:
    bought = lines("100", ChargeType="Purchase", PricingModel="Reservation")
    used = lines("0", PricingModel="Reservation")
    cloud.export(OCTOBER, [*bought, *used, *lines("5")], "actual", "ActualCost")
    spread = lines("2", PricingModel="Reservation")
    unused = lines("1.25", ChargeType="UnusedReservation", PricingModel="Reservation")
    cloud.export(OCTOBER, [*spread, *unused, *lines("5")], "amortized", "AmortizedCost")
    found = rows(reading(cloud))
    assert costs(found) == ["105", "8.25"]
    assert sum(row["consumed_quantity"] or 0 for row in found) == 2
    statuses = {row["commitment_discount_status"] for row in found if row["effective_cost"]}
    assert statuses == {"Used", "Unused", None}
    for name, amount in (("actual", "105"), ("amortized", "8.25")):
        alone = rows(reading(cloud, export={"container": "cost-exports", "export_name": name}))
        assert costs(alone) == [amount, amount]


def test_exports_without_manifests_are_paired_by_their_names(cloud: AzureCloud) -> None:
    for name, amount in (("Daily-Actual", "7"), ("Daily-Amortised", "3")):
        cloud.put(f"{month_folder(OCTOBER, name)}/{name}_{GUIDS[0]}.csv", csv(lines(amount)))
    found = rows(reading(cloud))
    assert costs(found) == ["7", "3"]


def test_a_focus_export_takes_the_place_of_others_of_the_same_costs(cloud: AzureCloud, tmp_path: Path) -> None:
    cloud.export(OCTOBER, lines("5"))
    focus = charge(
        BilledCost="4",
        EffectiveCost="3",
        BillingPeriodStart="2026-10-01T00:00:00Z",
        BillingPeriodEnd="2026-11-01T00:00:00Z",
        ChargePeriodStart="2026-10-02T00:00:00Z",
        ChargePeriodEnd="2026-10-03T00:00:00Z",
        ProviderName="Microsoft",
    )
    folder = month_folder(OCTOBER, "focus")
    cloud.put(f"{folder}/part_0_0001.csv", write(tmp_path / "focus.csv", focus).read_bytes())
    told(cloud, folder, "part_0_0001.csv", kind="FocusCost")
    found = rows(reading(cloud))
    assert [*costs(found), found[0]["provider"]] == ["4", "3", "azure"]


def test_two_exports_of_the_same_costs_are_refused(cloud: AzureCloud) -> None:
    cloud.export(OCTOBER, lines("1"), "one")
    cloud.export(OCTOBER, lines("1"), "two")
    with pytest.raises(SourceError, match=r"exports/one and exports/two export the same costs .*export_name"):
        spans(reading(cloud))
    assert total(rows(reading(cloud, export={"container": "cost-exports", "export_name": "two"}))) == 1


def test_exports_of_other_data_are_left_alone(cloud: AzureCloud) -> None:
    cloud.export(OCTOBER, lines("1"))
    cloud.export(OCTOBER, lines("9"), "prices", "PriceSheet")
    cloud.put("exports/readme.csv", b"not an export")
    assert total(rows(reading(cloud))) == 1


def test_days_in_another_order_are_told_by_all_files_of_a_run(cloud: AzureCloud) -> None:
    folder = month_folder(OCTOBER)
    for part, days in enumerate((["03/10/2026", "04/10/2026"], ["25/10/2026"])):
        found = [{**each, "Date": day, **NO_PERIOD} for day, each in zip(days, lines("1", "2"), strict=False)]
        cloud.put(f"{folder}/part_{part}_0001.csv", csv(found))
    told(cloud, folder, "part_0_0001.csv", "part_1_0001.csv")
    assert sorted(row["charge_date"].day for row in rows(reading(cloud))) == [3, 4, 25]


NO_PERIOD: dict[str, Any] = {"BillingPeriodStartDate": "", "BillingPeriodEndDate": ""}


@pytest.mark.parametrize(("day", "order"), [("05/10/2026", "auto"), ("10/05/2026", "auto"), ("05/10/2026", "dmy")])
def test_days_that_could_be_either_are_those_of_the_folders_month(cloud: AzureCloud, day: str, order: str) -> None:
    cloud.put(f"{month_folder(OCTOBER)}/daily.csv", csv(lines("1", Date=day, **NO_PERIOD)))
    assert [row["charge_date"] for row in rows(reading(cloud, date_order=order))] == [date(2026, 10, 5)]


def test_days_of_both_orders_are_refused(cloud: AzureCloud) -> None:
    found = [*lines("1", Date="25/10/2026", **NO_PERIOD), *lines("1", Date="10/25/2026", **NO_PERIOD)]
    cloud.put(f"{month_folder(OCTOBER)}/daily.csv", csv(found))
    with pytest.raises(BillError, match=r"month first and day first; set date_order"):
        rows(reading(cloud))


def test_the_currency_of_files_that_do_not_say_theirs_is_a_setting(cloud: AzureCloud) -> None:
    bare = [{key: value for key, value in each.items() if key != "BillingCurrency"} for each in lines("1")]
    cloud.put(f"{month_folder(OCTOBER)}/daily.csv", csv(bare))
    with pytest.raises(BillError, match=r"daily\.csv:2: a charge has no BillingCurrency"):
        rows(reading(cloud))
    assert [row["billing_currency"] for row in rows(reading(cloud, currency="EUR"))] == ["EUR"]


def test_columns_outside_the_layout_are_kept_when_asked(cloud: AzureCloud) -> None:
    cloud.export(OCTOBER, lines("1"))
    cloud.put(f"{month_folder(OCTOBER, 'e')}/daily.csv", csv(lines("1", CostCenter="acm9000")))
    settings: dict[str, Any] = {"export": {"container": "cost-exports", "export_name": "e"}}
    (row,) = rows(reading(cloud, keep_columns=["CostCenter"], **settings))
    assert ("CostCenter", "acm9000") in row["tags"]


NOTHING = [
    ({}, r"there is nothing in it; check export\.path"),
    ({"path": "elsewhere"}, r"there is nothing below elsewhere/"),
    ({"export_name": "weekly"}, r"no export named 'weekly' in it; there are: daily-actual"),
    ({"path": "loose"}, r"1 files below loose/, and none in a folder of a month"),
    ({"container": "other"}, r"there is none of this name; check export\.container"),
]


@pytest.mark.parametrize(("export", "words"), NOTHING)
def test_what_is_not_there_is_said(cloud: AzureCloud, export: dict[str, str], words: str) -> None:
    if export:
        cloud.export(OCTOBER, lines("1"))
        cloud.put("loose/costs.csv", csv(lines("1")))
    source = reading(cloud, export={"container": "cost-exports", **export})
    for ask in (source.test, lambda: spans(source)):
        with pytest.raises(NotFoundError, match=words):
            ask()


def test_a_month_that_is_there_no_more_is_no_empty_month(cloud: AzureCloud) -> None:
    cloud.export(OCTOBER, lines("1"))
    gone = Span("azure", Period(SEPTEMBER, OCTOBER))
    with pytest.raises(NotFoundError, match=r"no export of 2026-09 any more"):
        rows(reading(cloud), gone)


def test_a_test_tells_the_newest_delivery(cloud: AzureCloud) -> None:
    cloud.export(OCTOBER, lines("1"))
    said = reading(cloud).test()
    assert "1 months; the newest is 2026-10, written on" in said
    assert "by exports/daily-actual (Azure)" in said


def test_a_run_without_charges_is_an_empty_month(cloud: AzureCloud) -> None:
    cloud.export(OCTOBER, [])
    assert rows(reading(cloud)) == []
    assert len(spans(reading(cloud))) == 1


def test_a_run_without_files_is_one_too(cloud: AzureCloud) -> None:
    cloud.export(OCTOBER, lines("1"))
    before = spans(reading(cloud))
    told(cloud, f"{month_folder(OCTOBER)}/{GUIDS[1]}", kind="ActualCost")
    assert rows(reading(cloud)) == []
    assert [span.months for span in spans(reading(cloud))] == [span.months for span in before]
    assert spans(reading(cloud)) != before


def test_folders_above_an_export_are_not_its_name(cloud: AzureCloud) -> None:
    for name, amount in (("actual", "7"), ("amortized", "3")):
        folder = month_folder(OCTOBER, name).replace("exports", "focus-group")
        cloud.put(f"{folder}/costs_{GUIDS[0]}.csv", csv(lines(amount)))
    assert costs(rows(reading(cloud))) == ["7", "3"]


@pytest.mark.parametrize("change", [{"Cost": "many"}, {"Date": "31/31/2026"}])
def test_a_line_that_cannot_be_is_named(cloud: AzureCloud, change: dict[str, str]) -> None:
    good, bad = lines("1", "2")
    cloud.put(f"{month_folder(OCTOBER)}/daily.csv", csv([good, {**bad, **change}]))
    with pytest.raises(OutlayError, match=r"az://cost-exports/exports/daily-actual/20261001-20261031/daily\.csv:3: "):
        list(reading(cloud).fetch(next(iter(reading(cloud).spans(WINDOW)))))
