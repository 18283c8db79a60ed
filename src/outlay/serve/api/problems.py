"""Errors over HTTP: RFC 9457 problem documents."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from outlay.core.errors import OutlayError, UsageError

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
    """The response that tells of a problem."""
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, code=code)
    return JSONResponse(told.model_dump(), status, headers, MEDIA_TYPE)


def documented() -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of every answer that is a problem."""
    example = {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "no dimension named 'servic'; there are: date, month, source, provider, ...",
        "code": "usage",
    }
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema(), "example": example}}
    return {"default": {"description": "A problem", "content": content}}


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
    return problem(error.status_code, code, detail, error.headers)


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
