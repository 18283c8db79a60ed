"""The dashboard: one page at `/`, mounted onto the server's FastAPI app. It loads nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from fastapi import FastAPI

    from outlay.core.ports import Warehouse
    from outlay.state import State

_INDEX = """<!DOCTYPE html>
<html lang="en">
    <head>
        {%metas%}
        <title>{%title%}</title>
        <link rel="icon" href="assets/outlay.svg" type="image/svg+xml">
        {%css%}
        <script>
            // The page waits in the colours it will have: a dark page must not begin with a white flash.
            (function (kept) {
                const dark = kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
                document.documentElement.style.colorScheme = dark ? "dark" : "light";
                document.documentElement.style.background = dark ? "#16181d" : "#f5f6f8";
            })(localStorage.getItem("mantine-color-scheme-value"));
        </script>
    </head>
    <body>
        {%app_entry%}
        {%config%}
        {%scripts%}
        {%renderer%}
    </body>
</html>"""


class DashboardSettings(Protocol):
    """What the dashboard shows at first; `refresh_interval` is in seconds."""

    @property
    def enabled(self) -> bool: ...
    @property
    def auto_refresh(self) -> bool: ...
    @property
    def refresh_interval(self) -> int: ...
    @property
    def default_range_days(self) -> int: ...
    @property
    def max_accounts_display(self) -> int: ...


def mount(app: FastAPI, warehouse: Warehouse, state: State, settings: DashboardSettings) -> None:
    """Put the page at `/` of `app`, beside its routes: those that are there already win.

    Adds `/`, `/assets/`, `/_dash-*`, `/_favicon.ico` and `/_reload-hash`, none in the OpenAPI document.
    Does nothing when the settings say the dashboard is off.
    """
    if not settings.enabled:
        return
    from dash import Dash

    from outlay.serve.dashboard import callbacks, layout

    dash = Dash(
        __name__,
        server=cast(Any, app),
        assets_folder=str(Path(__file__).with_name("assets")),
        index_string=_INDEX,
        title="Outlay",
        update_title="",
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
        serve_locally=True,
        add_log_handler=False,
        enable_mcp=False,
    )
    # Dash answers every unknown path with its page; an API's client must get its 404.
    backend: Any = dash.backend
    backend._setup_catchall = lambda: None
    # Without callbacks over a web socket the page needs no connection that stays open.
    backend.websocket_capability = False
    dash.layout = lambda: layout.page(settings)
    callbacks.connect(dash, warehouse, state, settings)
