"""Usage as Heroku tells it, taken apart so that nothing is in it twice: per team, app and kind, of a day or a month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from outlay.core.errors import BillError
from outlay.core.span import Period, next_month
from outlay.sources.heroku.answers import Record

# `addons` is told too, and contains `data` and `partner`: what it has beyond them is `other` here.
Kind = Literal["data", "partner", "other", "dynos", "space"]
Amounts = Mapping[Kind, Decimal]

ADDONS: tuple[Kind, ...] = ("data", "partner", "other")
# Heroku's own sums are of floats: what day and month differ by less than this is no usage.
NOISE = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Team:
    """A team as usage names it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Use:
    """What was used of one kind: add-on credits, dyno units or space units.

    `team` is None for what an enterprise account has beyond its teams, `app` for what a team has beyond its apps.
    """

    days: Period
    team: Team | None
    app: str | None
    kind: Kind
    quantity: Decimal

    @property
    def key(self) -> tuple[str, str, Kind]:
        """What it is about, whenever it was."""
        return self.team.id if self.team else "", self.app or "", self.kind


def amounts(record: Record) -> dict[Kind, Decimal]:
    """What one record tells, without counting twice. Spaces are told for teams and accounts only."""
    data, partner = record.number("data"), record.number("partner")
    found: dict[Kind, Decimal] = {
        "data": data,
        "partner": partner,
        "other": record.number("addons") - data - partner,
        "dynos": record.number("dynos"),
    }
    return found | ({"space": record.number("space")} if record.has("space") else {})


def daily(answers: Iterable[Record], days: Period, without: frozenset[str] = frozenset()) -> list[Use]:
    """The uses of each day. `without`: teams left out, by id or name. Raises BillError."""
    found: list[Use] = []
    seen: set[tuple[str, date]] = set()
    for record in answers:
        day, owner = record.day("date"), record.text("id")
        if day not in days:
            raise BillError(f"{record.place}: told {day}, which is no day of {days}")
        if (owner, day) in seen:
            raise BillError(f"{record.place}: told {day} twice")
        seen.add((owner, day))
        found += _uses(record, Period(day, day + timedelta(days=1)), without)
    return found


def monthly(answers: Iterable[Record], month: date, without: frozenset[str] = frozenset()) -> list[Use]:
    """The uses of a whole month. Raises BillError."""
    return [
        use for record in of_month(answers, month) for use in _uses(record, Period(month, next_month(month)), without)
    ]


def of_month(answers: Iterable[Record], month: date) -> list[Record]:
    """The records of one month, of which there is one for each team or account. Raises BillError."""
    found: dict[str, Record] = {}
    for record in answers:
        if record.month("month") != month:
            raise BillError(f"{record.place}: told {record.text('month')} when asked for {month:%Y-%m}")
        if found.setdefault(record.text("id"), record) is not record:
            raise BillError(f"{record.place}: told {month:%Y-%m} twice")
    return list(found.values())


def trued_up(days: Sequence[Use], month: Sequence[Use]) -> list[Use]:
    """The uses of the days, and those of the month for what it has more, or less, than its days together.

    Heroku calls its days an estimate and its month the truth. Differences that are but noise go with the last day.
    """
    told = {use.key: use for use in month}
    summed: dict[tuple[str, str, Kind], Decimal] = {}
    last: dict[tuple[str, str, Kind], int] = {}
    found = list(days)
    for index, use in enumerate(found):
        summed[use.key] = summed.get(use.key, Decimal(0)) + use.quantity
        if use.key not in last or found[last[use.key]].days.start < use.days.start:
            last[use.key] = index
    whole = month[0].days if month else None
    for key in [*told, *(key for key in last if key not in told)] if whole else ():
        more = (told[key].quantity if key in told else Decimal(0)) - summed.get(key, Decimal(0))
        if key in last and abs(more) < NOISE:
            found[last[key]] = replace(found[last[key]], quantity=found[last[key]].quantity + more)
        elif more and whole:
            found.append(replace(told.get(key) or found[last[key]], days=whole, quantity=more))
    return found


def _uses(record: Record, days: Period, without: frozenset[str]) -> list[Use]:
    """Of a team's record, or of an enterprise account's with teams in it."""
    if not record.has("teams"):
        return _team(record, days)
    found: list[Use] = []
    teams = record.records("teams")
    _once(record, [each.text("id") for each in teams])
    for each in teams:
        if without.isdisjoint((each.text("id"), each.text("name"))):
            found += _team(each, days)
    rest = _less(amounts(record), [amounts(each) for each in teams])
    return found + [Use(days, None, None, kind, quantity) for kind, quantity in rest.items() if quantity]


def _team(record: Record, days: Period) -> list[Use]:
    team = Team(record.text("id"), record.text("name"))
    place = Record(f"{record.place}, {team.name}, {days}", record.said)
    apps = place.records("apps")
    names = _once(place, [each.text("app_name") for each in apps])
    each_app = [amounts(each) for each in apps]
    rest = _less(amounts(place), each_app)
    return [
        Use(days, team, app, kind, quantity)
        for app, told in [*zip(names, each_app, strict=True), (None, rest)]
        for kind, quantity in told.items()
        if quantity
    ]


def _less(whole: Amounts, parts: Sequence[Amounts]) -> dict[Kind, Decimal]:
    """What the whole has beyond its parts, so that all together are what Heroku says of the whole."""
    nothing = Decimal(0)
    return {kind: told - sum((each.get(kind, nothing) for each in parts), nothing) for kind, told in whole.items()}


def _once(record: Record, names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise BillError(f"{record.place}: told {next(name for name in names if names.count(name) > 1)} twice")
    return names
