"""What several routes have in common: parameters that are known, and what OpenAPI says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, model_validator

from outlay.core.errors import choices
from outlay.serve.api.problems import documented

if TYPE_CHECKING:
    from outlay.core.access import Scope

Provider = Annotated[str, Path(description="A provider, a kind of source or the name of a source: aws, files, prod.")]
Next = Annotated[str | None, Field(description="The `cursor` of the next page; null on the last one.")]


class Known(BaseModel):
    """Parameters of which unknown ones are refused, with the choices."""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:
        for name in given:
            if name not in cls.model_fields:
                raise ValueError(choices("parameter", name, [*cls.model_fields]))
        return given


class Wished(BaseModel):
    """What a collection is to be, where it is not to be as those of the schedule."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"days": 7, "force_refresh": True}})

    days: int | None = Field(None, ge=1, le=3660, description="So many days before today. Default: as the schedule.")
    force_refresh: bool = Field(False, description="Go round the answers that providers gave a moment ago.")


def told(example: object, status: int = 200, description: str = "The answer") -> dict[str, Any]:
    """What OpenAPI says of the answers of a route."""
    content = {"application/json": {"example": example}}
    return {"responses": {status: {"description": description, "content": content}, **documented()}}


def takes(scope: Scope) -> dict[str, Any]:
    """What OpenAPI says of who may: a key of this scope, or none on the server's own machine. serve.access decides."""
    return {"openapi_extra": {"x-scope": scope, "security": [{}]}}  # added to the one of api.KEY
