"""What Cost Explorer tells beside costs: how commitments are used, AWS's own forecast, its rightsizing advice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from outlay.core.errors import BillError, UsageError
from outlay.core.money import amount
from outlay.core.reading import Reading
from outlay.core.span import Period, next_month
from outlay.sources.aws.pages import USD_PER_PAGE, Desk, Operation, Refusal

Name = Literal[
    "savings_plans_utilization",
    "savings_plans_utilization_details",
    "savings_plans_coverage",
    "reservation_utilization",
    "reservation_coverage",
    "cost_forecast",
    "rightsizing",
]

DAYS = 7  # that utilisation and coverage are averages of
PREDICTION_PERCENT = 80  # of the cases lie within a forecast's bounds
PAGES_MAX = 50  # of one question
NO_DATA = frozenset({"DataUnavailableException"})  # an account without commitments, or too new
# Reservations are told of one service at a time.
RESERVED = (
    "Amazon Elastic Compute Cloud - Compute",
    "Amazon Relational Database Service",
    "Amazon ElastiCache",
    "Amazon Redshift",
    "Amazon Elasticsearch Service",
)
MEASURES: Mapping[str, str] = {"billed": "UNBLENDED_COST", "effective": "AMORTIZED_COST"}
BOUNDS: Mapping[str, str] = {
    "mean": "MeanValue",
    "lower": "PredictionIntervalLowerBound",
    "upper": "PredictionIntervalUpperBound",
}

Labels = Mapping[str, str]


class Explorer:
    """Cost Explorer, asked for readings as one account: what it has no data for is nothing to read.

    `currency`  what AWS bills in where it does not say so
    """

    def __init__(self, desk: Desk, currency: str) -> None:
        self.account, self.currency = desk.account, currency
        self._desk = desk

    def pages(
        self, name: str, ask: Mapping[str, Any], *has: str, more: str = "NextPageToken"
    ) -> Iterator[Mapping[str, Any]]:
        """Every page of an answer, which has one of `has` at least. Raises what `Desk.answers` does."""
        desk = replace(self._desk, place=f"{self._desk.place}, {name}", asked=0)
        started = False
        try:
            for page, keep in desk.answers(Operation(name, has, more=more), ask, NO_DATA):
                started = True
                yield page
                keep()  # whoever reads it comes back for the next one only when it could be read
        except Refusal:
            if started:
                raise


def read(desk: Desk, day: date, *, enabled: Sequence[Name], currency: str = "USD") -> Iterator[Reading]:
    """The readings named in `enabled`, as of `day` (UTC), each page booked; none of what AWS has no data for.

    `desk` is for `ce`; its bound of pages holds for each question. Raises what it does, and BillError for numbers
    that are none.
    """
    explorer = Explorer(desk, currency)
    for name in enabled:
        with _understood(f"{desk.place}, {name}"):
            yield from _READERS[name](explorer, day)


def price(enabled: Iterable[Name]) -> Decimal:
    """What one reading of these costs in USD, if every answer is one page."""
    return USD_PER_PAGE * sum(_QUESTIONS.get(name, 1) for name in enabled)


@contextmanager
def _understood(place: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, UsageError) as error:
        fault = f"no {error}" if isinstance(error, KeyError) else error
        raise BillError(f"{place}: {fault}") from None


def _savings_plans_utilization(explorer: Explorer, day: date) -> Iterator[Reading]:
    days = _settled(day)
    ask = {"TimePeriod": _interval(days), "Granularity": "DAILY"}
    for page in explorer.pages("GetSavingsPlansUtilization", ask, "Total"):
        labels = {"account": explorer.account}
        yield from _used("aws_savings_plans", page["Total"], labels, days, explorer.currency)


def _savings_plans_utilization_details(explorer: Explorer, day: date) -> Iterator[Reading]:
    days, main = _settled(day), "SavingsPlansUtilizationDetails"
    for page in explorer.pages(
        "GetSavingsPlansUtilizationDetails", {"TimePeriod": _interval(days)}, main, more="NextToken"
    ):
        for plan in page[main]:
            said = _attributes(plan)
            labels = {
                "account": said.get("accountid", explorer.account),
                "savings_plan": plan["SavingsPlanArn"],
                "region": said.get("region", ""),
            }
            yield from _used("aws_savings_plan", plan, labels, days, explorer.currency)


def _used(prefix: str, told: Mapping[str, Any], labels: Labels, days: Period, currency: str) -> Iterator[Reading]:
    """What a Savings Plan, or all of them, were used for."""
    numbers = told["Utilization"]
    commitment = amount(numbers["TotalCommitment"])
    if not commitment:
        return
    yield Reading(f"{prefix}_utilization", _ratio(numbers["UtilizationPercentage"]), "ratio", labels, days)
    yield Reading(f"{prefix}_commitment", commitment, currency, labels, days)
    yield Reading(f"{prefix}_unused_commitment", amount(numbers["UnusedCommitment"]), currency, labels, days)
    if "NetSavings" in told.get("Savings", {}):
        yield Reading(f"{prefix}_net_saving", amount(told["Savings"]["NetSavings"]), currency, labels, days)


def _savings_plans_coverage(explorer: Explorer, day: date) -> Iterator[Reading]:
    days, main = _settled(day), "SavingsPlansCoverages"
    ask = {"TimePeriod": _interval(days), "GroupBy": [_by("SERVICE"), _by("REGION")]}
    for page in explorer.pages("GetSavingsPlansCoverage", ask, main, more="NextToken"):
        for group in page[main]:
            said, numbers = _attributes(group), group["Coverage"]
            if not amount(numbers["TotalCost"]):
                continue
            labels = {"account": explorer.account, "service": said["service"], "region": said.get("region", "")}
            covered = _ratio(numbers["CoveragePercentage"])
            on_demand = amount(numbers["OnDemandCost"])
            yield Reading("aws_savings_plans_coverage", covered, "ratio", labels, days)
            yield Reading("aws_savings_plans_on_demand_cost", on_demand, explorer.currency, labels, days)


def _reservation_utilization(explorer: Explorer, day: date) -> Iterator[Reading]:
    for service, days, group in _reserved(
        explorer, day, "GetReservationUtilization", "UtilizationsByTime", "SUBSCRIPTION_ID"
    ):
        said, numbers = _attributes(group), group["Utilization"]
        purchased = amount(numbers["PurchasedHours"])
        if not purchased:
            continue
        labels = {
            "account": said.get("accountid", explorer.account),
            "service": service,
            "subscription": group["Value"],
            "region": said.get("region", ""),
            "instance_type": said.get("instancetype", ""),
        }
        used, saving = _ratio(numbers["UtilizationPercentage"]), amount(numbers["NetRISavings"])
        yield Reading("aws_reservation_utilization", used, "ratio", labels, days)
        yield Reading("aws_reservation_purchased_hours", purchased, "hours", labels, days)
        yield Reading("aws_reservation_unused_hours", amount(numbers["UnusedHours"]), "hours", labels, days)
        yield Reading("aws_reservation_net_saving", saving, explorer.currency, labels, days)


def _reservation_coverage(explorer: Explorer, day: date) -> Iterator[Reading]:
    for service, days, group in _reserved(explorer, day, "GetReservationCoverage", "CoveragesByTime", "REGION"):
        numbers = group["Coverage"]["CoverageHours"]
        if not amount(numbers["TotalRunningHours"]):
            continue
        labels = {"account": explorer.account, "service": service, "region": _attributes(group).get("region", "")}
        covered, on_demand = _ratio(numbers["CoverageHoursPercentage"]), amount(numbers["OnDemandHours"])
        yield Reading("aws_reservation_coverage", covered, "ratio", labels, days)
        yield Reading("aws_reservation_on_demand_hours", on_demand, "hours", labels, days)


def _reserved(
    explorer: Explorer, day: date, operation: str, main: str, group_by: str
) -> Iterator[tuple[str, Period, Mapping[str, Any]]]:
    """Service, days and group of what is told of reservations."""
    ask = {"TimePeriod": _interval(_settled(day)), "GroupBy": [_by(group_by)]}
    for service in RESERVED:
        only = {"Filter": {"Dimensions": {"Key": "SERVICE", "Values": [service]}}}
        for page in explorer.pages(operation, ask | only, main):
            for time in page[main]:
                for group in time.get("Groups", ()):
                    yield service, _period(time["TimePeriod"]), group


def _cost_forecast(explorer: Explorer, day: date) -> Iterator[Reading]:
    """To the end of the month, in AWS's words for the days: they may start with the month."""
    main = "ForecastResultsByTime"
    ask = {
        "TimePeriod": _interval(Period(day, next_month(day))),
        "Granularity": "MONTHLY",
        "PredictionIntervalLevel": PREDICTION_PERCENT,
    }
    for measure, metric in MEASURES.items():
        for page in explorer.pages("GetCostForecast", ask | {"Metric": metric}, main):
            unit = page["Total"]["Unit"]
            for result in page[main]:
                days = _period(result["TimePeriod"])
                for bound, member in BOUNDS.items():
                    labels = {"account": explorer.account, "measure": measure, "bound": bound}
                    yield Reading("aws_cost_forecast", amount(result[member]), unit, labels, days)


def _rightsizing(explorer: Explorer, day: date) -> Iterator[Reading]:
    main, ask = "RightsizingRecommendations", {"Service": "AmazonEC2", "PageSize": 1000}
    for page in explorer.pages("GetRightsizingRecommendation", ask, main, "Summary"):
        for advice in page.get(main, ()):
            now = advice["CurrentInstance"]
            advised, to = _advised(advice)
            labels = {
                "account": advice.get("AccountId", explorer.account),
                "resource": now["ResourceId"],
                "action": advice["RightsizingType"].lower(),
                "from": _instance_type(now),
                "to": to,
            }
            saving = amount(advised["EstimatedMonthlySavings"])
            yield Reading("aws_rightsizing_saving_per_month", saving, advised["CurrencyCode"], labels)


def _advised(advice: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """What tells the saving, and the instance type to change to: AWS's own choice among those it names."""
    if advice["RightsizingType"] == "TERMINATE":
        return advice["TerminateRecommendationDetail"], ""
    targets = advice["ModifyRecommendationDetail"]["TargetInstances"]
    chosen = next((each for each in targets if each.get("DefaultTargetInstance")), None)
    if chosen is None:
        raise ValueError("a modification without a default target instance")
    return chosen, _instance_type(chosen)


def _instance_type(instance: Mapping[str, Any]) -> str:
    return str(instance["ResourceDetails"]["EC2ResourceDetails"]["InstanceType"])


def _settled(day: date) -> Period:
    """The last days that AWS has in full: it takes up to two days to tell how a commitment was used."""
    return Period.last(DAYS, until=day - timedelta(days=1))


def _interval(days: Period) -> dict[str, str]:
    return {"Start": days.start.isoformat(), "End": days.end.isoformat()}


def _period(told: Mapping[str, str]) -> Period:
    """Days as AWS tells them, with or without a time of day."""
    return Period(date.fromisoformat(told["Start"][:10]), date.fromisoformat(told["End"][:10]))


def _by(dimension: str) -> dict[str, str]:
    return {"Type": "DIMENSION", "Key": dimension}


def _attributes(group: Mapping[str, Any]) -> dict[str, str]:
    """A group's attributes by their lower-case names: AWS spells them SERVICE, accountId and AccountId."""
    return {name.lower(): value for name, value in group.get("Attributes", {}).items()}


def _ratio(percent: str) -> Decimal:
    return amount(amount(percent).scaleb(-2))


_READERS: Mapping[Name, Callable[[Explorer, date], Iterator[Reading]]] = {
    "savings_plans_utilization": _savings_plans_utilization,
    "savings_plans_utilization_details": _savings_plans_utilization_details,
    "savings_plans_coverage": _savings_plans_coverage,
    "reservation_utilization": _reservation_utilization,
    "reservation_coverage": _reservation_coverage,
    "cost_forecast": _cost_forecast,
    "rightsizing": _rightsizing,
}
_QUESTIONS: Mapping[Name, int] = {
    "reservation_utilization": len(RESERVED),
    "reservation_coverage": len(RESERVED),
    "cost_forecast": len(MEASURES),
}
