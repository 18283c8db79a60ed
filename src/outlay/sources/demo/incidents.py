"""INCIDENTS: what goes wrong in the demo, always in its newest weeks. docs/sources/demo.md tells them to people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from outlay.core.span import Period
from outlay.sources.demo.lines import Line


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that went wrong: with every resource of `meter` in the sub account named `account`.

    It begins `starts` days before the demo's end and is over `ends` days before it (exclusive: 0 is not over yet).
    The first day's quantity is `percent` of the usual, each further day adds `percent_daily`.
    `tags_lost` are the tag keys that its rows go without.
    """

    name: str
    title: str
    cause: str
    provider: str
    account: str
    meter: str
    starts: int
    ends: int
    percent: int = 100
    percent_daily: int = 0
    tags_lost: tuple[str, ...] = ()

    def days(self, until: date) -> Period:
        """The days it lasts in a demo that ends before `until`."""
        return Period(until - timedelta(days=self.starts), until - timedelta(days=self.ends))

    def strikes(self, line: Line) -> bool:
        """Whether the line is one of those that go wrong."""
        return (line.cloud.provider, line.account.name, line.meter.key) == (self.provider, self.account, self.meter)


INCIDENTS = (
    Incident(
        name="nat-loop",
        title="NAT gateway data loop",
        cause="A backup job copied to its own source through the NAT gateway instead of the S3 endpoint.",
        provider="aws",
        account="shared-network",
        meter="nat",
        starts=9,
        ends=5,
        percent=4_000,
    ),
    Incident(
        name="gpu-forgotten",
        title="GPU cluster forgotten",
        cause="Two p4d.24xlarge for one training run were left on, untagged, until someone looked at the bill.",
        provider="aws",
        account="ml-research",
        meter="training",
        starts=14,
        ends=2,
    ),
    Incident(
        name="openai-retries",
        title="Azure OpenAI spike",
        cause="A release retried every timed-out prompt without a limit, each time with the whole conversation.",
        provider="azure",
        account="assistant-prod",
        meter="openai",
        starts=5,
        ends=2,
        percent=800,
    ),
    Incident(
        name="lifecycle-removed",
        title="Storage lifecycle rule removed",
        cause="A Terraform refactoring dropped the rule that expires raw objects, so nothing is deleted any more.",
        provider="aws",
        account="data-lake-prod",
        meter="s3",
        starts=45,
        ends=0,
        percent=104,
        percent_daily=4,
    ),
    Incident(
        name="dynos-left",
        title="Heroku dynos scaled and left",
        cause="Web dynos were scaled up sixfold for a sale and never scaled back.",
        provider="heroku",
        account="Storefront",
        meter="web",
        starts=20,
        ends=0,
        percent=600,
    ),
    Incident(
        name="tags-lost",
        title="Tags lost on deploy",
        cause="A new Helm chart no longer sets the labels `team` and `cost-center`.",
        provider="gcp",
        account="Tracking",
        meter="gke",
        starts=6,
        ends=0,
        tags_lost=("team", "cost-center"),
    ),
)
REACH_DAYS = max(incident.starts for incident in INCIDENTS)


def quantities(lines: Sequence[Line], usual: Sequence[int], day: date, until: date) -> list[int]:
    """The day's quantities as the incidents leave them, one for each line."""
    struck = list(usual)
    for incident in _active(day, until):
        percent = incident.percent + incident.percent_daily * (day - incident.days(until).start).days
        for i, line in enumerate(lines):
            if incident.strikes(line):
                struck[i] = (line.quantity if line.meter.dormant else usual[i]) * percent // 100
    return struck


def tags_lost(line: Line, day: date, until: date) -> frozenset[str]:
    """The tag keys that the line goes without on this day."""
    return frozenset(key for each in _active(day, until) if each.strikes(line) for key in each.tags_lost)


def _active(day: date, until: date) -> list[Incident]:
    return [incident for incident in INCIDENTS if day in incident.days(until)]
