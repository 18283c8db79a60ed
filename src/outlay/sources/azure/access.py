"""Ways into Azure: the settings that hold credentials, and what goes wrong in words a person can act on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from outlay.core.errors import AuthError, NotFoundError, SourceError, ThrottledError, UnreachableError

URL = r"^https?://[^\s?#]+$"
SAID = 300  # characters of what Azure says in an error

CLIENT = "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
READER = "the role Storage Blob Data Reader on the container"
_REFUSALS: Mapping[str, str] = {
    "AuthenticationFailed": "the key or the SAS token is wrong, has expired or is for another account",
    "AuthorizationFailure": (
        "the key or the SAS token is wrong, has expired or may not read and list (sp=rl),"
        " or the firewall of the storage account does not let us in"
    ),
    "AuthorizationPermissionMismatch": f"it takes {READER}, or a SAS token that may read and list (sp=rl)",
    "AuthorizationResourceTypeMismatch": "the SAS token is not for the container: it takes srt=co, or sr=c",
    "AuthorizationServiceMismatch": "the SAS token is not for blobs: it takes ss=b",
    "InsufficientAccountPermissions": f"it takes {READER}",
    "InvalidAuthenticationInfo": "Azure does not accept the token: check tenant_id, it is the storage account's tenant",
    "KeyBasedAuthenticationNotPermitted": "the account takes no keys: use client_secret or managed_identity",
    "NoAuthenticationInformation": "the container is not public: set credentials",
    "PublicAccessNotPermitted": "the container is not public: set credentials",
}


class Access(BaseModel):
    """The settings of a way into Azure.

    `tenant_id` `client_id` `client_secret`  an app registration
    `managed_identity`    `true` for the identity of the machine we run on, or a client id where it has several
    `connection_string`   of the storage account, with its key or a SAS token
    `sas_token`           of the storage account or the container, with read and list (sp=rl)
    `authority_url` `endpoint_url`  where to log in and where Azure's API is, in clouds other than the public one
    `ca_file`             certificates to trust, where a proxy or a private cloud has its own
    `timeout`             seconds without a byte after which an attempt has failed
    """

    # A fault in the settings is shown to people, and pydantic would print the secrets beside it.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ENVIRONMENT: ClassVar[Mapping[str, str]] = {
        "AZURE_TENANT_ID": "tenant_id",
        "AZURE_CLIENT_ID": "client_id",
        "AZURE_CLIENT_SECRET": "client_secret",
        "AZURE_SUBSCRIPTION_ID": "subscription_id",
    }
    SWITCH: ClassVar[tuple[str, ...]] = ("AZURE_CLIENT_SECRET",)

    name: Annotated[str, Field(pattern=r"^[a-z0-9._-]+$")] = "azure"
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    managed_identity: bool | str = False
    connection_string: SecretStr | None = None
    sas_token: SecretStr | None = None
    authority_url: Annotated[str, Field(pattern=URL)] | None = None
    endpoint_url: Annotated[str, Field(pattern=URL)] = "https://management.azure.com"
    ca_file: str | None = None
    attempts: Annotated[int, Field(ge=1)] = 3  # per request, the first one included
    timeout: Annotated[float, Field(gt=0)] = 60.0

    @model_validator(mode="after")
    def _an_app_has_three_parts(self) -> Self:
        if self.client_secret is not None and not (self.tenant_id and self.client_id):
            raise ValueError("client_secret comes with tenant_id and client_id")
        return self

    @cached_property
    def identity(self) -> Any:
        """The credential, kept because it keeps its token until that expires. Raises what `credential` does."""
        return self.credential()

    def credential(self) -> Any:
        """The azure-identity credential. Raises AuthError when the settings hold none, SourceError without the extra.

        It logs in when it is first asked for a token: see `_login.token_of`.
        """
        try:
            from azure.identity import ClientSecretCredential, ManagedIdentityCredential
        except ImportError:
            raise self.no_extra("azure-identity") from None
        if self.client_secret is not None:
            return ClientSecretCredential(
                str(self.tenant_id),
                str(self.client_id),
                self.client_secret.get_secret_value(),
                authority=self.authority_url,
                disable_instance_discovery=self.authority_url is not None,
                **self.transport(),
            )
        if self.managed_identity:
            client = self.managed_identity if isinstance(self.managed_identity, str) else None
            return ManagedIdentityCredential(client_id=client, **self.transport())
        raise AuthError(f"{self.name}: no credentials; set {CLIENT}, or in the settings managed_identity: true")

    def transport(self) -> dict[str, Any]:
        """What every client of Azure's libraries is told of attempts, seconds and certificates."""
        return {
            "retry_total": self.attempts - 1,
            "connection_timeout": self.timeout,
            "read_timeout": self.timeout,
            "connection_verify": self.ca_file or True,
        }

    def no_extra(self, library: str) -> SourceError:
        """The error for a library that is not installed."""
        return SourceError(f"{self.name}: {library} is missing; pip install 'outlay[azure]'")

    def plain(self, error: Any, place: str) -> SourceError:
        """The error of ours that an AzureError is."""
        from azure.core import exceptions as azure

        code, status = code_of(error), getattr(error, "status_code", None)
        said = self._redacted(_sentence(error))
        if isinstance(error, azure.ClientAuthenticationError) and status is None:
            return AuthError(f"{place}: Azure does not accept the credentials; check {self._credentials()}. {said}")
        if status in {401, 403}:
            need = _REFUSALS.get(code, f"check {self._credentials()}; it takes {READER}")
            return AuthError(f"{place}: refused ({code or status}); {need}")
        if status == 404:
            return NotFoundError(f"{place}: not found ({code or status}). {said}")
        if status == 429:
            return ThrottledError(f"{place}: refused as too many requests, tried {self.attempts} times at most")
        if status is None or status >= 500 or isinstance(error, azure.DecodeError | azure.IncompleteReadError):
            return UnreachableError(f"{place}: no whole answer, tried {self.attempts} times at most: {said}")
        return SourceError(f"{place}: failed ({code or status}). {said}")

    def _credentials(self) -> str:
        if self.client_secret is not None:
            return CLIENT
        if self.managed_identity:
            return "managed_identity: is there one on this machine?"
        return "connection_string" if self.connection_string is not None else "sas_token"

    def _redacted(self, text: str) -> str:
        for secret in (self.client_secret, self.connection_string, self.sas_token):
            if secret is not None and secret.get_secret_value():
                text = text.replace(secret.get_secret_value(), "***")
        return text


def code_of(error: Any) -> str:
    """The code of a storage error, such as ContainerNotFound; '' where it has none."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def _sentence(error: Any) -> str:
    """What an error says in one line, without what follows `?` in a URL."""
    text = getattr(error, "message", None) or str(error)
    return re.sub(r"\?\S+", "", " ".join(text.split("\n")[0].split()))[:SAID]
