"""Access to BigQuery: credentials, the official client, and the settings both need."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from outlay.core.errors import AuthError, SourceError

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

SCOPES = ("https://www.googleapis.com/auth/bigquery",)
PROJECT = re.compile(r"^[a-z0-9.:-]+$")
LOGIN = "set credentials_path or GCP_CREDENTIALS_PATH, or log in with: gcloud auth application-default login"


class Access(BaseModel):
    """The settings of a way into BigQuery. Without `credentials_path` they are looked for as all Google tools do."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ENVIRONMENT: ClassVar[Mapping[str, str]] = {
        "GCP_PROJECT_ID": "project_id",
        "GCP_CREDENTIALS_PATH": "credentials_path",
        "GCP_BIGQUERY_DATASET": "dataset",
        "GCP_BILLING_ACCOUNT_ID": "billing_account_id",
    }
    SWITCH: ClassVar[tuple[str, ...]] = ("GCP_BIGQUERY_DATASET",)

    name: Annotated[str, Field(pattern=r"^[a-z0-9._-]+$")] = "gcp"
    project_id: Annotated[str, Field(pattern=PROJECT.pattern)] | None = None
    credentials_path: Path | None = None
    location: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] | None = None
    endpoint_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    anonymous: bool = False
    attempts: Annotated[int, Field(ge=1)] = 3  # per request, the first one included
    timeout: Annotated[float, Field(gt=0)] = 60.0  # seconds without a byte

    @model_validator(mode="after")
    def _anonymous_elsewhere(self) -> Self:
        if self.anonymous and self.endpoint_url is None:
            raise ValueError("anonymous is for emulators: it takes an endpoint_url")
        return self

    def client(self) -> Any:
        """A google.cloud.bigquery.Client, which asks as the project that is billed for queries. The caller closes it.

        Raises AuthError and SourceError.
        """
        try:
            from google.api_core.client_options import ClientOptions
            from google.auth.transport.requests import AuthorizedSession
            from google.cloud import bigquery
        except ImportError:
            raise SourceError(f"{self.name}: google-cloud-bigquery is missing; pip install 'outlay[gcp]'") from None
        credentials, project = self._credentials()
        project = self.project_id or project
        if project is None:
            raise SourceError(f"{self.name}: which project asks? Set project_id or GCP_PROJECT_ID")
        session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
        _limit(session, self.timeout)
        if not PROJECT.fullmatch(project):
            raise SourceError(f"{self.name}: {project!r} is no project's id; set project_id")
        options = ClientOptions(api_endpoint=self.endpoint_url) if self.endpoint_url else None
        return bigquery.Client(project, credentials, _http=session, client_options=options)

    def asks_as(self) -> str | None:
        """Whose credentials these are, a text that is another one for another key; None where they do not tell."""
        if self.anonymous:
            return "nobody"
        try:
            credentials, project = self._credentials()
        except SourceError:  # whoever asks is told
            return None
        account = str(getattr(credentials, "service_account_email", None) or "")
        key = getattr(getattr(credentials, "signer", None), "key_id", None)
        token = getattr(credentials, "refresh_token", None) or ""
        if "@" not in account and not token:  # a machine's own are called "default" until they are used
            return None
        return sha256(json.dumps([project, account, key, token]).encode()).hexdigest()

    def _credentials(self) -> tuple[Credentials, str | None]:
        """What to ask with, and the project it belongs to as far as it tells."""
        import google.auth
        from google.auth.credentials import AnonymousCredentials
        from google.auth.exceptions import GoogleAuthError

        if self.anonymous:
            return AnonymousCredentials(), None  # type: ignore[no-untyped-call]
        if self.credentials_path is not None:
            return self._from_file(self.credentials_path)
        try:
            found: tuple[Credentials, str | None] = google.auth.default(scopes=SCOPES)
        except GoogleAuthError:
            raise AuthError(f"{self.name}: no credentials of Google found; {LOGIN}") from None
        return found

    def _from_file(self, path: Path) -> tuple[Credentials, str | None]:
        place = f"{self.name}: credentials_path {path}"
        try:
            info = json.loads(path.read_bytes())
            kind = info["type"]
        except OSError as error:
            raise AuthError(f"{place} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise AuthError(f"{place} is no key or credentials file of Google (JSON with a type)") from None
        make = _makers().get(kind)
        if make is None:
            raise AuthError(f"{place} is of type {kind!r}; there are: {', '.join(_makers())}")
        try:
            return make(info, scopes=SCOPES), info.get("project_id")
        except Exception:
            # Whatever is wrong with it, the text of the error may quote the key.
            raise AuthError(f"{place} is damaged, or not whole; download it anew") from None


def _makers() -> Mapping[str, Any]:
    """What makes credentials of each type of file."""
    from google.auth.identity_pool import Credentials as Federated
    from google.oauth2.credentials import Credentials as User
    from google.oauth2.service_account import Credentials as ServiceAccount

    return {
        "service_account": ServiceAccount.from_service_account_info,
        "authorized_user": User.from_authorized_user_info,
        "external_account": Federated.from_info,
    }


def _limit(session: Any, seconds: float) -> None:
    """No request waits longer than this: Google's client waits two minutes for rows, whatever it is told."""
    from requests.adapters import HTTPAdapter

    class Limited(HTTPAdapter):
        def send(self, *args: Any, **named: Any) -> Any:
            return super().send(*args, **{**named, "timeout": seconds})

    session.mount("https://", Limited())
    session.mount("http://", Limited())
