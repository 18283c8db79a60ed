from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from outlay.core.focus import BY_NAME, FOCUS
from tests.sources.bills.focus_bills import charge, read, read_one, utc, write, write_parquet

# What each version has that the one before lacks, and what it is in 1.2.
PREVIEW = {
    "BilledCost": "1.5",
    "BillingCurrency": "EUR",
    "BillingPeriodStart": "2026-10-01",
    "BillingPeriodEnd": "2026-11-01",
    "ChargePeriodStart": "2026-10-03",
    "ChargePeriodEnd": "2026-10-04",
    "Provider": "Microsoft",
    "Publisher": "Contoso",
    "InvoiceIssuer": "Microsoft Ireland",
    "ChargeType": "Usage",
    "ChargeSubcategory": "Unused Commitment",
    "PricingCategory": "Commitment-Based",
    "Region": "westeurope",
    "UsageQuantity": "3.25",
    "UsageUnit": "Hours",
    "AmortizedCost": "0.75",
}
VERSIONS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "1.0-preview": (
        PREVIEW,
        {
            "provider": "azure",
            "provider_name": "Microsoft",
            "publisher_name": "Contoso",
            "invoice_issuer_name": "Microsoft Ireland",
            "charge_category": "Usage",
            "commitment_discount_status": "Unused",
            "pricing_category": "Committed",
            "region_id": "westeurope",
            "consumed_quantity": Decimal("3.25"),
            "consumed_unit": "Hours",
            "effective_cost": Decimal("0.75"),
        },
    ),
    "1.0": (
        charge(RegionId="westeurope", ConsumedQuantity="3.25", EffectiveCost="0.75", SubAccountId="7"),
        {
            "region_id": "westeurope",
            "consumed_quantity": Decimal("3.25"),
            "effective_cost": Decimal("0.75"),
            "sub_account_id": "7",
        },
    ),
    "1.1": (
        charge(ServiceSubcategory="Containers", SkuMeter="Hours of m5", CommitmentDiscountQuantity="2"),
        {
            "service_subcategory": "Containers",
            "sku_meter": "Hours of m5",
            "commitment_discount_quantity": Decimal(2),
        },
    ),
    "1.2": (
        charge(InvoiceId="I-1", SubAccountType="Usage account", PricingCurrencyEffectiveCost="1.4"),
        {
            "invoice_id": "I-1",
            "sub_account_type": "Usage account",
            "pricing_currency_effective_cost": Decimal("1.4"),
        },
    ),
    "1.3": (
        charge(ServiceProviderName="GitLab", HostProviderName="Google Cloud", PublisherName="GitLab Inc."),
        {"provider": "aws", "provider_name": "AWS", "publisher_name": "GitLab Inc."},
    ),
    "1.4": (
        {name: value for name, value in charge().items() if name != "ProviderName"}
        | {"ServiceProviderName": "Oracle", "HostProviderName": "AWS", "InvoiceDetailId": "D-1"},
        {"provider": "oci", "provider_name": "Oracle", "publisher_name": "Oracle", "invoice_id": "D-1"},
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_read_as_1_2(tmp_path: Path, version: str) -> None:
    row, expected = VERSIONS[version]

    [found] = read(write(tmp_path / "focus.csv", row))

    assert {name: found[name] for name in expected} == expected
    assert found["billed_cost"] == Decimal("1.5")
    assert found["charge_date"] == date(2026, 10, 3)


def test_every_column_of_1_2_arrives_under_its_name(tmp_path: Path) -> None:
    samples = {"decimal": "2.5", "timestamp": "2026-10-01T00:00:00Z", "string": "x"}
    row = {column.spec: samples[column.kind] for column in FOCUS if column.spec and column.kind != "tags"}

    [found] = read(write(tmp_path / "focus.csv", row | {"Tags": '{"a": "b"}'}))

    empty = {name for name, value in found.items() if value is None}
    assert empty == set()
    assert {c.name: found[c.name] for c in FOCUS if c.kind == "decimal"} == {
        c.name: Decimal("2.5") for c in FOCUS if c.kind == "decimal"
    }


def test_what_a_file_leaves_out(tmp_path: Path) -> None:
    row = charge()
    for name in ("ProviderName", "ChargeCategory", "ChargePeriodEnd", "BillingPeriodEnd"):
        del row[name]

    [found] = read(write(tmp_path / "focus.csv", row))

    assert found["provider_name"] == "unknown"
    assert found["charge_category"] == "Usage"
    assert found["effective_cost"] == found["billed_cost"]
    assert found["charge_period_end"] == utc(2026, 10, 4)
    assert found["billing_period_end"] == utc(2026, 11, 1)
    assert (found["source"], found["cut"], found["provisional"], found["tags"]) == ("files", "", False, None)


@pytest.mark.parametrize(
    ("name", "short"),
    [("AWS", "aws"), (" Microsoft ", "azure"), ("Google Cloud", "gcp"), ("Oracle", "oci"), ("Acme Co", "acme co")],
)
def test_providers_have_short_names_and_keep_their_own(tmp_path: Path, name: str, short: str) -> None:
    found = read_one(tmp_path, ProviderName=name)

    assert (found["provider"], found["provider_name"]) == (short, name)


@pytest.mark.parametrize(
    ("amount", "exact"),
    [
        ("0.000000000000000001", "0.000000000000000001"),
        ("99999999999999999999.999999999999999999", "99999999999999999999.999999999999999999"),
        ("0.1234567890123456785", "0.123456789012345679"),
        ("1e3", "1000"),
        ("1.5E-7", "0.00000015"),
        ("-12.50", "-12.5"),
        ("+3", "3"),
        (".5", "0.5"),
        (" 2 ", "2"),
        ("0", "0"),
    ],
)
def test_amounts_are_exact(tmp_path: Path, amount: str, exact: str) -> None:
    assert read_one(tmp_path, BilledCost=amount)["billed_cost"] == Decimal(exact)


@pytest.mark.parametrize("null", ["", "NULL", "null"])
def test_null_is_no_value(tmp_path: Path, null: str) -> None:
    quoted = read_one(tmp_path, ListCost=null, RegionId=null, Tags=null)
    path = write(tmp_path / "quoted.csv", charge(ListCost="@", RegionId="@", Tags="@"))
    path.write_text(path.read_text().replace("@", f'"{null}"'))
    [bare] = read(path)

    for found in (quoted, bare):
        assert (found["list_cost"], found["region_id"], found["tags"]) == (None, None, None)


@pytest.mark.parametrize(
    ("column", "written", "value"),
    [
        ("ChargeCategory", "USAGE", "Usage"),
        ("ChargeCategory", "tax", "Tax"),
        ("ChargeCategory", "Refund", "Refund"),
        ("ChargeFrequency", "usage-based", "Usage-Based"),
        ("ChargeClass", "correction", "Correction"),
        ("PricingCategory", "On-Demand", "Standard"),
        ("CommitmentDiscountStatus", "UNUSED", "Unused"),
    ],
)
def test_allowed_values_come_in_any_casing_and_others_stay(
    tmp_path: Path, column: str, written: str, value: str
) -> None:
    name = next(each.name for each in BY_NAME.values() if each.spec == column)

    assert read_one(tmp_path, **{column: written})[name] == value


def test_headers_come_in_any_casing(tmp_path: Path) -> None:
    [found] = read(write(tmp_path / "focus.csv", {f" {name.upper()} ": value for name, value in charge().items()}))

    assert (found["billed_cost"], found["provider"]) == (Decimal("1.5"), "aws")


# -- times -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-10-03T05:30:00Z", utc(2026, 10, 3, 5, 30)),
        ("2026-10-03 05:30:00", utc(2026, 10, 3, 5, 30)),
        ("2026-10-03T05:30Z", utc(2026, 10, 3, 5, 30)),
        ("2026-10-03 05:30:00 UTC", utc(2026, 10, 3, 5, 30)),
        ("2026-10-03T05:30:00.25Z", utc(2026, 10, 3, 5, 30, 0, 250_000)),
        ("2026-10-03T05:30:00.1234567Z", utc(2026, 10, 3, 5, 30, 0, 123_456)),
        ("2026-10-03T05:30:00+02:00", utc(2026, 10, 3, 3, 30)),
        ("2026-10-03T05:30:00-0730", utc(2026, 10, 3, 13, 0)),
        ("2026-10-03", utc(2026, 10, 3)),
        ("2026/10/03", utc(2026, 10, 3)),
    ],
)
def test_times_are_utc(tmp_path: Path, written: str, moment: datetime) -> None:
    assert read_one(tmp_path, ChargePeriodStart=written)["charge_period_start"] == moment


def test_the_day_of_a_charge_is_the_utc_day_of_its_start(tmp_path: Path) -> None:
    found = read_one(tmp_path, ChargePeriodStart="2026-10-01T00:30:00+02:00")

    assert found["charge_date"] == date(2026, 9, 30)
    assert found["billing_period_start"] == utc(2026, 10, 1)


@pytest.mark.parametrize(
    ("charged", "billed"),
    [
        ("2026-10-04T00:00:00Z", "2026-11-01"),
        ("2026-10-03T23:59:59Z", "2026-10-31T23:59:59Z"),
        ("2026-10-03T23:59:59.999", "2026-10-31 23:59:59.9999999"),
        ("2026-10-03", "2026-10-31"),
        ("", ""),
    ],
)
def test_ends_become_exclusive(tmp_path: Path, charged: str, billed: str) -> None:
    found = read_one(tmp_path, ChargePeriodEnd=charged, BillingPeriodEnd=billed)

    assert (found["charge_period_end"], found["billing_period_end"]) == (utc(2026, 10, 4), utc(2026, 11, 1))


def test_a_charge_may_last_an_hour_or_a_year(tmp_path: Path) -> None:
    hour = read_one(tmp_path, ChargePeriodEnd="2026-10-03T01:00:00Z")
    year = read_one(tmp_path, ChargePeriodEnd="2027-10-03T00:00:00Z")

    assert [each["charge_period_end"] for each in (hour, year)] == [utc(2026, 10, 3, 1), utc(2027, 10, 3)]


# -- tags ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        ('{"team": "core", "env": "prod"}', {"team": "core", "env": "prod"}),
        ('{"n": 1, "on": true, "none": null}', {"n": "1", "on": "true", "none": None}),
        ('{"in": {"x": [1]}}', {"in": '{"x":[1]}'}),
        ('"team": "core","env": "prod"', {"team": "core", "env": "prod"}),
        ("{}", {}),
        ('{"key with, comma": "line\nend"}', {"x_tags": '{"key with, comma": "line\nend"}'}),
        ('{"größe": "🐘", "quote": "a\\"b"}', {"größe": "🐘", "quote": 'a"b'}),
        ('{"team": "core"', {"x_tags": '{"team": "core"'}),
        ('{"a": "1", "a": "2"}', {"x_tags": '{"a": "1", "a": "2"}'}),
        ("team=core", {"x_tags": "team=core"}),
        ('["core"]', {"x_tags": '["core"]'}),
    ],
)  # fmt: skip
def test_tags_as_text(tmp_path: Path, written: str, tags: dict[str, str | None]) -> None:
    assert read_one(tmp_path, Tags=written)["tags"] == tags


def test_tags_as_columns(tmp_path: Path) -> None:
    found = read_one(tmp_path, **{"Tags/team": "core", "tags.env": "", "Tag_cost center": "7"})

    assert found["tags"] == {"team": "core", "cost center": "7"}


PAIRS = pa.map_(pa.string(), pa.string())


@pytest.mark.parametrize(
    ("array", "tags"),
    [
        (pa.array([[("team", "core"), ("env", None)]], PAIRS), {"team": "core", "env": None}),
        (pa.array([[("team", 1)]], pa.map_(pa.string(), pa.int64())), {"team": "1"}),
        (pa.array([None], PAIRS), None),
        (pa.array([{"team": "core", "env": None}]), {"team": "core", "env": None}),
        (pa.array([[{"key": "team", "value": "core"}]]), {"team": "core"}),
        (pa.array([[{"Key": "team", "Value": "core"}]]), {"team": "core"}),
        (
            pa.array([[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]]),
            {"x_tags": '[{"key":"a","value":"1"},{"key":"a","value":"2"}]'},
        ),
        (pa.array([["core"]]), {"x_tags": '["core"]'}),
        (pa.array(['{"team": "core"}']), {"team": "core"}),
        (pa.array(['{"team": "core"}'], pa.large_string()), {"team": "core"}),
        (pa.array(['{"team": "core"}']).dictionary_encode(), {"team": "core"}),
        (pa.array([b'{"team": "core"}']), {"team": "core"}),
    ],
    ids=str,
)
def test_tags_in_parquet(tmp_path: Path, array: Any, tags: dict[str, str | None] | None) -> None:
    [found] = read(write_parquet(tmp_path / "focus.parquet", {"Tags": array}))

    assert found["tags"] == tags


# -- Parquet ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "exact"),
    [
        (pa.array([Decimal("0.1")], pa.decimal128(38, 18)), "0.1"),
        (pa.array([Decimal("12.34")], pa.decimal128(10, 2)), "12.34"),
        (pa.array([Decimal("1.12345678901234567891")], pa.decimal128(38, 20)), "1.123456789012345679"),
        (pa.array([0.1 + 0.2]), "0.30000000000000004"),
        (pa.array([1e-10]), "0.0000000001"),
        (pa.array([0.1], pa.float32()), "0.1"),
        (pa.array([3]), "3"),
        (pa.array(["0.1"]), "0.1"),
    ],
    ids=str,
)
def test_amounts_in_parquet_are_what_the_provider_wrote(tmp_path: Path, array: Any, exact: str) -> None:
    [found] = read(write_parquet(tmp_path / "focus.parquet", {"BilledCost": array, "ListCost": array}))

    assert found["billed_cost"] == found["list_cost"] == Decimal(exact)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_times_in_parquet(tmp_path: Path, unit: str, zone: str | None) -> None:
    times = pa.array([datetime(2026, 10, 3, 5)], pa.timestamp("us")).cast(pa.timestamp(unit, tz=zone))  # noqa: DTZ001

    [found] = read(write_parquet(tmp_path / "focus.parquet", {"ChargePeriodStart": times}))

    assert found["charge_period_start"] == utc(2026, 10, 3, 5)


def test_times_in_parquet_of_older_kinds(tmp_path: Path) -> None:
    [int96] = read(write_parquet(tmp_path / "a.parquet", use_deprecated_int96_timestamps=True))
    [days] = read(write_parquet(tmp_path / "b.parquet", {"ChargePeriodStart": pa.array([date(2026, 10, 3)])}))
    [texts] = read(
        write_parquet(tmp_path / "c.parquet", {"ChargePeriodStart": pa.array(["2026-10-03T02:00:00+02:00"])})
    )

    assert {each["charge_period_start"] for each in (int96, days, texts)} == {utc(2026, 10, 3)}


def test_identifiers_in_parquet_are_text_whatever_they_were(tmp_path: Path) -> None:
    columns = {"SubAccountId": pa.array([123456789012]), "SkuPriceDetails": pa.array([{"vcpu": 2}])}

    [found] = read(write_parquet(tmp_path / "focus.parquet", columns))

    assert (found["sub_account_id"], found["sku_price_details"]) == ("123456789012", '{"vcpu":2}')


def test_identifiers_in_csv_keep_their_zeros(tmp_path: Path) -> None:
    assert read_one(tmp_path, SubAccountId="000123456789")["sub_account_id"] == "000123456789"


# -- columns outside the layout --------------------------------------------------------------------


def test_unknown_columns_are_left_out_and_kept_ones_are_tags(tmp_path: Path) -> None:
    path = write(
        tmp_path / "focus.csv",
        charge(x_Department="R&D", x_Other="no", x_None="", Tags='{"team": "core"}'),
    )

    assert [row["tags"] for row in read(path)] == [{"team": "core"}]
    assert [row["tags"] for row in read(path, keep_columns=["x_Department", "x_None", "x_Absent"])] == [
        {"team": "core", "x_Department": "R&D"}
    ]
