"""Rules over Outlay itself: sources that are not refreshed, and what its own calls cost. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase

from outlay.core.monitoring import ApiSpend, Stale
from outlay.judge.verdicts import Severity, Verdict, beside, level, money, plain
from outlay.state.books import Spent
from outlay.state.records import Freshness


def stale(rule: Stale, fresh: Iterable[Freshness], now: datetime) -> list[Verdict]:
    """How long ago each source was refreshed; one that never was is as bad as can be."""
    return [_stale(rule, each, now) for each in fresh if _is_meant(each.source, rule.sources)]


def _stale(rule: Stale, each: Freshness, now: datetime) -> Verdict:
    hours, severity, ago, said = Decimal(0), _worst(rule), "never", "was never refreshed"
    told = said
    if each.last_success is not None:
        hours = Decimal(max(0, int((now - each.last_success).total_seconds()))) / 3600
        (severity, limit), ago = level(hours, rule), f"{hours:.0f} hours ago"
        told = f"was last refreshed {ago}{'; its numbers stay as they were' if severity else ''}"
        said = f"not refreshed for {hours:.0f} hours, over {plain(limit)}" if severity else "is refreshed again"
    why = f" The last attempt failed: {each.error}" if each.error else ""
    return Verdict(
        rule.name,
        each.source,
        severity,
        f"{each.source} {said} ({rule.name})",
        f"{each.source} {told}.{why}",
        hours,
        (("Source", each.source), ("Refreshed", ago), *((("Error", each.error),) if each.error else ())),
    )


def _worst(rule: Stale) -> Severity | None:
    return "warning" if rule.critical is None else "critical"


def api_spend(rule: ApiSpend, spent: Iterable[Spent]) -> list[Verdict]:
    """What calls cost in this calendar month."""
    usd = sum((each.usd for each in spent if _is_meant(each.source, rule.sources)), Decimal(0))
    severity, limit = level(usd, rule)
    said = money(usd, "USD")
    return [
        Verdict(
            rule.name,
            "USD",
            severity,
            f"{said} for calls of providers this month, {beside(severity, limit)} ({rule.name})",
            f"Asking providers cost {said} this month; the limit is {money(limit, 'USD')}.",
            usd,
            (("Cost of calls", said), ("Limit", money(limit, "USD"))),
            (),
            "USD",
        )
    ]


def _is_meant(source: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(source, each) for each in globs)
