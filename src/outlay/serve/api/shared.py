"""What several routes have in common: parameters that are known, and what OpenAPI says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, model_validator

from outlay.core.errors import choices

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


def told(
    example: object, status: int = 200, description: str = "The answer", more: Mapping[int, Any] | None = None
) -> dict[str, Any]:
    """What OpenAPI says of the answers of a route; `more`: of those of other statuses."""
    content = {"application/json": {"example": example}}
    return {"responses": {status: {"description": description, "content": content}, **(more or {})}}


def gives(*statuses: int) -> dict[int, dict[str, Any]]:
    """The problems that a route can end with, beyond those that all can; api.openapi says what each is."""
    return {status: {} for status in statuses}
