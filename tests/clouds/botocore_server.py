"""A server on 127.0.0.1 that speaks AWS protocols by botocore's own service models, and validates both directions.

    server = AwsServer()                                # one key: KEY, of account ACCOUNT
    server.on("ce", "GetCostAndUsage", handler)         # handler(request: dict) -> answer: dict
    boto3.client("ce", endpoint_url=server.url, **KEY.as_settings())
    ...
    server.calls                                        # [Call(service, operation, account, request, error), ...]
    server.close()                                      # raises AssertionError if a handler answered off the model

What a handler may do: look at `server.caller` (the Key that signed), raise `AwsError("LimitExceededException", "")`.
A request off the operation's input shape (unknown members, types, required, enums, min/max, patterns) gets a
ValidationException, as from AWS. An answer off its output shape is a fault of the test: it is kept in `faults`, the
client gets an error that is not retried, and `close()` raises; a test that provokes it on purpose clears `faults`.
Signatures are verified, so a wrong secret is refused in AWS's words. STS is built in: GetCallerIdentity, AssumeRole
and AssumeRoleWithWebIdentity (keys of the role's account; `external_ids[role_arn]`, where set, has to be given).
"""

from __future__ import annotations

import json
import secrets
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from threading import local
from typing import Any
from urllib.parse import parse_qsl

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from tests.clouds.botocore_wire import faults_of, from_query, to_json, to_xml, xml_error
from tests.clouds.serving import QuietHandler, Serving

Handler = Callable[[dict[str, Any]], Mapping[str, Any]]

SERVICES = ("ce", "organizations", "sts")
_SIGNED = "AWS4-HMAC-SHA256 "
OFF_MODEL = "FakeAnswerOffTheModel"  # the code of an answer that is a fault of the test


class AwsError(Exception):
    """What a handler raises to answer with an error: AccessDeniedException, LimitExceededException, ..."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True, slots=True)
class Key:
    """An access key, the account it belongs to, and who it is."""

    account: str
    access_key_id: str
    secret_access_key: str = field(repr=False, default="secret")
    session_token: str | None = field(repr=False, default=None)
    arn: str = "arn:aws:iam::000000000000:user/outlay"

    def as_settings(self) -> dict[str, str]:
        """As arguments of `boto3.client`."""
        named = {"aws_access_key_id": self.access_key_id, "aws_secret_access_key": self.secret_access_key}
        token = {"aws_session_token": self.session_token} if self.session_token else {}
        return named | token | {"region_name": "us-east-1"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was signed well (or needs no signature): `error` is the code it was answered with, if any."""

    service: str
    operation: str
    account: str
    request: Mapping[str, Any] = field(repr=False, default_factory=dict)
    error: str | None = None


ACCOUNT = "123456789012"
KEY = Key(ACCOUNT, "AKIAOUTLAYTESTS", arn=f"arn:aws:iam::{ACCOUNT}:user/outlay")


class AwsServer:
    """See the module. Safe for many threads at once."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.faults: list[str] = []
        self.keys: dict[str, Key] = {}
        self.external_ids: dict[str, str] = {}
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._models = {name: _model(name) for name in SERVICES}
        self._here = local()
        self.add(KEY)
        self.on("sts", "GetCallerIdentity", self._identity)
        self.on("sts", "AssumeRole", self._assume)
        self.on("sts", "AssumeRoleWithWebIdentity", self._assume)
        self._serving = Serving(self._handler())
        self.url = self._serving.url

    def on(self, service: str, operation: str, handler: Handler) -> None:
        """Let `handler` answer an operation; the last one given does."""
        self._models[service].operation_model(operation)  # an unknown operation is a slip of the test
        self._handlers[service, operation] = handler

    def add(self, key: Key) -> Key:
        """Know an access key."""
        self.keys[key.access_key_id] = key
        return key

    @property
    def caller(self) -> Key:
        """Who asks, within a handler."""
        key: Key = self._here.caller
        return key

    def close(self) -> None:
        """Stop. Raises AssertionError when a handler answered off the model, or failed."""
        self._serving.close()
        assert not self.faults, "\n".join(self.faults)

    def _identity(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"Account": self.caller.account, "UserId": self.caller.access_key_id, "Arn": self.caller.arn}

    def _assume(self, request: Mapping[str, Any]) -> dict[str, Any]:
        role = request["RoleArn"]
        if self.external_ids.get(role) not in {None, request.get("ExternalId")}:
            said = f"User: {self.caller.arn} is not authorized to perform: sts:AssumeRole on resource: {role}"
            raise AwsError("AccessDenied", said, 403)
        account, name = role.split(":")[4], role.rpartition("/")[2]
        arn = f"{':'.join(role.split(':')[:2])}:sts::{account}:assumed-role/{name}/{request['RoleSessionName']}"
        one = self.add(Key(account, f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), "t" * 32, arn))
        keys = {
            "AccessKeyId": one.access_key_id,
            "SecretAccessKey": one.secret_access_key,
            "SessionToken": one.session_token,
            "Expiration": datetime.now(UTC) + timedelta(hours=1),
        }
        return {"Credentials": keys, "AssumedRoleUser": {"AssumedRoleId": f"{one.access_key_id}:x", "Arn": arn}}

    def _handler(self) -> type[QuietHandler]:
        server = self

        class Answering(QuietHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, content_type, answer = server._answer(self.path, dict(self.headers), body)
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("x-amzn-RequestId", "00000000-0000-4000-8000-000000000000")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        return Answering

    def _answer(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        target = headers.get("X-Amz-Target")
        is_json = target is not None
        try:
            operation = self._operation(target, body)
            self._here.caller = self._signed(operation, path, headers, body)
            answer = self._called(operation, _decoded(operation, is_json, body))
            written = to_json(operation, answer) if is_json else to_xml(operation, answer)
            status = 200
        except AwsError as error:
            status = error.status
            written = (
                json.dumps({"__type": error.code, "message": error.message, "Message": error.message}).encode()
                if is_json
                else xml_error(error.code, error.message)
            )
        return status, "application/x-amz-json-1.1" if is_json else "text/xml", written

    def _operation(self, target: str | None, body: bytes) -> OperationModel:
        if target is not None:
            prefix, _, name = target.partition(".")
            found = [m for m in self._models.values() if m.metadata.get("targetPrefix") == prefix]
        else:
            form = dict(parse_qsl(body.decode()))
            name, version = form.get("Action", ""), form.get("Version")
            found = [
                m
                for m in self._models.values()
                if m.metadata["protocol"] == "query" and m.metadata["apiVersion"] == version
            ]
        if not found or name not in found[0].operation_names:
            raise AwsError("UnknownOperationException", f"{target or name}")
        return found[0].operation_model(name)

    def _signed(self, operation: OperationModel, path: str, headers: Mapping[str, str], body: bytes) -> Key:
        """The key that signed. Raises AwsError in AWS's words when none did, or not well."""
        if operation.auth_type == "none":
            return Key("", "")
        is_query = operation.service_model.metadata["protocol"] == "query"
        said = headers.get("Authorization", "")
        if not said.startswith(_SIGNED):
            code = "MissingAuthenticationToken" if is_query else "MissingAuthenticationTokenException"
            raise AwsError(code, "Missing Authentication Token", 403)
        key = self.keys.get(_signed_parts(said)["Credential"].split("/")[0])
        if key is None or key.session_token != headers.get("X-Amz-Security-Token"):
            code = "InvalidClientTokenId" if is_query else "UnrecognizedClientException"
            raise AwsError(code, "The security token included in the request is invalid.", 403)
        if not _is_signed_by(key, path, headers, body):
            code = "SignatureDoesNotMatch" if is_query else "InvalidSignatureException"
            raise AwsError(code, "The request signature we calculated does not match the signature you provided.", 403)
        return key

    def _called(self, operation: OperationModel, request: dict[str, Any]) -> Mapping[str, Any]:
        service, name = operation.service_model.service_name, operation.name
        try:
            answer = self._judged(service, operation, request)
        except AwsError as error:
            self.calls.append(Call(service, name, self.caller.account, request, error.code))
            raise
        self.calls.append(Call(service, name, self.caller.account, request))
        return answer

    def _judged(self, service: str, operation: OperationModel, request: dict[str, Any]) -> Mapping[str, Any]:
        """The handler's answer, when both it and the request fit the model."""
        if wrong := faults_of(request, operation.input_shape):
            raise AwsError("ValidationException", f"{len(wrong)} validation error detected: {'; '.join(wrong)}")
        handler = self._handlers.get((service, operation.name))
        if handler is None:
            raise self._fault(f"nobody answers {service} {operation.name}")
        try:
            answer = handler(request)
        except AwsError:
            raise
        except Exception:
            raise self._fault(f"{service} {operation.name}: {traceback.format_exc()}") from None
        if wrong := faults_of(answer, operation.output_shape):
            raise self._fault(f"{service} {operation.name} answered off the model: {'; '.join(wrong)}")
        return answer

    def _fault(self, what: str) -> AwsError:
        self.faults.append(what)
        return AwsError(OFF_MODEL, what)


@cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def _decoded(operation: OperationModel, is_json: bool, body: bytes) -> dict[str, Any]:
    if not is_json:
        return from_query(operation, parse_qsl(body.decode(), keep_blank_values=True))
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        request = None
    if not isinstance(request, dict):
        raise AwsError("SerializationException", "no JSON object")
    return request


def _signed_parts(authorization: str) -> dict[str, str]:
    return dict(part.strip().split("=", 1) for part in authorization.removeprefix(_SIGNED).split(","))


def _is_signed_by(key: Key, path: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the request's signature is what it would be, made as clients make it."""
    lower = {name.lower(): value for name, value in headers.items()}
    parts = _signed_parts(lower["authorization"])
    _, _, region, service, _ = parts["Credential"].split("/")
    kept = {name: lower[name] for name in parts["SignedHeaders"].split(";") if name in lower}
    request = AWSRequest("POST", f"http://{lower['host']}{path}", kept, body)
    request.context["timestamp"] = lower.get("x-amz-date", "")
    signer = SigV4Auth(Credentials(key.access_key_id, key.secret_access_key), service, region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return bool(signer.signature(text, request) == parts["Signature"])
