"""Figures, and the colours of providers. Here amounts become floats: a chart draws pixels, not money."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

from outlay.core.money import shown, totals
from outlay.core.span import Period

if TYPE_CHECKING:
    from plotly.graph_objects import Bar, Figure, Scatter

    from outlay.serve.dashboard.numbers import Series

# Far enough apart for every kind of colour blindness, and visible on white and on near black.
_COLOURS = {"aws": "#e8960c", "azure": "#2f6da3", "gcp": "#22b98a", "oci": "#bf2034", "heroku": "#8d33dd"}
_SPARE = ("#7d8b99", "#d880b8", "#a08237", "#4fa3d1", "#6b8e23")
_NAMES = {"aws": "AWS", "azure": "Azure", "gcp": "Google Cloud", "oci": "Oracle Cloud", "heroku": "Heroku"}

_PROVISIONAL_OPACITY = 0.45


def colour(provider: str) -> str:
    """A provider's colour: the same on every page, in every process, whoever else is shown."""
    spare = _SPARE[blake2b(provider.encode(), digest_size=1).digest()[0] % len(_SPARE)]
    return _COLOURS.get(provider, spare)


def name(provider: str) -> str:
    """What people call a provider."""
    return _NAMES.get(provider, provider)


def daily(series: Sequence[Series], days: Period, currency: str) -> Figure:
    """Bars of every day, stacked by provider; days that may still change are pale."""
    from plotly.graph_objects import Figure

    figure = Figure([*(_bars(each, days, currency) for each in series), _sums(series, currency)])
    figure.update_layout(
        template="none",
        barmode="relative",
        bargap=0.22 if len(days) > 10 else 0.5,
        barcornerradius=3,
        showlegend=False,
        dragmode=False,
        hovermode="x unified",
        margin={"l": 8, "r": 4, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "Inter, system-ui, sans-serif", "size": 12},
        xaxis={
            "type": "date",
            "fixedrange": True,
            "showgrid": False,
            "showspikes": False,
            "automargin": True,
            "hoverformat": "%a %-d %b %Y",
            "tickformat": "%-d %b",
            "nticks": 10,
            "range": [f"{days.start - timedelta(days=1)} 12:00", f"{days.end - timedelta(days=1)} 12:00"],
        },
        yaxis={"fixedrange": True, "automargin": True, "tickformat": "~s", "nticks": 6, "zeroline": False},
    )
    return figure


def blank() -> Figure:
    """What stands where the chart will be."""
    from plotly.graph_objects import Figure

    figure = Figure()
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        xaxis={"visible": False},
        yaxis={"visible": False},
    )
    return figure


def _bars(series: Series, days: Period, currency: str) -> Bar:
    from plotly.graph_objects import Bar

    costs = {day: series.costs.get(day) for day in days.each_day()}
    return Bar(
        name=name(series.provider),
        x=[day.isoformat() for day in costs],
        y=[None if cost is None else float(cost) for cost in costs.values()],
        customdata=["" if cost is None else shown(cost, currency) for cost in costs.values()],
        hovertemplate="%{customdata}",
        marker={
            "color": colour(series.provider),
            "opacity": [_PROVISIONAL_OPACITY if series.is_provisional(day) else 1.0 for day in costs],
            "line": {"width": 0},
        },
    )


def _sums(series: Sequence[Series], currency: str) -> Scatter:
    """Draws nothing; it puts each day's total under the pointer."""
    from plotly.graph_objects import Scatter

    sums = totals((day.isoformat(), cost) for each in series for day, cost in each.costs.items())
    return Scatter(
        name="<b>Total</b>",
        x=[*sums],
        y=[float(cost) for cost in sums.values()],
        customdata=[shown(cost, currency) for cost in sums.values()],
        hovertemplate="<b>%{customdata}</b>",
        mode="markers",
        marker={"opacity": 0, "color": "rgba(0,0,0,0)"},
    )
