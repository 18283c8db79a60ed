"""Access to AWS for the sources that need it: credentials, clients, and errors a person can act on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from outlay.core.errors import AuthError, SourceError

REFUSED = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "NotAuthorized", "OptInRequired", "403"})

NEEDS = {
    "GetCostAndUsage": "the permission ce:GetCostAndUsage",
    "AssumeRole": "sts:AssumeRole on role_arn, and a role that trusts us (and external_id, if it has one)",
}
KEYS = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN) or AWS_PROFILE"
FIELDS = "access_key_id and secret_access_key, or profile"


class Access(BaseModel):
    """The settings of a way into AWS.

    Credentials left out are looked for as all AWS tools do: environment, profile, container, instance.
    """

    # A fault in the settings is shown to people, and pydantic would print the keys beside it.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ENVIRONMENT: ClassVar[Mapping[str, str]] = {
        "AWS_ACCESS_KEY_ID": "access_key_id",
        "AWS_SECRET_ACCESS_KEY": "secret_access_key",
        "AWS_SESSION_TOKEN": "session_token",
        "AWS_REGION": "region",
        "AWS_DEFAULT_REGION": "region",
        "AWS_PROFILE": "profile",
    }
    SWITCH: ClassVar[tuple[str, ...]] = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE")

    name: Annotated[str, Field(pattern=r"^[a-z0-9._-]+$")] = "aws"
    region: str = "us-east-1"
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    endpoint_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    attempts: Annotated[int, Field(ge=1)] = 3  # per request, the first one included

    @model_validator(mode="after")
    def _keys_come_in_pairs(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key are given both or neither")
        return self

    def client(self, service: str) -> Any:
        """A boto3 client, in the role where one is named. Call it within `plain_errors`.

        It is made anew each time, for a role's keys live for an hour only.
        """
        try:
            import boto3
        except ImportError:
            raise SourceError(f"{self.name}: boto3 is missing; pip install 'outlay[aws]'") from None
        keys = (secret and secret.get_secret_value() for secret in self._secrets())
        session = boto3.Session(*keys, self.region, profile_name=self.profile)
        if self.role_arn is not None:
            named = {"ExternalId": self.external_id} if self.external_id else {}
            sts = self._configured(session, "sts")
            role = sts.assume_role(RoleArn=self.role_arn, RoleSessionName="outlay", **named)["Credentials"]
            keys_of_role = (role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"])
            session = boto3.Session(*keys_of_role, self.region)
        return self._configured(session, service)

    @contextmanager
    def plain_errors(self) -> Iterator[None]:
        """Turns botocore's errors into AuthError and SourceError.

        The chain is broken, as an error about a signature quotes what was signed.
        """
        from botocore import exceptions as boto
        from botocore.parsers import ResponseParserError

        none_found = (boto.NoCredentialsError, boto.PartialCredentialsError, boto.ProfileNotFound)
        no_use = (
            boto.CredentialRetrievalError,
            boto.TokenRetrievalError,
            boto.NoAuthTokenError,
            boto.SSOError,
        )
        try:
            yield
        except boto.ClientError as error:
            raise self._refusal(error) from None
        except (*none_found, *no_use) as error:
            reason = f"no usable credentials ({type(error).__name__})"
            raise AuthError(f"{self.name}: {reason}; set {KEYS}, or in the settings {FIELDS}") from None
        except (boto.BotoCoreError, ResponseParserError) as error:
            raise SourceError(f"{self.name}: AWS cannot be reached: {self._redacted(str(error))}") from None

    def _configured(self, session: Any, service: str) -> Any:
        from botocore.config import Config

        retries = {"total_max_attempts": self.attempts, "mode": "adaptive"}
        config = Config(retries=retries, connect_timeout=10, read_timeout=60)
        return session.client(service, endpoint_url=self.endpoint_url, config=config)

    def _refusal(self, error: Any) -> SourceError:
        code, operation = code_of(error), error.operation_name
        said = self._redacted(error.response["Error"].get("Message") or "nothing more")
        if code in EXPIRED:
            return AuthError(f"{self.name}: the credentials have expired ({code}); renew {KEYS}")
        if code in REFUSED:
            return AuthError(f"{self.name}: AWS does not accept the credentials ({code}); check {KEYS}")
        if code in DENIED:
            need = NEEDS.get(operation, operation)
            return AuthError(f"{self.name}: {operation} is denied; it takes {need}. AWS says: {said}")
        return SourceError(f"{self.name}: {operation} failed, tried {self.attempts} times at most: {code}: {said}")

    def _redacted(self, text: str) -> str:
        for secret in filter(None, self._secrets()):
            text = text.replace(secret.get_secret_value(), "***")
        return text

    def _secrets(self) -> tuple[SecretStr | None, ...]:
        return self.access_key_id, self.secret_access_key, self.session_token


def code_of(error: Any) -> str:
    """The code of a botocore ClientError."""
    return str(error.response["Error"].get("Code") or "no code")
