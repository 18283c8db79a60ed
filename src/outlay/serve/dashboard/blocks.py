"""Blocks: the numbers of the page as HTML, readable with no chart and no colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

from dash import html

from outlay.core.money import shown, totals
from outlay.core.span import Period
from outlay.serve.dashboard import figures
from outlay.serve.dashboard.numbers import last_month
from outlay.serve.dashboard.view import View, last_day

if TYPE_CHECKING:
    from outlay.serve.dashboard.numbers import Amount, Nothing, Numbers, Ranking
    from outlay.state import Freshness

DASH, MINUS = "\u2013", "\u2212"
UNKNOWN = DASH
_LONG = 26  # characters: longer ids are cut in their middle, for it is their ends that differ

# Not of strftime: that speaks the language of the server's user.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def days_text(days: Period) -> str:
    """A run of days as people write it, such as 22 Oct to 20 Nov 2026 with a dash."""
    first, last = days.start, last_day(days)
    if first == last:
        return _day_text(last)
    start = f"{first.day}" if (first.year, first.month) == (last.year, last.month) else _day_text(first)
    if first.year == last.year:
        start = start.removesuffix(f" {last.year}")
    return f"{start}{DASH}{_day_text(last)}"


def change(now: Decimal, before: Decimal | None) -> str:
    """By how much `now` differs, with its sign: +4.2 %; `new` after nothing, a dash for no ratio."""
    if before is None or before <= 0:
        return "new" if before == 0 and now > 0 else UNKNOWN
    percent = ((now - before) / before * 100).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
    return f"{percent:+,} %".replace("-", MINUS) if percent else "0.0 %"


def share(part: Decimal, total: Decimal) -> str:
    """What part of the total something is: 34.5 %; empty where the total is nothing or negative."""
    return f"{part / total * 100:,.1f} %".replace("-", MINUS) if total > 0 else ""


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, in the one unit that says most."""
    minutes = max(0, int((now - moment).total_seconds() // 60))
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days ago"


def currencies(numbers: Numbers) -> list[dict[str, str]]:
    """The currency switch: each with its own total, so that none is out of sight."""
    return [{"value": each, "label": shown(total, each)} for each, total in numbers.totals.items()]


def cards(numbers: Numbers) -> list[Any]:
    """Month to date against last month, and the days shown against those before."""
    month, currency = numbers.month, numbers.currency
    current = month.current.get(currency, Decimal(0))
    same = month.previous_same_days.get(currency, Decimal(0))
    whole = month.previous.get(currency, Decimal(0))
    previous = last_month(month)
    end = min(previous.start + timedelta(days=len(month.month)), previous.end)
    first_days = days_text(Period(previous.start, end))
    mean = numbers.total / len(numbers.days)
    length = f"{len(numbers.days)} days" if len(numbers.days) > 1 else "day"
    return [
        _card(
            f"Month to date · {days_text(month.month)}",
            current,
            currency,
            _delta(current, same if numbers.month_known else None, first_days),
            "month-to-date",
        ),
        _card(
            f"Last month · {_MONTHS[previous.start.month - 1]}",
            whole,
            currency,
            [shown(same, currency), html.Span(f" on {first_days}")],
            "last-month",
        ),
        _card(
            f"Shown · {days_text(numbers.days)}",
            numbers.total,
            currency,
            [
                *_delta(numbers.total, numbers.before, f"the {length} before"),
                html.Span(f" · {shown(mean, currency)} a day", className="aside"),
            ],
            "shown",
        ),
    ]


def legend(numbers: Numbers) -> list[Any]:
    """Whose colour is whose, each with its total; and what a pale bar means."""
    found: list[Any] = [
        html.Span([*_provider(each.provider), html.B(shown(each.total, numbers.currency))]) for each in numbers.daily
    ]
    estimates = [each.provisional_from for each in numbers.daily if each.provisional_from is not None]
    if estimates:
        said = f"Pale: estimates the provider may still change, from {_day_text(min(estimates))} on"
        found.append(html.Span([html.Span(className="dot pale"), said], className="note"))
    return found


def spoken(numbers: Numbers) -> str:
    """The chart in one sentence, for who does not see it."""
    sums = totals((day.isoformat(), cost) for each in numbers.daily for day, cost in each.costs.items())
    peak = max(sums, key=lambda day: sums[day], default="")
    highest = f"; the highest day is {peak} with {shown(sums[peak], numbers.currency)}" if peak else ""
    return f"Daily costs of {days_text(numbers.days)} in {numbers.currency}, stacked by provider{highest}."


def table(numbers: Numbers) -> Any:
    """The chart as a table, newest day first; estimates are marked."""
    heads = ["Day", *(figures.name(each.provider) for each in numbers.daily), "Total"]
    rows = []
    for day in reversed([*numbers.days.each_day()]):
        costs = [each.costs.get(day, Decimal(0)) for each in numbers.daily]
        marks = ["\u2248 " if each.is_provisional(day) else "" for each in numbers.daily]
        cells = [f"{mark}{cost:,.2f}" for mark, cost in zip(marks, costs, strict=True)]
        rows.append(html.Tr([html.Th(f"{day}", scope="row"), *map(html.Td, [*cells, f"{_sum(costs):,.2f}"])]))
    head = html.Thead(html.Tr([html.Th(each, scope="col") for each in heads]))
    return html.Details(
        [
            html.Summary(f"As a table, in {numbers.currency}"),
            html.Div(html.Table([head, html.Tbody(rows)], className="days"), className="scroll", tabIndex=0),
        ]
    )


def ranks(found: Ranking, what: str, numbers: Numbers) -> Any:
    """A ranking as a table of bars; its last row holds all others, so that the rows add up to the total."""
    widest = max([each.cost for each in found.top] + [Decimal(0)])
    rows = [_rank(each, _called(each, found, what), found.total, widest) for each in found.top]
    if found.others is not None:
        label = f"{found.others_count:,} other {what}s"
        rows.append(_rank(found.others, label, found.total, widest))
    heads = {"name": what.capitalize(), "cost": numbers.currency, "share": "Share", "change": "Change"}
    head = html.Tr([html.Th(said, scope="col", className=kind) for kind, said in heads.items()])
    sums = [html.Td(f"{found.total:,.2f}", className="cost"), html.Td(), html.Td()]
    total = html.Tr([html.Th("Total", scope="row"), *sums])
    return html.Table([html.Thead(head), html.Tbody(rows), html.Tfoot(total)], className="ranks")


def freshness(found: Sequence[Freshness], now: datetime) -> Any:
    """How old what is known of each source is, and why it is not newer."""
    if not found:
        return html.P("No source was ever collected.", className="dim")
    return html.Ul([_source(each, now) for each in found], className="sources")


def nothing(found: Nothing, view: View) -> Any:
    """What to do when there is nothing to show: collect first, or look at other days."""
    if found.months is None:
        return _newcomer()
    newest = Period((found.months.end - timedelta(days=1)).replace(day=1), found.months.end)
    among = " of " + ", ".join(figures.name(each) for each in view.providers) if view.providers else ""
    said = f"There are charges from {found.months.start:%Y-%m} to {newest.start:%Y-%m}."
    link = html.A(f"Show {_MONTHS[newest.start.month - 1]} {newest.start.year}", href=View(newest).search)
    return _message(f"No charges{among} on {days_text(found.days)}", [html.P(said), link])


def problem(title: str, error: str, *, wrong_address: bool = False) -> Any:
    """Something that failed, in words a person can act on."""
    way_out: list[Any] = [" ", html.A("Show the usual view", href="./")] if wrong_address else []
    return html.Section([html.H2(title), html.P([error, *way_out])], className="card problem")


def aria(**said: str) -> dict[str, Any]:
    """The aria attributes of an element."""
    return {f"aria-{name}": text for name, text in said.items()}


def clock() -> datetime:
    """Now, UTC."""
    return datetime.now(UTC)


def _newcomer() -> Any:
    steps = [
        ("Write the settings, and name your clouds in them:", "outlay init"),
        ("Ask each cloud whether the credentials do:", "outlay test-auth"),
        ("Fetch the costs; this page then shows them by itself:", "outlay collect"),
    ]
    listed = html.Ol([html.Li([f"{said} ", html.Code(command)]) for said, command in steps])
    demo = html.P(["Only looking around? ", html.Code("outlay demo"), " shows an invented company's bills."])
    return _message("No costs collected yet", [listed, demo])


def _message(title: str, content: Sequence[Any]) -> Any:
    return html.Section([html.H2(title), *content], className="card message", **aria(label=title))


def _card(label: str, amount: Decimal, currency: str, below: Sequence[Any], name: str) -> Any:
    value, _, unit = shown(amount, currency).rpartition(" ")
    number = html.P([value, html.Span(f" {unit}")], id=name, className="amount")
    return html.Section([html.H2(label), number, html.P(below, className="below")], className="card stat")


def _delta(now: Decimal, before: Decimal | None, than: str) -> list[Any]:
    said = change(now, before)
    if said == UNKNOWN:
        return [html.Span(f"nothing known of {than}" if before is None else f"no costs on {than}")]
    return [html.Span(said, className=_direction(now, before)), html.Span(f" against {than}")]


def _direction(now: Decimal, before: Decimal | None) -> str:
    """A class that colours what moved by a tenth or more: if everything shines, nothing is seen."""
    if before is None or abs(now - before) * 10 < before:
        return "change"
    return "change up" if now > before else "change down"


def _rank(each: Amount, label: str, total: Decimal, widest: Decimal) -> Any:
    part = max(Decimal(0), min(Decimal(1), each.cost / widest)) if widest > 0 else Decimal(0)
    by: list[Any] = [" ", html.Small(figures.name(each.provider))] if each.provider else []
    colour = figures.colour(each.provider) if each.provider else "gray"
    bar = {"--bar": f"{part * 100:.2f}%", "--colour": colour}
    return html.Tr(
        [
            html.Th([_short(label), *by], scope="row", style=bar, title=_title(each.name, label)),
            html.Td(f"{each.cost:,.2f}", className="cost"),
            html.Td(share(each.cost, total), className="share"),
            html.Td(change(each.cost, each.before), className=_direction(each.cost, each.before)),
        ]
    )


def _called(each: Amount, found: Ranking, what: str) -> str:
    return found.labels.get(each.name, each.name) if each.name else f"(no {what})"


def _title(name: str | None, label: str) -> str:
    return label if name in {None, label} else f"{label} ({name})"


def _source(each: Freshness, now: datetime) -> Any:
    state = "fresh" if not each.stale else "stale" if each.last_success else "failed"
    line = [html.B(each.source), html.Span(state, className=f"state {state}"), _age(each.last_success, now)]
    if each.error is not None:
        line.append(html.Span(f"{ago(each.last_attempt, now)}: {each.error}", className="why"))
    return html.Li(line)


def _age(moment: datetime | None, now: datetime) -> Any:
    if moment is None:
        return html.Span("never collected", className="dim")
    exact = f"{moment:%Y-%m-%d %H:%M} UTC"
    return html.Time(f"collected {ago(moment, now)}", dateTime=moment.isoformat(), title=exact)


def _short(label: str) -> str:
    return f"{label[:12]}…{label[-12:]}" if len(label) > _LONG and " " not in label else label


def _provider(provider: str) -> list[Any]:
    dot = html.Span(className="dot", style={"background": figures.colour(provider)}, **aria(hidden="true"))
    return [dot, figures.name(provider)]


def _day_text(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1][:3]} {day.year}"


def _sum(amounts: Sequence[Decimal]) -> Decimal:
    sums: Mapping[str, Decimal] = totals(("", each) for each in amounts)
    return sums.get("", Decimal(0))
