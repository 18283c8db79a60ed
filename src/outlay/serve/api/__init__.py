"""The REST API: routers over a Warehouse, and the page that tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outlay.serve.api import costs, docs

if TYPE_CHECKING:
    from fastapi import FastAPI

    from outlay.core.ports import Warehouse


def mount(app: FastAPI, warehouse: Warehouse) -> None:
    """Add /api/v1/... and /docs."""
    app.include_router(costs.router(warehouse), prefix="/api/v1")
    docs.mount(app)
