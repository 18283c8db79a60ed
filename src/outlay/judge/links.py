"""Where to look: the dashboard's address for what a verdict is about.

The words are those of docs/dashboard.md. What of a rule they cannot say is left out: the page shows more then.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from outlay.core.monitoring import ApiSpend, Budget, Stale
from outlay.judge.asking import NONE, AnyRule, CostRule
from outlay.judge.verdicts import Verdict


def link(base: str, rule: AnyRule | None, verdict: Verdict) -> str:
    """The page of the server at `base` that shows what was judged; its first page where no days were."""
    if rule is None or isinstance(rule, Stale | ApiSpend) or verdict.days is None:
        return f"{base}/"
    days = verdict.days
    asked = [("start_date", f"{days.start}"), ("end_date", f"{days.end - timedelta(days=1)}")]
    asked += [("provider", each) for each in _providers(rule, verdict)]
    if rule.measure == "effective":
        asked.append(("measure", rule.measure))
    return f"{base}/?{urlencode([*asked, ('currency', verdict.currency)])}"


def _providers(rule: CostRule, verdict: Verdict) -> list[str]:
    """The providers that a rule or its subject names, if the address can say so."""
    subject = verdict.subject.removesuffix(f"/{verdict.currency}")
    if not isinstance(rule, Budget) and rule.group_by == ("provider",):
        return [subject] if subject != NONE else []
    kept = [each for each in rule.asked() if each.dimension == "provider" and not each.exclude]
    named = [[value for value in each.values if value is not None] for each in kept if None not in each.values]
    return named[0] if len(named) == 1 else []
