"""The optimiser's metrics of one cloud: its calls, their errors, how long collecting took, what its services cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from outlay.serve.metrics.families import bounded, counter, gauge, histogram, summed
from outlay.state.counted import BOUNDS

if TYPE_CHECKING:
    from outlay.serve.metrics.answers import Answers
    from outlay.state import Counted, Spent

# What of each cloud is asked, but for operations that are another service's.
ASKED = {"aws": "cost_explorer", "azure": "cost_management", "gcp": "bigquery"}
OTHERS = {"ListAccounts": "organizations"}
NAMES = {"aws": "AWS", "azure": "Azure", "gcp": "Google Cloud"}
EVERYTHING = slice(0, 0)


def calls(cloud: str, spent: Iterable[Spent]) -> Metric:
    """This month's calls of the sources of a cloud: a counter that begins anew with each month."""
    found = summed(((OTHERS.get(s.operation, ASKED[cloud]), s.operation), Decimal(s.calls)) for s in spent)
    told = f"Calls to {NAMES[cloud]}, from the start of this calendar month."
    return counter(f"{cloud}_api_calls", told, ("service", "operation"), found)


def runs(cloud: str, counted: Sequence[Counted]) -> Iterator[Metric]:
    """How all attempts went, and how long they took."""
    failed: Counter[str] = sum((each.failed for each in counted), Counter())
    told = f"Collections from {NAMES[cloud]} that failed, by the kind of error."
    errors = {(ASKED[cloud], code): count for code, count in failed.items()}
    yield counter(f"{cloud}_api_errors", told, ("service", "error_type"), errors)
    within = {bound: sum(each.within[at] for each in counted) for at, bound in enumerate(BOUNDS)}
    every, seconds = sum(each.runs for each in counted), sum(each.seconds for each in counted)
    told = f"How long collecting a part of the costs of {NAMES[cloud]} took."
    yield histogram(f"{cloud}_cost_collection_duration_seconds", told, within, every, seconds)


def costs(cloud: str, answers: Answers, top: int) -> Metric:
    """This month's costs in USD; those in other currencies are left out."""
    found = summed(
        ((row["service"] or "",), row["cost"])
        for row in answers.monthly(("service",), "billed")
        if row["provider"] == cloud and row["currency"] == "USD" and row["month"] == answers.month.start
    )
    told = f"Cost of {NAMES[cloud]} this month so far, in USD."
    return gauge(f"{cloud}_total_monthly_cost_usd", told, ("service",), bounded(found, 0, top, EVERYTHING))
