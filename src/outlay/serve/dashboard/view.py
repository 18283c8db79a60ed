"""View: what is being looked at. The page's address and its controls are two ways to write the same View."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import get_args
from urllib.parse import parse_qs, urlencode

from outlay.core.errors import UsageError, choices
from outlay.core.query import Filter, Measure
from outlay.core.span import Period

# The measures that the switch offers, and what people call them.
MEASURES: dict[Measure, str] = {"billed": "Billed", "effective": "Effective"}


@dataclass(frozen=True, slots=True)
class View:
    """`days`: None for the usual range; `providers`: none for all; `currency`: None for the one used most."""

    days: Period | None = None
    providers: tuple[str, ...] = ()
    measure: Measure = "billed"
    currency: str | None = None

    @classmethod
    def of_search(cls, search: str | None) -> View:
        """The View an address's query asks for, in the API's words. Raises UsageError naming the fault."""
        asked = parse_qs((search or "").removeprefix("?"))
        measure = asked.get("measure", ["billed"])[-1]
        known = [each for each in get_args(Measure) if each in MEASURES]
        if measure not in known:
            raise UsageError(choices("measure", measure, known))
        return cls(
            _days(asked.get("start_date", [""])[-1], asked.get("end_date", [""])[-1]),
            tuple(dict.fromkeys(asked.get("provider", []))),
            next(each for each in known if each == measure),
            asked.get("currency", [None])[-1],
        )

    @property
    def search(self) -> str:
        """The query of the address that shows this View: '' for the usual one."""
        asked: list[tuple[str, str]] = []
        if self.days is not None:
            asked += [("start_date", f"{self.days.start}"), ("end_date", f"{last_day(self.days)}")]
        asked += [("provider", each) for each in self.providers]
        if self.measure != "billed":
            asked.append(("measure", self.measure))
        if self.currency is not None:
            asked.append(("currency", self.currency))
        return f"?{urlencode(asked)}" if asked else ""

    @property
    def filters(self) -> tuple[Filter, ...]:
        """What keeps only the chosen providers."""
        return (Filter("provider", self.providers),) if self.providers else ()


def range_of(picked: list[str | None] | None) -> Period | None:
    """The days of a range picker, both ends picked and inclusive; None when it was cleared."""
    start, end = (picked or [None, None])[:2]
    return _days(start[:10] if start else "", end[:10] if end else "")


def as_picked(days: Period) -> list[str]:
    """What a range picker shows these days as."""
    return [f"{days.start}", f"{last_day(days)}"]


def last_day(days: Period) -> date:
    """The end as people write it."""
    return days.end - timedelta(days=1)


def _days(start: str, end: str) -> Period | None:
    if not start and not end:
        return None
    if not start or not end:
        raise UsageError("start_date and end_date go together")
    return Period(_day("start_date", start), _day("end_date", end) + timedelta(days=1))


def _day(name: str, written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise UsageError(f"{name} is not a day: {written!r}; write it as 2026-10-31") from None
