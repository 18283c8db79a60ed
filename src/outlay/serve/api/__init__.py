"""The REST API: routers over a Warehouse, and the page that tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outlay.serve.api import costs, docs, restatements

if TYPE_CHECKING:
    from fastapi import FastAPI

    from outlay.core.ports import Warehouse
    from outlay.state import State


def mount(app: FastAPI, warehouse: Warehouse, state: State | None = None) -> None:
    """Add /api/v1/... and /docs. With a state, answers know which days are not settled yet, and what was restated."""
    app.include_router(costs.router(warehouse, state), prefix="/api/v1")
    if state is not None:
        app.include_router(restatements.router(state), prefix="/api/v1")
    docs.mount(app)
