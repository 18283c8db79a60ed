"""Azure's services, charge types and regions: the same rules in Python and in SQL."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from outlay.core.focus import CATEGORIES
from outlay.sources._azure_services import (
    GROUPS,
    OTHER,
    SERVICES,
    group_of,
    group_sql,
    service_columns,
    service_of,
    service_sql,
)
from outlay.sources._azure_terms import (
    CHARGE_TYPES,
    charge_category_of,
    charge_category_sql,
    is_open,
    region_of,
    region_sql,
)

OPENAI, HEARS, SPEAKS = "Azure OpenAI", "Azure Speech-to-Text", "Azure Text-to-Speech"
COGNITIVE = "Cognitive Services"

GROUPED = [
    (COGNITIVE, "gpt-4o-0806-Inp-glbl Tokens", OPENAI),
    (COGNITIVE, "GPT-35-turbo-16k-Completion Tokens", OPENAI),
    (COGNITIVE, "ChatGPT", OPENAI),
    (COGNITIVE, "Az-Text-Davinci-003 Tokens", OPENAI),
    (COGNITIVE, "Az-Embeddings-Ada Tokens", OPENAI),
    (COGNITIVE, "text-embedding-3-large-glbl Tokens", OPENAI),
    (COGNITIVE, "Ada", OPENAI),
    ("Foundry Models", "o4-mini 0416 Inp glbl Tokens", OPENAI),
    ("Azure OpenAI", "tts-hd Characters", OPENAI),
    ("Azure OpenAI Service", "", OPENAI),
    ("ChatGPT", "", OPENAI),
    ("Davinci", "", OPENAI),
    (COGNITIVE, "S1 Speech To Text", HEARS),
    ("Speech", "S1 Speech to Text Batch", HEARS),
    (COGNITIVE, "S1 Text To Speech Characters", SPEAKS),
    (COGNITIVE, "S1 Neural Text To Speech Characters", SPEAKS),
    (COGNITIVE, "S1 Custom Neural Voice Model Hosting Unit", SPEAKS),
    (COGNITIVE, "S1 Neural HD Voice", SPEAKS),
    (COGNITIVE, "S1 Custom Neural Training", SPEAKS),
    (COGNITIVE, "S0 Custom Neural Training", COGNITIVE),
    (COGNITIVE, "S1 Text Translation Characters", COGNITIVE),
    (COGNITIVE, "S1 Speech Translation", COGNITIVE),
    (COGNITIVE, "Canada Anomaly Detector", COGNITIVE),
    ("Virtual Machines", "Ada GPT Davinci", "Virtual Machines"),
    ("Storage", "", "Storage"),
]


@pytest.mark.parametrize(("service", "meter", "group"), GROUPED)
def test_models_and_speech_are_grouped_by_their_meters(service: str, meter: str, group: str) -> None:
    assert group_of(service, meter) == group
    found = duckdb.execute(f"SELECT {group_sql('$1', '$2')}", [service, meter]).fetchone()
    assert found == (group,)


def test_a_missing_meter_is_no_obstacle() -> None:
    query = f"SELECT {group_sql('$1::VARCHAR', '$2::VARCHAR')}"
    assert duckdb.execute(query, ["Azure OpenAI Service", None]).fetchone() == (OPENAI,)
    assert duckdb.execute(query, [None, "gpt"]).fetchone() == (None,)


@pytest.mark.parametrize(
    ("names", "category", "subcategory"),
    [
        (("virtual machines",), "Compute", "Virtual Machines"),
        (("Storage",), "Storage", "Storage Platforms"),
        (("Nothing Known", "Microsoft.Sql"), "Databases", "Relational Databases"),
        ((None, "Microsoft.KeyVault"), "Security", "Secret Management"),
        ((OPENAI,), "AI and Machine Learning", "Generative AI"),
        ((HEARS,), "AI and Machine Learning", "Natural Language Processing"),
        ((COGNITIVE,), "AI and Machine Learning", "AI Platforms"),
        (("Nothing Known", None), *OTHER),
    ],
)
def test_services_have_the_categories_of_focus(names: tuple[str | None, ...], category: str, subcategory: str) -> None:
    assert service_of(*names) == (category, subcategory)
    marks = [f"${index + 1}::VARCHAR" for index in range(len(names))]
    query = f"SELECT {service_sql('category', *marks)}, {service_sql('subcategory', *marks)}"
    assert duckdb.execute(query, list(names)).fetchone() == (category, subcategory)


def test_a_table_of_services_is_in_lower_case_and_knows_every_group() -> None:
    assert [name for name in SERVICES if name != name.lower().strip()] == []
    assert [group for group in GROUPS if service_of(group) == OTHER] == []


def test_the_own_name_stands_beside_a_group_only() -> None:
    assert service_columns(COGNITIVE, "S1 Speech To Text") == {
        "service_name": HEARS,
        "service_category": "AI and Machine Learning",
        "service_subcategory": "Natural Language Processing",
        "tags": {"x_service_name": COGNITIVE},
    }
    assert "tags" not in service_columns("Storage")
    assert service_columns(" ") == {}


@pytest.mark.parametrize(
    ("charge_type", "category"),
    [
        ("Usage", "Usage"),
        ("UnusedReservation", "Usage"),
        ("Unused Savings Plan", "Usage"),
        ("purchase", "Purchase"),
        ("Refund", "Adjustment"),
        ("Tax", "Tax"),
        ("Credit", "Credit"),
        ("SomethingNew", "Adjustment"),
    ],
)
def test_charge_types_have_categories(charge_type: str, category: str) -> None:
    assert charge_category_of(charge_type) == category
    assert duckdb.execute(f"SELECT {charge_category_sql('$1')}", [charge_type]).fetchone() == (category,)
    assert set(CHARGE_TYPES.values()) <= set(CATEGORIES)


@pytest.mark.parametrize(
    ("location", "region"),
    [
        ("EU West", "westeurope"),
        ("West Europe", "westeurope"),
        ("westeurope", "westeurope"),
        ("US East 2", "eastus2"),
        ("EastUS2", "eastus2"),
        ("Zone 1", "zone1"),
        ("Unassigned", None),
        ("Global", None),
        ("", None),
    ],
)
def test_regions_are_named_as_azure_names_them(location: str, region: str | None) -> None:
    assert region_of(location) == region
    assert duckdb.execute(f"SELECT {region_sql('$1')}", [location]).fetchone() == (region,)


def test_a_month_is_open_until_some_days_after_its_end() -> None:
    assert is_open(date(2026, 10, 1), today=date(2026, 11, 5))
    assert not is_open(date(2026, 10, 31), today=date(2026, 11, 6))
