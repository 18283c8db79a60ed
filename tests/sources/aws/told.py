"""What Cost Explorer tells of an account with commitments, beside its costs: handlers for an AwsServer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from outlay.sources.aws.readings import Name
from tests.clouds.botocore_server import ACCOUNT, AwsError

EC2, RDS = "Amazon Elastic Compute Cloud - Compute", "Amazon Relational Database Service"
ARN = "arn:aws:savingsplans::123456789012:savingsplan/11111111-2222-3333-4444-555555555555"
MEMBER = "222222222222"

UTILIZATION = {
    "TotalCommitment": "168.000000000001",
    "UsedCommitment": "150",
    "UnusedCommitment": "18.000000000001",
    "UtilizationPercentage": "89.2857142857142857",
}
PLANS_USED = {"Utilization": UTILIZATION, "Savings": {"NetSavings": "-3.25", "OnDemandCostEquivalent": "164.75"}}
RESERVATION = {
    "UtilizationPercentage": "75",
    "PurchasedHours": "168",
    "TotalActualHours": "126",
    "UnusedHours": "42",
    "NetRISavings": "1.5",
}
HOURS = {
    "OnDemandHours": "42",
    "ReservedHours": "126",
    "TotalRunningHours": "168",
    "CoverageHoursPercentage": "75",
}


def reserved(request: Mapping[str, Any]) -> str:
    """The service that a question about reservations is about."""
    return str(request["Filter"]["Dimensions"]["Values"][0])


def plans(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"Total": PLANS_USED}


def plans_in_detail(request: Mapping[str, Any]) -> dict[str, Any]:
    said = {"AccountId": MEMBER, "Region": "eu-west-1"}
    one = {"SavingsPlanArn": ARN, "Attributes": said, **PLANS_USED}
    return {"SavingsPlansUtilizationDetails": [one], "TimePeriod": request["TimePeriod"]}


def plans_coverage(request: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {"TotalCost": "100", "OnDemandCost": "20.5", "SpendCoveredBySavingsPlans": "79.5"}
    covered = {
        "Attributes": {"SERVICE": EC2, "REGION": "eu-west-1"},
        "Coverage": numbers | {"CoveragePercentage": "79.5"},
    }
    unused = {"Attributes": {"SERVICE": "AWS Lambda"}, "Coverage": {"TotalCost": "0", "CoveragePercentage": "0"}}
    return {"SavingsPlansCoverages": [covered, unused]}


def reservations(request: Mapping[str, Any]) -> dict[str, Any]:
    if reserved(request) != EC2:
        raise AwsError("DataUnavailableException", "no reservations")
    said = {"accountId": MEMBER, "region": "eu-west-1", "instanceType": "m5.large"}
    one = {"Key": "SUBSCRIPTION_ID", "Value": "359809062", "Attributes": said, "Utilization": RESERVATION}
    over = {
        "Key": "SUBSCRIPTION_ID",
        "Value": "1",
        "Utilization": {"PurchasedHours": "0", "UtilizationPercentage": "0"},
    }
    return {"UtilizationsByTime": [{"TimePeriod": request["TimePeriod"], "Groups": [one, over]}]}


def reservation_coverage(request: Mapping[str, Any]) -> dict[str, Any]:
    if reserved(request) != RDS:
        return {"CoveragesByTime": []}
    one = {"Attributes": {"region": "eu-west-1"}, "Coverage": {"CoverageHours": HOURS}}
    idle = {"Attributes": {"region": "us-east-1"}, "Coverage": {"CoverageHours": {"TotalRunningHours": "0"}}}
    return {"CoveragesByTime": [{"TimePeriod": request["TimePeriod"], "Groups": [one, idle]}]}


def forecast(request: Mapping[str, Any]) -> dict[str, Any]:
    mean = {"UNBLENDED_COST": "1000.123456789012345678", "AMORTIZED_COST": "900"}[request["Metric"]]
    bounds = {"MeanValue": mean, "PredictionIntervalLowerBound": "800", "PredictionIntervalUpperBound": "1200.5"}
    days = {"Start": "2026-03-01", "End": "2026-04-01"}
    return {"Total": {"Amount": mean, "Unit": "USD"}, "ForecastResultsByTime": [{"TimePeriod": days, **bounds}]}


def instance(kind: str) -> dict[str, Any]:
    return {"ResourceDetails": {"EC2ResourceDetails": {"InstanceType": kind}}}


def rightsizing(request: Mapping[str, Any]) -> dict[str, Any]:
    smaller = {"EstimatedMonthlySavings": "10.5", "CurrencyCode": "USD", "DefaultTargetInstance": True}
    other = {"EstimatedMonthlySavings": "20", "CurrencyCode": "USD", "DefaultTargetInstance": False}
    modify = {
        "AccountId": MEMBER,
        "RightsizingType": "MODIFY",
        "CurrentInstance": {"ResourceId": "i-1", **instance("m5.xlarge")},
        "ModifyRecommendationDetail": {
            "TargetInstances": [other | instance("t3.large"), smaller | instance("m5.large")],
        },
    }
    terminate = {
        "AccountId": ACCOUNT,
        "RightsizingType": "TERMINATE",
        "CurrentInstance": {"ResourceId": "i-2", **instance("m5.large")},
        "TerminateRecommendationDetail": {"EstimatedMonthlySavings": "70.08", "CurrencyCode": "USD"},
    }
    return {"RightsizingRecommendations": [modify, terminate]}


OPERATIONS: Mapping[Name, tuple[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "savings_plans_utilization": ("GetSavingsPlansUtilization", plans),
    "savings_plans_utilization_details": ("GetSavingsPlansUtilizationDetails", plans_in_detail),
    "savings_plans_coverage": ("GetSavingsPlansCoverage", plans_coverage),
    "reservation_utilization": ("GetReservationUtilization", reservations),
    "reservation_coverage": ("GetReservationCoverage", reservation_coverage),
    "cost_forecast": ("GetCostForecast", forecast),
    "rightsizing": ("GetRightsizingRecommendation", rightsizing),
}
