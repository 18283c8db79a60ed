from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from outlay.core import focus
from tests.charges import charge

DAY = date(2026, 10, 31)


def test_every_column_of_the_specification_is_there_once_by_its_name_in_snake_case() -> None:
    assert len(focus.FOCUS) == 57
    assert len(focus.BY_SPEC) == len({column.name for column in focus.CHARGES} - {c.name for c in focus.OURS}) == 57
    for column in focus.FOCUS:
        assert column.spec is not None
        assert column.name.replace("_", "") == column.spec.lower()


def test_money_quantities_and_prices_are_decimals_and_none_is_a_float() -> None:
    decimals = {field.name for field in focus.schema() if pa.types.is_decimal(field.type)}
    words = ("cost", "price", "quantity")
    assert decimals == {column.name for column in focus.FOCUS if column.name.endswith(words)}
    assert all(focus.schema().field(name).type == pa.decimal128(38, 18) for name in decimals)
    assert not any(pa.types.is_floating(field.type) for field in focus.schema())


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("AWS", "aws"),
        (" Amazon Web Services, Inc. ", "aws"),
        ("Microsoft", "azure"),
        ("Google Cloud", "gcp"),
        ("Oracle Cloud Infrastructure", "oci"),
        ("Heroku", "heroku"),
        ("Some Cloud GmbH", "some cloud gmbh"),
    ],
)
def test_a_provider_has_a_short_name(name: str, short: str) -> None:
    assert focus.provider_of(name) == short


def test_a_row_is_completed_with_what_follows_from_it() -> None:
    (row,) = focus.batch([charge(DAY, "1.5", provider="Microsoft")]).to_pylist()
    known = {name: value for name, value in row.items() if value is not None}
    assert known == {
        "source": "prod",
        "provider": "azure",
        "provider_name": "Microsoft",
        "billed_cost": Decimal("1.5"),
        "effective_cost": Decimal("1.5"),
        "billing_currency": "USD",
        "charge_category": "Usage",
        "charge_period_start": datetime(2026, 10, 31, tzinfo=UTC),
        "charge_period_end": datetime(2026, 11, 1, tzinfo=UTC),
        "billing_period_start": datetime(2026, 10, 1, tzinfo=UTC),
        "billing_period_end": datetime(2026, 11, 1, tzinfo=UTC),
        "charge_date": DAY,
        "cut": "",
        "provisional": False,
    }


def test_what_a_row_says_itself_is_kept() -> None:
    said: dict[str, Any] = {
        "effective_cost": Decimal(0),
        "cut": "tag:team",
        "provisional": True,
        "tags": {"team": "core", "empty": None},
    }
    (row,) = focus.batch([charge(DAY, "1", **said)]).to_pylist()
    assert {name: row[name] for name in said} == said | {"tags": [("team", "core"), ("empty", None)]}


def test_a_batch_has_the_schema_also_without_rows() -> None:
    assert focus.batch([]).schema == focus.batch([charge(DAY, "1")]).schema == focus.schema()
    assert focus.schema().names == list(focus.NAMES)


def test_a_column_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(KeyError, match="BilledCost, billed"):
        focus.batch([charge(DAY, "1", BilledCost=1, billed=1)])


def test_a_float_is_no_money() -> None:
    with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError)):
        focus.batch([charge(DAY, "1", billed_cost=0.1)])
