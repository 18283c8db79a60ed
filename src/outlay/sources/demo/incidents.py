"""INCIDENTS: what goes wrong in the demo, always in its newest weeks. docs/sources/demo.md tells of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from outlay.core.span import Period
from outlay.sources.demo.lines import Line


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that went wrong: with every resource of `meter` in the sub account named `account`.

    It begins `starts` days before the demo's end and is over `ends` days before it: with 0 it still goes on.
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
        mine = (self.provider, self.account, self.meter)
        return (line.cloud.provider, line.account.name, line.meter.key) == mine


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
        cause="Two p4d.24xlarge for one training run were left on, untagged, until someone read the bill.",
        provider="aws",
        account="ml-research",
        meter="training",
        starts=14,
        ends=2,
    ),
    Incident(
        name="openai-retries",
        title="Azure OpenAI spike",
        cause="A release retried every prompt that timed out, without a limit, with the whole conversation.",
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
        cause="A Terraform change dropped the rule that expires raw objects: nothing is deleted any more.",
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


def active(day: date, until: date) -> list[tuple[Incident, int]]:
    """The incidents of a day, each with the days it has lasted before."""
    days = [(incident, incident.days(until)) for incident in INCIDENTS]
    return [(incident, (day - lasting.start).days) for incident, lasting in days if day in lasting]


def quantities(lines: Sequence[Line], usual: Sequence[int], day: date, until: date) -> list[int]:
    """The day's quantities as the incidents leave them, one for each line."""
    struck = list(usual)
    for incident, lasted in active(day, until):
        percent = incident.percent + incident.percent_daily * lasted
        for i, line in enumerate(lines):
            if incident.strikes(line):
                struck[i] = (line.quantity if line.meter.trait == "dormant" else usual[i]) * percent // 100
    return struck


def tags(lines: Sequence[Line | None], day: date, until: date) -> list[Mapping[str, str]]:
    """The day's tags as the incidents leave them, one mapping for each line; none has none."""
    kept = [dict(line.tags) if line else {} for line in lines]
    for incident, _ in active(day, until):
        for line, left in zip(lines, kept, strict=True):
            if incident.tags_lost and line and incident.strikes(line):
                for key in incident.tags_lost:
                    left.pop(key, None)
    return list(kept)
