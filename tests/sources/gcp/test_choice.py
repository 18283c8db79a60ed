"""Which table of a dataset is the export, and what is said when there is none."""

from __future__ import annotations

import re

import pytest

from outlay.core.errors import BillError, NotFoundError, SourceError
from outlay.sources.gcp import Gcp
from tests.sources.gcp.exports import DETAILED, STANDARD
from tests.sources.gcp.fake import FakeBigQuery

ONE, TWO = "0A0A0A_1B1B1B_2C2C2C", "3D3D3D_4E4E4E_5F5F5F"
RESOURCE, PLAIN, FOCUS = "gcp_billing_export_resource_v1_", "gcp_billing_export_v1_", "gcp_billing_export_focus_"


def found(fake: FakeBigQuery, names: list[str], **settings: str) -> str:
    fake.told.tables = {name: STANDARD if name.startswith(PLAIN) else DETAILED for name in names}
    return Gcp.model_validate({**fake.settings(), **settings}).test().partition(",")[0]


def test_the_export_that_tells_most_is_taken(fake: FakeBigQuery) -> None:
    names = [f"{PLAIN}{ONE}", f"{FOCUS}{ONE}", f"{RESOURCE}{ONE}", "cloud_pricing_export", f"{RESOURCE}copy of it"]
    assert found(fake, names) == f"given.billing.{RESOURCE}{ONE}: a detailed export"
    assert found(fake, names[:2]) == f"given.billing.{PLAIN}{ONE}: a standard export"
    assert found(fake, names, kind="standard") == f"given.billing.{PLAIN}{ONE}: a standard export"


def test_of_several_accounts_one_has_to_be_named(fake: FakeBigQuery) -> None:
    names = [f"{RESOURCE}{TWO}", f"{RESOURCE}{ONE}", f"{PLAIN}{TWO}"]
    choices = f"gcp: dataset given.billing has several detailed exports: {RESOURCE}{ONE}, {RESOURCE}{TWO}; name one"
    with pytest.raises(SourceError, match=re.escape(choices)):
        found(fake, names)
    assert found(fake, names, billing_account_id="3d3d3d-4e4e4e-5f5f5f").startswith(f"given.billing.{RESOURCE}{TWO}:")
    assert found(fake, names, table=f"{PLAIN}{TWO}") == f"given.billing.{PLAIN}{TWO}: a standard export"
    with pytest.raises(NotFoundError, match=rf"no billing export of billing account 9-9-9; it has: {RESOURCE}{ONE}"):
        found(fake, names, billing_account_id="9-9-9")


def test_no_export_yet_tells_how_to_switch_it_on_and_how_long_it_takes(fake: FakeBigQuery) -> None:
    with pytest.raises(NotFoundError) as empty:
        found(fake, [])
    assert str(empty.value) == (
        "gcp: dataset given.billing has no billing export; it is empty. In the Cloud console under Billing >"
        " Billing export > BigQuery export switch on the detailed usage cost export into this dataset."
        " Google makes the table a few hours to 24 hours later, and may take 5 days to fill in the past"
    )
    with pytest.raises(NotFoundError, match=r"has no detailed export; it has: cloud_pricing_export\. In the Cloud"):
        found(fake, ["cloud_pricing_export"], kind="detailed")
    with pytest.raises(NotFoundError, match=r"check table.* Not found: Table given:billing\.gone\. In .* 24 hours"):
        found(fake, [], table="gone")


def test_a_table_of_anything_else_names_what_it_lacks(fake: FakeBigQuery) -> None:
    fake.told.tables = {"prices": STANDARD[:3]}
    with pytest.raises(
        BillError, match=r"given\.billing\.prices is no billing export .* lacks cost, cost_type, credits"
    ):
        Gcp.model_validate({**fake.settings(), "table": "prices"}).test()


def test_a_view_without_partitions_is_kept_to_its_days_by_the_time_of_export(fake: FakeBigQuery) -> None:
    fake.told.details = {"type": "VIEW", "timePartitioning": None}
    Gcp.model_validate(fake.settings()).test()
    assert "WHERE export_time >= @since AND export_time < @until AND invoice.month = @month" in fake.query
    fake.told.details = {"timePartitioning": {"type": "DAY", "field": "usage_start_time"}}
    Gcp.model_validate(fake.settings()).test()
    assert "WHERE usage_start_time >= @since AND usage_start_time < @until" in fake.query
    fake.told.details = {"timePartitioning": {"type": "DAY", "field": "x` OR 1=1 --"}}
    with pytest.raises(BillError, match="no column of it"):
        Gcp.model_validate(fake.settings()).test()
