"""Logging in to Azure: azure-identity calls every failure a refusal, also when the login gave no answer at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecodeError
from typing import Any

from outlay.core.errors import NotFoundError, SourceError, ThrottledError, UnreachableError
from outlay.sources.azure.access import SAID, Access


def token_of(credential: Any, resource: str, access: Access) -> str:
    """A bearer token for a resource such as `https://management.azure.com`.

    Raises AuthError when the login refuses the credentials, NotFoundError, ThrottledError, UnreachableError.
    """
    from azure.core.exceptions import AzureError

    place = f"{access.name}: logging in"
    try:
        return str(credential.get_token(f"{resource.rstrip('/')}/.default").token)
    except AzureError as error:
        raise (_unanswered(error, access, place) or access.plain(error, place)) from None


def _unanswered(error: BaseException, access: Access, place: str) -> SourceError | None:
    """The error for a login that did not come to judge the credentials; None for one that did."""
    from azure.core import exceptions as azure
    from azure.identity import CredentialUnavailableError
    from msal.exceptions import MsalServiceError  # type: ignore[import-untyped]

    if isinstance(error, CredentialUnavailableError):
        return None  # a machine without an identity does not answer either
    cut = (azure.IncompleteReadError, azure.DecodeError, JSONDecodeError)
    broken = (azure.ServiceRequestError, azure.ServiceResponseError, MsalServiceError, *cut)
    for cause in _causes(error):
        status = re.search(r"HTTP status: (\d{3})", str(cause))
        if status and status[1] == "404":
            return NotFoundError(f"{place}: Azure knows no such tenant; check AZURE_TENANT_ID")
        if status and status[1] == "429":
            return ThrottledError(f"{place}: refused as too many requests, tried {access.attempts} times at most")
        if isinstance(cause, broken):
            said = re.sub(r"\?\S+", "", str(cause).partition("\n")[0])[:SAID]
            return UnreachableError(f"{place}: no whole answer, tried {access.attempts} times at most: {said}")
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
