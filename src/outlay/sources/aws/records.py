"""Record types of Cost Explorer, and its groups as rows of charges."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from outlay.core.errors import BillError, UsageError
from outlay.core.money import amount
from outlay.core.query import TAG
from outlay.core.span import Period, month_of, next_month
from outlay.sources.aws.services import service_of

# Usage, in the words that Cost Explorer filters by. All but plain usage is of reservations and Savings Plans.
USAGE = ("Usage", "DiscountedUsage", "SavingsPlanCoveredUsage", "SavingsPlanNegation")


class Record(NamedTuple):
    """What a record type is in FOCUS."""

    category: str
    frequency: str


_USAGE = Record("Usage", "Usage-Based")
_RECURRING = Record("Purchase", "Recurring")
_PURCHASE = Record("Purchase", "One-Time")
_ADJUSTMENT = Record("Adjustment", "One-Time")

# By its letters, for the API, the console and other tools spell them differently. Types unknown to us are adjustments.
RECORDS: Mapping[str, Record] = {
    **{each.lower(): _USAGE for each in USAGE},
    "reservationappliedusage": _USAGE,
    "rifee": _RECURRING,
    "recurring": _RECURRING,
    "recurringreservationfee": _RECURRING,
    "savingsplanrecurringfee": _RECURRING,
    "flatratesubscription": _RECURRING,
    "support": _RECURRING,
    "supportfee": _RECURRING,
    "fee": _PURCHASE,
    "upfront": _PURCHASE,
    "upfrontreservationfee": _PURCHASE,
    "savingsplanupfrontfee": _PURCHASE,
    "outofcyclecharges": _PURCHASE,
    "otheroutofcyclecharges": _PURCHASE,
    "tax": Record("Tax", "One-Time"),
    "credit": Record("Credit", "One-Time"),
    "refund": _ADJUSTMENT,
    "enterprisediscountprogramdiscount": _ADJUSTMENT,
    "edpdiscount": _ADJUSTMENT,
    "bundleddiscount": _ADJUSTMENT,
    "privateratediscount": _ADJUSTMENT,
    "privateratecarddiscount": _ADJUSTMENT,
    "solutionproviderprogramdiscount": _ADJUSTMENT,
    "sppdiscount": _ADJUSTMENT,
    "distributordiscount": _ADJUSTMENT,
    "rivolumediscount": _ADJUSTMENT,
    "volumediscount": _ADJUSTMENT,
    "other": _ADJUSTMENT,
}

# What Cost Explorer says where there is no value; what is global has no region either.
NO_VALUE = frozenset({"", "NoRegion", "NoService", "NoUsageType", "NoLinkedAccount", "global"})
NO_UNIT = frozenset({"", "N/A"})
COLUMNS: Mapping[str, str] = {"UnblendedCost": "billed_cost", "NetUnblendedCost": "billed_cost"} | {
    "AmortizedCost": "effective_cost",
    "NetAmortizedCost": "effective_cost",
}


def record_of(record_type: str) -> Record:
    """What a record type is, in whatever spelling."""
    return RECORDS.get(re.sub(r"[^a-z]", "", record_type.lower()), _ADJUSTMENT)


@dataclass(slots=True)
class Reader:
    """The rows of one question's pages, each group told once.

    `shared`  what every row says
    `names`   of accounts, by their id; what the answers tell is added
    `told`    per day whether it is still an estimate, by what was read so far
    `pages`   how many days each page told of
    """

    group_by: Sequence[str]
    metrics: Sequence[str]
    days: Period
    place: str
    shared: Mapping[str, Any]
    names: dict[str, str]
    told: dict[date, bool] = field(default_factory=dict)
    pages: list[int] = field(default_factory=list)
    _seen: set[tuple[date, tuple[str, ...]]] = field(default_factory=set)

    def page(self, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of one page, less the groups that cost nothing. Raises BillError for what a bill cannot be."""
        self.pages.append(len(answer["ResultsByTime"]))
        return list(self._rows(answer))

    def _rows(self, answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for one in answer.get("DimensionValueAttributes") or ():
            if said := one.get("Attributes", {}).get("description"):
                self.names.setdefault(str(one.get("Value")), str(said))
        for result in answer["ResultsByTime"]:
            day = self._day(result)
            estimated = bool(result.get("Estimated"))
            self.told[day] = self.told.get(day, False) or estimated
            when = {**self.shared, **times(day), "provisional": estimated}
            for group in result.get("Groups", []):
                charge = self._charge(day, group)
                if charge["billed_cost"] or charge["effective_cost"]:
                    yield when | charge

    def _day(self, result: Mapping[str, Any]) -> date:
        said = result.get("TimePeriod", {})
        try:
            found = Period(date.fromisoformat(said["Start"]), date.fromisoformat(said["End"]))
        except (KeyError, ValueError, UsageError):
            raise BillError(f"{self.place}: not a day: {said!r}") from None
        if len(found) != 1 or found.start not in self.days:
            raise BillError(f"{self.place}: answered with {found}, which is no day of these")
        return found.start

    def _charge(self, day: date, group: Mapping[str, Any]) -> dict[str, Any]:
        keys = tuple(map(str, group.get("Keys", [])))
        try:
            self._once(day, keys)
            return self._who(dict(zip(self.group_by, keys, strict=True))) | _money(group["Metrics"], self.metrics)
        except (KeyError, TypeError, ValueError) as error:
            fault = f"no {error}" if isinstance(error, KeyError) else error
            raise BillError(f"{self.place}, {day}, {' / '.join(keys)}: {fault}") from None

    def _once(self, day: date, keys: tuple[str, ...]) -> None:
        """A page that comes again must not count again."""
        if (day, keys) in self._seen:
            raise ValueError("told twice")
        self._seen.add((day, keys))

    def _who(self, keys: Mapping[str, str]) -> dict[str, Any]:
        """What a group's keys say of it."""
        record_type = keys.get("RECORD_TYPE")
        record = _USAGE if record_type is None else record_of(record_type)
        service = _value(keys.get("SERVICE", ""))
        found: dict[str, Any] = {
            "charge_category": record.category,
            "charge_frequency": record.frequency,
            "charge_description": None if record.category == "Usage" else record_type,
            "service_name": service,
            "region_id": _value(keys.get("REGION", "")),
        }
        if service and record.category != "Tax":
            known = service_of(service)
            found |= {"service_category": known.category, "service_subcategory": known.subcategory}
        if account := _value(keys.get("LINKED_ACCOUNT", "")):
            found |= {"sub_account_id": account, "sub_account_name": self.names.get(account)}
        if usage_type := _value(keys.get("USAGE_TYPE", "")):
            found |= {"sku_id": usage_type, "sku_meter": usage_type}
        for key, value in keys.items():
            if key.startswith(TAG) and (tagged := value.partition("$")[2]):
                found["tags"] = {**self.shared.get("tags", {}), key.removeprefix(TAG): tagged}
        return found


def _money(said: Mapping[str, Mapping[str, str]], metrics: Sequence[str]) -> dict[str, Any]:
    """What a group costs. Raises KeyError, TypeError or ValueError for what cannot be."""
    costs = [each for each in metrics if each in COLUMNS]
    found: dict[str, Any] = {COLUMNS[each]: amount(said[each]["Amount"]) for each in costs}
    units = list(dict.fromkeys(said[each]["Unit"] for each in costs))
    if len(units) != 1:
        raise ValueError(f"two currencies in one charge: {' and '.join(units)}")
    found.setdefault("effective_cost", found["billed_cost"])
    found["billing_currency"] = units[0]
    if not re.fullmatch("[A-Z]{3}", units[0]) and any(found[COLUMNS[each]] for each in costs):
        raise ValueError(f"no currency: {units[0]!r}")
    if "UsageQuantity" in metrics and (unit := said["UsageQuantity"].get("Unit", "")) not in NO_UNIT:
        found |= {"consumed_quantity": amount(said["UsageQuantity"]["Amount"]), "consumed_unit": unit}
    return found


def times(day: date) -> dict[str, datetime]:
    """The periods of a day's charges. Cost Explorer does not say on which invoice they are: the day's month counts."""
    return {
        "charge_period_start": _midnight(day),
        "charge_period_end": _midnight(day + timedelta(days=1)),
        "billing_period_start": _midnight(month_of(day)),
        "billing_period_end": _midnight(next_month(day)),
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _value(key: str) -> str | None:
    return None if key in NO_VALUE else key
