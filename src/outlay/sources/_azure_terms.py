"""Azure's words for kinds of charges, regions and days, in those of FOCUS. Shared by every way to Azure's bills."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from outlay.core.span import month_of, next_month

CLOSING_DAYS = 5  # after a month's end until its charges are final: Azure says 72 hours to 5 days

Category = Literal["Usage", "Purchase", "Tax", "Credit", "Adjustment"]

# Charge types in lower case. A refund is a charge applied after the fact, which FOCUS calls an adjustment;
# so is whatever Azure may call a charge tomorrow.
CHARGE_TYPES: Mapping[str, Category] = {
    "usage": "Usage",
    "unusedreservation": "Usage",
    "unusedsavingsplan": "Usage",
    "purchase": "Purchase",
    "tax": "Tax",
    "credit": "Credit",
    "refund": "Adjustment",
    "adjustment": "Adjustment",
    "roundingadjustment": "Adjustment",
}

# Bills say `EU West` where Azure says `westeurope`. In lower case and without spaces.
REGIONS: Mapping[str, str] = {
    "aecentral": "uaecentral",
    "aenorth": "uaenorth",
    "apeast": "eastasia",
    "apsoutheast": "southeastasia",
    "aucentral": "australiacentral",
    "aucentral2": "australiacentral2",
    "aueast": "australiaeast",
    "ausoutheast": "australiasoutheast",
    "brsouth": "brazilsouth",
    "brsoutheast": "brazilsoutheast",
    "cacentral": "canadacentral",
    "caeast": "canadaeast",
    "chnorth": "switzerlandnorth",
    "chwest": "switzerlandwest",
    "denorth": "germanynorth",
    "dewestcentral": "germanywestcentral",
    "escentral": "spaincentral",
    "eunorth": "northeurope",
    "euwest": "westeurope",
    "frcentral": "francecentral",
    "frsouth": "francesouth",
    "ilcentral": "israelcentral",
    "incentral": "centralindia",
    "insouth": "southindia",
    "inwest": "westindia",
    "itnorth": "italynorth",
    "jaeast": "japaneast",
    "jawest": "japanwest",
    "krcentral": "koreacentral",
    "krsouth": "koreasouth",
    "mxcentral": "mexicocentral",
    "noeast": "norwayeast",
    "nowest": "norwaywest",
    "nznorth": "newzealandnorth",
    "plcentral": "polandcentral",
    "qacentral": "qatarcentral",
    "secentral": "swedencentral",
    "sesouth": "swedensouth",
    "uscentral": "centralus",
    "useast": "eastus",
    "useast2": "eastus2",
    "useast3": "eastus3",
    "usnorth": "northcentralus",
    "usnorthcentral": "northcentralus",
    "ussouth": "southcentralus",
    "ussouthcentral": "southcentralus",
    "uswest": "westus",
    "uswest2": "westus2",
    "uswest3": "westus3",
    "uswestcentral": "westcentralus",
    "zanorth": "southafricanorth",
    "zawest": "southafricawest",
}
# What a bill says of a charge without a region.
NO_REGION: tuple[str, ...] = ("", "global", "n/a", "none", "notapplicable", "null", "unassigned", "unknown")


def charge_category_of(charge_type: str) -> Category:
    """FOCUS's charge category of Azure's charge type."""
    return CHARGE_TYPES.get(_plain(charge_type), "Adjustment")


def region_of(location: str) -> str | None:
    """Azure's name of a region (`westeurope`) as bills tell it (`EU West`, `West Europe`); None where there is none.

    A place that is not known stays what it is, in lower case and without spaces.
    """
    plain = _plain(location)
    return None if plain in NO_REGION else REGIONS.get(plain, plain)


def periods_of(day: date) -> dict[str, datetime]:
    """The period columns of what is charged on a day, billed by calendar months as Azure does."""
    bounds = {
        "charge_period_start": day,
        "charge_period_end": day + timedelta(days=1),
        "billing_period_start": month_of(day),
        "billing_period_end": next_month(day),
    }
    return {name: datetime.combine(bound, time(), UTC) for name, bound in bounds.items()}


def is_open(day: date, today: date) -> bool:
    """Whether Azure may still change what it says of a day: until some days after its month has ended."""
    return today < next_month(day) + timedelta(days=CLOSING_DAYS)


def charge_category_sql(charge_type: str) -> str:
    """`charge_category_of` of a DuckDB expression."""
    return _switch(_plain_sql(charge_type), CHARGE_TYPES, "'Adjustment'")


def region_sql(location: str) -> str:
    """`region_of` of a DuckDB expression."""
    nothing = " ".join(f"WHEN {place!r} THEN NULL" for place in NO_REGION)
    return _switch(_plain_sql(location), REGIONS, "word", nothing)


def _plain(text: str) -> str:
    return text.replace(" ", "").lower()


def _plain_sql(expression: str) -> str:
    return f"lower(replace({expression}, ' ', ''))"


def _switch(subject: str, values: Mapping[str, str], otherwise: str, first: str = "") -> str:
    # Plain words all: their repr is a text of SQL. The engine writes what a CASE is about into each of its branches:
    # the lambda names it once. A MAP would be laid out anew for every row.
    branches = " ".join(f"WHEN {key!r} THEN {value!r}" for key, value in values.items())
    return f"list_transform([{subject}], lambda word: CASE word {first} {branches} ELSE {otherwise} END)[1]"
