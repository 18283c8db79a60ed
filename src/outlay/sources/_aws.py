"""Access to AWS for the sources that need it: credentials, roles, clients, and errors a person can act on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from outlay.core.errors import AuthError, NotFoundError, SourceError, ThrottledError, UnreachableError

REFUSED = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidIdentityToken",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "401",
    }
)
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "NotAuthorized", "OptInRequired", "403"})
THROTTLED = frozenset(
    {"LimitExceededException", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException", "429"}
)

NEEDS = {
    "GetCostAndUsage": "the permission ce:GetCostAndUsage",
    "AssumeRole": "sts:AssumeRole on the role, and a role that trusts us (and external_id, if it has one)",
    "AssumeRoleWithWebIdentity": "a role that trusts the identity provider of web_identity_token_file",
}
KEYS = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN) or AWS_PROFILE"
FIELDS = "access_key_id and secret_access_key, or profile"
RENEWED_BEFORE = timedelta(minutes=10)  # the end of a role's keys, so that they outlive the span they are taken for
FOR_EVER = datetime.max.replace(tzinfo=UTC)


class Role(BaseModel):
    """A role to assume, and the external id that its trust asks for, if it does."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    role_arn: str
    external_id: str | None = None


class Credentials(BaseModel):
    """Who asks AWS: keys or a profile, and the roles that are assumed with them, one after the other.

    What is left out is looked for as all AWS tools do: environment, profile, container, instance.
    """

    # A fault in the settings is shown to people, and pydantic would print the keys beside it.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    profile: str | None = None
    web_identity_token_file: str | None = None  # of the first role
    role_chain: tuple[str | Role, ...] = ()
    role_arn: str | None = None  # the last role
    external_id: str | None = None  # of role_arn

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key are given both or neither")
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("external_id belongs to role_arn; in a role_chain it stands beside its role_arn")
        if self.web_identity_token_file is not None and not self.roles:
            raise ValueError("web_identity_token_file is for assuming a role: name it in role_arn")
        return self

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles to assume, in order; the last one is who asks."""
        chain = (Role(role_arn=each) if isinstance(each, str) else each for each in self.role_chain)
        last = (Role(role_arn=self.role_arn, external_id=self.external_id),) if self.role_arn else ()
        return (*chain, *last)

    @property
    def start_anew(self) -> bool:
        """Whether there is more here than roles: where the chain of roles starts."""
        return any((self.access_key_id, self.profile, self.web_identity_token_file))


@dataclass(frozen=True, slots=True)
class _Asker:
    """A boto3 session and until when its keys are good."""

    session: Any = field(repr=False)
    expires: datetime = FOR_EVER

    @property
    def is_fresh(self) -> bool:
        return datetime.now(UTC) + RENEWED_BEFORE < self.expires


class Access(Credentials):
    """The settings of a way into AWS."""

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
    endpoint_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    attempts: Annotated[int, Field(ge=1)] = 3  # per request, the first one included
    timeout: Annotated[float, Field(gt=0)] = 60.0  # seconds without a byte after which an attempt has failed

    _asker: _Asker | None = PrivateAttr(None)
    _making: Lock = PrivateAttr(default_factory=Lock)  # boto3's sessions are not for many threads

    def client(self, service: str) -> Any:
        """A boto3 client, in the last role where roles are named. Call it within `plain_errors`.

        Ask for one anew for each piece of work: a role's keys live for an hour only.
        """
        with self._making:
            if self._asker is None or not self._asker.is_fresh:
                self._asker = self._assumed()
            return self._configured(self._asker.session, service)

    def regions_of(self, service: str) -> list[str]:
        """The regions of our partition that have an endpoint of the service; none where it is not offered."""
        session = self._boto3().Session("none", "none")
        found: list[str] = session.get_available_regions(service, self.partition, allow_non_regional=True)
        return found

    @property
    def partition(self) -> str:
        """The world of accounts that the region is in: aws, aws-cn, aws-us-gov, ..."""
        from botocore.exceptions import UnknownRegionError

        try:
            return str(self._boto3().Session("none", "none").get_partition_for_region(self.region))
        except UnknownRegionError:
            return "aws"

    @contextmanager
    def plain_errors(self) -> Iterator[None]:
        """Turns botocore's errors into AuthError, ThrottledError, NotFoundError, UnreachableError, SourceError.

        The chain is broken, as an error about a signature quotes what was signed.
        """
        self._boto3()
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
        except (boto.HTTPClientError, boto.ConnectionError, ResponseParserError) as error:
            raise UnreachableError(f"{self.name}: AWS cannot be reached: {self._redacted(str(error))}") from None
        except boto.BotoCoreError as error:
            raise SourceError(f"{self.name}: AWS cannot be asked: {self._redacted(str(error))}") from None

    def _boto3(self) -> Any:
        try:
            import boto3
        except ImportError:
            raise SourceError(f"{self.name}: boto3 is missing; pip install 'outlay[aws]'") from None
        return boto3

    def _own_session(self) -> Any:
        keys = (secret and secret.get_secret_value() for secret in self._secrets())
        return self._boto3().Session(*keys, self.region, profile_name=self.profile)

    def _assumed(self) -> _Asker:
        """Each role by the keys of the one before it."""
        asker = _Asker(self._own_session())
        token = self._web_identity_token()
        for role in self.roles:
            sts = self._configured(asker.session, "sts")
            named = {"RoleArn": role.role_arn, "RoleSessionName": "outlay"}
            if token is not None:
                answer = sts.assume_role_with_web_identity(**named, WebIdentityToken=token)
            else:
                answer = sts.assume_role(**named, **({"ExternalId": role.external_id} if role.external_id else {}))
            keys, token = answer["Credentials"], None
            names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
            session = self._boto3().Session(*(keys[each] for each in names), self.region)
            asker = _Asker(session, min(asker.expires, keys["Expiration"]))
        return asker

    def _web_identity_token(self) -> str | None:
        if self.web_identity_token_file is None:
            return None
        try:
            return Path(self.web_identity_token_file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            raise AuthError(f"{self.name}: web_identity_token_file {self.web_identity_token_file}: {reason}") from None

    def _configured(self, session: Any, service: str) -> Any:
        from botocore.config import Config

        retries = {"total_max_attempts": self.attempts, "mode": "adaptive"}
        config = Config(retries=retries, connect_timeout=min(10.0, self.timeout), read_timeout=self.timeout)
        client = session.client(service, endpoint_url=self.endpoint_url, config=config)
        client.meta.events.register("before-parse.sts", _readable)
        return client

    def _refusal(self, error: Any) -> SourceError:
        code, operation = code_of(error), error.operation_name
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
        said = self._redacted(error.response["Error"].get("Message") or "nothing more")
        if code in EXPIRED:
            return AuthError(f"{self.name}: the credentials have expired ({code}); renew {KEYS}")
        if code in REFUSED:
            return AuthError(f"{self.name}: AWS does not accept the credentials ({code}); check {KEYS}")
        if code in THROTTLED or status == 429:
            return ThrottledError(f"{self.name}: {operation} is throttled, tried {self.attempts} times: {code}: {said}")
        if code in DENIED or status in {401, 403}:
            need = NEEDS.get(operation, f"the permission for {operation}")
            return AuthError(f"{self.name}: {operation} is denied; it takes {need}. AWS says: {said}")
        if status == 404:
            return NotFoundError(f"{self.name}: {operation} found nothing: {code}: {said}")
        kind = UnreachableError if status >= 500 else SourceError
        return kind(f"{self.name}: {operation} failed, tried {self.attempts} times at most: {code}: {said}")

    def _redacted(self, text: str) -> str:
        for secret in filter(None, self._secrets()):
            text = text.replace(secret.get_secret_value(), "***")
        return text

    def _secrets(self) -> tuple[SecretStr | None, ...]:
        return self.access_key_id, self.secret_access_key, self.session_token


def _readable(response_dict: dict[str, Any], operation_model: Any, **_: object) -> None:
    """Lets botocore tell the status of an answer of STS that is none of its XML, of a proxy for example.

    It would fail on it, untried again; of services that answer in JSON it takes the status for the code.
    """
    status, body = response_dict["status_code"], response_dict["body"]
    if status < 300 and f"<{operation_model.name}Response".encode() not in body:
        response_dict["body"] = b""  # which it fails on in words
    elif status >= 300 and b"<Error>" not in body:
        error = f"<Error><Code>{status}</Code><Message></Message></Error>"
        response_dict["body"] = f"<ErrorResponse>{error}</ErrorResponse>".encode()


def code_of(error: Any) -> str:
    """The code of a botocore ClientError."""
    return str(error.response["Error"].get("Code") or "no code")
