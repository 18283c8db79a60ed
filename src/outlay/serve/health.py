"""/healthz: the process lives. /readyz: it has something to show and can reach it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from outlay import reports
from outlay.core.errors import OutlayError
from outlay.core.query import CostQuery
from outlay.core.span import END_MONTH, FIRST_MONTH, Period
from outlay.serve.api.problems import problem

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.responses import Response

    from outlay.core.ports import Warehouse
    from outlay.state import State

log = logging.getLogger(__name__)

LIVE = ("/healthz", "/health", "/api/health/live")
READY = ("/readyz", "/api/health/ready")


class Readiness:
    """Whether there is data and the store is in reach."""

    def __init__(self, warehouse: Warehouse, state: State) -> None:
        self._warehouse = warehouse
        self._state = state
        self._seen = False

    def lacks(self) -> tuple[str, str] | None:
        """The code and the sentence for what is missing, or None when all is there."""
        try:
            version = self._warehouse.version()
            self._seen = self._seen or (version != "" and self._has_data())
        except OutlayError as error:
            return error.code, str(error)
        except Exception:
            log.exception("the store is out of reach")
            return "store", "the store is out of reach; the log has the details"
        return None if self._seen else ("no-data", "no collection has succeeded yet and the store holds no charges")

    def _has_data(self) -> bool:
        """Some collection succeeded, or there are charges."""
        if any(each.last_success for each in self._state.freshness()):
            return True
        return bool(reports.costs(self._warehouse, CostQuery(Period(FIRST_MONTH, END_MONTH))).rows)


def mount(app: FastAPI, warehouse: Warehouse, state: State) -> None:
    """Add the routes that orchestrators and load balancers ask."""
    readiness = Readiness(warehouse, state)

    async def live() -> dict[str, str]:
        return {"status": "alive"}

    def ready() -> Response | dict[str, str]:
        lacks = readiness.lacks()
        return problem(503, *lacks, {"Retry-After": "5"}) if lacks else {"status": "ready"}

    for path in LIVE:
        app.add_api_route(path, live, methods=["GET", "HEAD"], include_in_schema=False)
    for path in READY:
        app.add_api_route(path, ready, methods=["GET", "HEAD"], include_in_schema=False, response_model=None)
