"""The page before it has data: what can be chosen, and the places that `callbacks` fills."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dash_mantine_components as dmc
from dash import dcc, html

from outlay import reports
from outlay.core.span import Period, month_of
from outlay.serve.dashboard import figures
from outlay.serve.dashboard.blocks import DASH, aria
from outlay.serve.dashboard.view import MEASURES, as_picked

if TYPE_CHECKING:
    from outlay.serve.dashboard import DashboardSettings

_FONTS = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
_THEME = {
    "fontFamily": _FONTS,
    "headings": {"fontFamily": _FONTS},
    "primaryColor": "indigo",
    "defaultRadius": "md",
    "cursorType": "pointer",
}


def page(settings: DashboardSettings) -> Any:
    """The whole page, as it is for somebody who opens it now."""
    return dmc.MantineProvider(
        [
            dcc.Location(id="url", refresh="callback-nav"),
            dcc.Store(id="seen"),
            _clock(settings),
            html.A("Skip to the numbers", href="#main", className="skip"),
            _header(settings, reports.today()),
            html.Main(_main(), id="main"),
            html.Footer(id="footer"),
        ],
        theme=_THEME,
        defaultColorScheme="auto",
    )


def _clock(settings: DashboardSettings) -> Any:
    milliseconds = settings.refresh_interval * 1000
    return dcc.Interval(id="tick", interval=milliseconds, disabled=not settings.auto_refresh)


def _main() -> list[Any]:
    return [html.Div(id="alert", role="alert"), html.Div(id="nothing"), _numbers(), _sources()]


def _header(settings: DashboardSettings, today: date) -> Any:
    title = html.H1([html.Span(className="mark", **aria(hidden="true")), "Outlay"])
    toggle = dmc.ColorSchemeToggle(
        id="scheme",
        lightIcon=html.Span(className="icon sun"),
        darkIcon=html.Span(className="icon moon"),
        variant="default",
        size=36,
        **aria(label="Switch between light and dark"),
    )
    return html.Header([title, _controls(settings, today), toggle])


def _controls(settings: DashboardSettings, today: date) -> Any:
    days = dmc.DatePickerInput(
        id="dates",
        type="range",
        presets=_presets(today),
        maxDate=f"{today}",
        valueFormat="D MMM YYYY",
        labelSeparator=DASH,
        allowSingleDateInRange=True,
        weekendDays=[],
        placeholder=f"Last {settings.default_range_days} days",
        clearButtonProps={"aria-label": "Back to the usual days"},
        **aria(label="Days shown"),
    )
    providers = dmc.MultiSelect(
        id="providers",
        data=[],
        value=[],
        clearable=True,
        placeholder="All providers",
        clearButtonProps={"aria-label": "All providers"},
        nothingFoundMessage="No provider has charges on these days",
        **aria(label="Providers shown"),
    )
    measure = dmc.SegmentedControl(
        id="measure",
        data=[{"value": value, "label": label} for value, label in MEASURES.items()],
        value="billed",
        attributes=_root("Which cost: billed, or effective, with commitments spread over their term"),
    )
    return html.Div([days, providers, measure], className="controls", role="group", **aria(label="What is shown"))


def _presets(today: date) -> list[dict[str, Any]]:
    this_month = month_of(today)
    last_month = month_of(this_month - timedelta(days=1))
    ranges = {
        "Last 7 days": Period.last(7, today),
        "Last 30 days": Period.last(30, today),
        "Last 90 days": Period.last(90, today),
        "This month": Period(this_month, today + timedelta(days=1)),
        "Last month": Period(last_month, this_month),
    }
    return [{"label": label, "value": as_picked(days)} for label, days in ranges.items()]


def _numbers() -> Any:
    currency = dmc.SegmentedControl(
        id="currency",
        data=[],
        size="sm",
        attributes=_root("Currency shown; amounts of several are never added"),
    )
    return html.Div(
        [
            html.Div([currency, html.Span("each by itself, never added up")], id="currencies", hidden=True),
            html.Div([_waiting(112) for _ in range(3)], id="cards"),
            _card("Daily costs", html.Div(id="legend"), _chart(), html.Div(id="table")),
            html.Div(
                [
                    _card("Top services", html.Div(_waiting(320), id="services")),
                    _card("Top accounts", html.Div(_waiting(320), id="accounts")),
                ],
                className="pair",
            ),
        ],
        id="numbers",
    )


def _chart() -> Any:
    graph = dcc.Graph(
        id="daily",
        figure=figures.blank(),
        config={"displayModeBar": False, "responsive": True, "doubleClick": False},
        style={"height": "300px"},
    )
    return html.Div(graph, id="chart", role="img", **aria(label="Daily costs, stacked by provider"))


def _sources() -> Any:
    return _card("Sources", html.Div(_waiting(64), id="freshness"))


def _card(title: str, *content: Any) -> Any:
    return html.Section([html.H2(title), *content], className="card", **aria(label=title))


def _waiting(height: int) -> Any:
    return dmc.Skeleton(height=height, radius="md")


def _root(label: str) -> dict[str, Any]:
    """Names a component whose root takes no aria attribute by itself."""
    return {"root": {"aria-label": label}}
