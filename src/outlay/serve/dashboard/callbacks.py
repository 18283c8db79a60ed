"""The one callback: choices in, the whole page out. The address decides what is shown; a control edits it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from dash import Dash, Input, Output, ctx, no_update
from dash import State as Held

from outlay import history, reports
from outlay.core.errors import OutlayError, StoreError, UsageError
from outlay.core.ports import Warehouse
from outlay.core.span import Period
from outlay.serve.dashboard import blocks, figures
from outlay.serve.dashboard.numbers import Nothing, Numbers, Reader
from outlay.serve.dashboard.view import View, as_picked, range_of

if TYPE_CHECKING:
    from outlay.serve.dashboard import DashboardSettings
    from outlay.state import State

SERVICES_SHOWN = 12

_log = logging.getLogger(__name__)

_OUTPUTS = {
    "search": ("url", "search"),
    "dates": ("dates", "value"),
    "own_dates": ("dates", "clearable"),
    "offered": ("providers", "data"),
    "providers": ("providers", "value"),
    "measure": ("measure", "value"),
    "offered_currencies": ("currency", "data"),
    "currency": ("currency", "value"),
    "one_currency": ("currencies", "hidden"),
    "alert": ("alert", "children"),
    "nothing": ("nothing", "children"),
    "no_numbers": ("numbers", "hidden"),
    "cards": ("cards", "children"),
    "legend": ("legend", "children"),
    "figure": ("daily", "figure"),
    "spoken": ("chart", "aria-label"),
    "table": ("table", "children"),
    "services": ("services", "children"),
    "accounts": ("accounts", "children"),
    "freshness": ("freshness", "children"),
    "footer": ("footer", "children"),
    "seen": ("seen", "data"),
}
_INPUTS = {
    "search": Input("url", "search"),
    "dates": Input("dates", "value"),
    "providers": Input("providers", "value"),
    "measure": Input("measure", "value"),
    "currency": Input("currency", "value"),
    "tick": Input("tick", "n_intervals"),
}

Page = dict[str, Any]


def connect(dash: Dash, warehouse: Warehouse, state: State, settings: DashboardSettings) -> None:
    """Give the page its callback."""
    answer = Answer(warehouse, state, settings)

    @dash.callback(  # type: ignore[untyped-decorator, unused-ignore]
        output={name: Output(*place) for name, place in _OUTPUTS.items()},
        inputs=_INPUTS,
        state={"seen": Held("seen", "data")},
    )
    async def show(seen: str | None, **asked: Any) -> Page:
        # Dash runs callbacks on the event loop: the queries must not, or every other request waits for them.
        found = await anyio.to_thread.run_sync(partial(answer, asked, ctx.triggered_id, seen))
        return {name: found.get(name, no_update) for name in _OUTPUTS}


@dataclass(frozen=True, slots=True)
class Answer:
    """Works out what of the page changes. Called on any thread."""

    warehouse: Warehouse
    state: State
    settings: DashboardSettings

    def __call__(self, asked: Mapping[str, Any], trigger: str | None, seen: str | None) -> Page:
        """What changes once `trigger` fires (a control, `tick`, None at first); `seen`: what is shown."""
        try:
            return self._page(asked, trigger, seen) | self._beside()
        except UsageError as error:
            return self._failed(blocks.problem("No such view", f"{error}.", wrong_address=True), trigger)
        except OutlayError as error:
            return self._failed(blocks.problem("The costs cannot be read", str(error)), trigger)
        except Exception:
            _log.exception("the dashboard cannot be shown")
            return self._failed(blocks.problem("The costs cannot be shown", "See the server's log."), trigger)

    def _page(self, asked: Mapping[str, Any], trigger: str | None, seen: str | None) -> Page:
        view = edited(View.of_search(asked["search"]), asked, trigger)
        today = reports.today()
        days = view.days or Period.last(self.settings.default_range_days, today)
        unsettled = history.provisional_from(self.state)
        settled = sorted(unsettled.items())
        told = f"{self.warehouse.version()} {days} {today} {settled} {view.search}"
        shown = blake2b(told.encode(errors="replace"), digest_size=16).hexdigest()  # it goes to the page, to whomever
        if shown == seen:
            return {"alert": None}
        reader = Reader(self.warehouse, view, days, today, unsettled)
        numbers = reader.numbers(SERVICES_SHOWN, self.settings.max_accounts_display)
        content = _empty(numbers, view) if isinstance(numbers, Nothing) else _full(numbers)
        return content | _chosen(view, days, reader.providers()) | {"alert": None, "seen": shown}

    def _beside(self) -> Page:
        """What changes with every look: the age of the data."""
        now = blocks.clock()
        try:
            sources = blocks.freshness(self.state.freshness(), now)
        except StoreError as error:
            sources = blocks.problem("The state cannot be read", str(error))
        return {"freshness": sources, "footer": self._footer(f"{now:%H:%M} UTC")}

    def _footer(self, looked: str) -> str:
        if not self.settings.auto_refresh:
            return f"Read at {looked}"
        seconds = self.settings.refresh_interval
        every = f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
        return f"Read at {looked} · looks for news every {every}"

    def _failed(self, problem: Any, trigger: str | None) -> Page:
        """Numbers shown before stay only while they are what was asked for."""
        page: Page = {"alert": problem} | self._beside()
        return page if trigger == "tick" else page | {"no_numbers": True, "nothing": None, "seen": None}


_EDITS: Mapping[str, Callable[[View, Any], View]] = {
    "dates": lambda view, value: replace(view, days=range_of(value)),
    "providers": lambda view, value: replace(view, providers=tuple(value or ())),
    "measure": lambda view, value: replace(view, measure=value),
    "currency": lambda view, value: replace(view, currency=value),
}


def edited(view: View, asked: Mapping[str, Any], trigger: str | None) -> View:
    """The View after the control that fired."""
    edit = _EDITS.get(trigger or "")
    if edit is None or (trigger == "dates" and _half_picked(asked["dates"])):
        return view
    return edit(view, asked[trigger or ""])


def _half_picked(dates: list[str | None] | None) -> bool:
    return bool(dates) and [bool(each) for each in dates or ()] == [True, False]


def _chosen(view: View, days: Period, providers: list[str]) -> Page:
    """The controls and the address, as the View has them."""
    return {
        "search": view.search,
        "dates": as_picked(days),
        "own_dates": view.days is not None,
        "offered": [{"value": each, "label": figures.name(each)} for each in providers],
        "providers": list(view.providers),
        "measure": view.measure,
    }


def _empty(found: Nothing, view: View) -> Page:
    return {"nothing": blocks.nothing(found, view), "no_numbers": True}


def _full(numbers: Numbers) -> Page:
    return {
        "offered_currencies": blocks.currencies(numbers),
        "currency": numbers.currency,
        "one_currency": len(numbers.totals) < 2,
        "nothing": None,
        "no_numbers": False,
        "cards": blocks.cards(numbers),
        "legend": blocks.legend(numbers),
        "figure": figures.daily(numbers.daily, numbers.days, numbers.currency),
        "spoken": blocks.spoken(numbers),
        "table": blocks.table(numbers),
        "services": blocks.ranks(numbers.services, "service", numbers),
        "accounts": blocks.ranks(numbers.accounts, "account", numbers),
    }
