"""Errors over HTTP: RFC 9457 problem documents."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Match

from outlay.core.errors import OutlayError, UsageError
from outlay.core.grants import hidden

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

MEDIA_TYPE = "application/problem+json"
CODES = {409: "changed", 413: "too-large", 429: "too-soon"}  # else they are called as the status is


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it. `code` is for programs, `detail` for people."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str


def problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response that tells of a problem; of a key that somebody put into a path only its id is told."""
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=hidden(detail), code=code)
    return JSONResponse(told.model_dump(), status, headers, MEDIA_TYPE)


def _example(status: int, code: str, detail: str) -> Problem:
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, code=code)


# What OpenAPI says of each status that is a problem: when it is, and one as an example.
PROBLEMS: Mapping[int, tuple[str, Problem]] = {
    400: (
        "`usage`: a parameter or a body that cannot be",
        _example(400, "usage", "measure: input should be 'billed', 'effective', 'contracted' or 'list'"),
    ),
    401: (
        "`unauthorized`: no key, or one that is not valid; WWW-Authenticate says which ways there are",
        _example(401, "unauthorized", "this key was revoked"),
    ),
    403: (
        "`scope`: the key may less. `limited`: what cannot be told, or given, to who may see some money only."
        " `cross-site`: a page of another site asked",
        _example(403, "scope", "this needs the scope collect, and ci has read"),
    ),
    404: (
        "`not-found`: no such provider, job or key",
        _example(404, "not-found", "no provider or source named 'awz'; there are: aws, azure"),
    ),
    409: (
        "`changed`: a cursor of charges that have changed since",
        _example(409, "changed", "the charges have changed since the first page; start again without `cursor`"),
    ),
    413: (
        "`too-large`: a body of more than 64 KiB",
        _example(413, "too-large", "a body has at most 65536 bytes"),
    ),
    429: (
        "`too-soon`: `force_refresh` a moment after the last one; Retry-After says when",
        _example(429, "too-soon", "aws was refreshed a moment ago; ask again in 42 s, or without force_refresh"),
    ),
    500: (
        "`internal`: a fault of ours; the log has it, by X-Request-ID",
        _example(500, "internal", "a fault of ours; the log has the details"),
    ),
    503: (
        "`store`: the store or the state cannot be read. `stopping`: the server is about to end. `issuer`: that of the"
        " token is out of reach",
        _example(503, "store", "cannot read the lake at /data: no such folder"),
    ),
}


def handle(app: FastAPI) -> None:
    """Make every error of the app a problem document."""
    app.add_exception_handler(OutlayError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)


def _ours(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OutlayError)  # noqa: S101 - how it was registered
    return problem(error.status, error.code, str(error))


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - how it was registered
    phrase = HTTPStatus(error.status_code).phrase
    nothing = f"there is nothing at {request.url.path}" if error.status_code == HTTPStatus.NOT_FOUND else None
    detail = nothing if nothing and error.detail == phrase else error.detail
    code = CODES.get(error.status_code, phrase.lower().replace(" ", "-"))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_allowed(request))
        told = f"{request.method} is not for {request.url.path}; there are: {allowed}"
        return problem(error.status_code, code, told, {"Allow": allowed})
    return problem(error.status_code, code, detail, error.headers)


def _allowed(request: Request) -> list[str]:
    """The verbs of a path: it may have several routes, of which an error tells one."""
    routes = request.app.routes

    def takes(method: str) -> bool:
        asked = {**request.scope, "method": method}
        return any(route.matches(asked)[0] is Match.FULL for route in routes)

    found = [method for method in ("GET", "POST", "PUT", "PATCH", "DELETE") if takes(method)]
    return sorted({*found, "HEAD"} if "GET" in found else found)


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - how it was registered
    told = "; ".join(_sentence(each) for each in error.errors())
    return problem(UsageError.status, UsageError.code, told)


def _sentence(error: Mapping[str, Any]) -> str:
    """One fault of one parameter: its name, and what it may be."""
    if error["type"] == "json_invalid":
        return f"body: not JSON, from character {error['loc'][-1]} on"
    cause = error.get("ctx", {}).get("error")
    message = str(cause) if isinstance(cause, ValueError) else error["msg"][:1].lower() + error["msg"][1:]
    where = ".".join(str(part) for part in error["loc"] if part not in ("query", "path"))
    return f"{where}: {message}" if where else message
