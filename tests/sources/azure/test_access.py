"""Ways into Azure: each kind of credentials against Azurite, and what is said when they do not do."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError

from outlay.core.errors import AuthError, SourceError, UnreachableError
from outlay.sources.azure import Azure
from tests.clouds import azure, tls
from tests.clouds.azure import ACCOUNT, CONTAINER, KEY, AzureCloud
from tests.clouds.serving import QuietHandler, Serving
from tests.sources.azure.exporting import OCTOBER, lines, rows, total

TENANT = "11111111-2222-3333-4444-555555555555"
APP = {"tenant_id": TENANT, "client_id": "66666666-7777-8888-9999-000000000000", "client_secret": "hush~secret"}


def jwt() -> str:
    """A token as Azurite wants it; it does not check who signed it."""
    now = int(time.time())
    claims = {
        "aud": "https://storage.azure.com",
        "iss": f"https://sts.windows-ppe.net/{TENANT}/",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3600,
    }
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    packed = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*packed, "c2lnbmF0dXJl"])


class _Login(QuietHandler):
    """Azure's login for apps, and the endpoint that machines ask for their own identity."""

    def do_GET(self) -> None:
        if self.path.startswith("/identity"):
            known = self.headers["X-IDENTITY-HEADER"] == "machine" and "wrong" not in self.path
            self._say(200 if known else 400, {**_token(), "expires_on": str(int(time.time()) + 3600)} if known else {})
            return
        base = f"https://{self.headers['Host']}/{TENANT}"
        ends = {"authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/oauth2/v2.0/token"}
        self._say(200, {"issuer": f"{base}/v2.0", **ends})

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if form["client_secret"] == [APP["client_secret"]]:
            self._say(200, {**_token(), "expires_in": 3599})
        else:
            said = "AADSTS7000215: Invalid client secret provided."
            self._say(401, {"error": "invalid_client", "error_description": said})

    def _say(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _token() -> dict[str, Any]:
    return {"token_type": "Bearer", "access_token": jwt(), "resource": "https://storage.azure.com"}


@pytest.fixture(scope="module")
def certificate() -> Iterator[tls.Tls]:
    with closing(tls.make()) as found:
        yield found


@pytest.fixture(scope="module")
def secure(certificate: tls.Tls) -> Iterator[AzureCloud]:
    """A storage account that is reached by TLS and knows tokens."""
    pem = str(certificate.cert)
    with closing(AzureCloud("--oauth", "basic", "--cert", pem, "--key", pem, ca=str(certificate.ca))) as found:
        found.export(OCTOBER, lines("1.5"))
        yield found


@pytest.fixture(scope="module")
def login(certificate: tls.Tls) -> Iterator[str]:
    with closing(Serving(_Login, certificate.cert)) as found:
        yield found.url


@pytest.fixture(scope="module")
def cloud() -> Iterator[AzureCloud]:
    with closing(azure.start()) as found:
        found.export(OCTOBER, lines("1.5"))
        yield found


def source(cloud: AzureCloud, **settings: Any) -> Azure:
    """Without a connection string; the account's endpoint instead."""
    where = {"export": {"container": CONTAINER}, "blob_endpoint_url": f"{cloud.url}/{ACCOUNT}", "attempts": 1}
    return Azure.model_validate({**where, **settings})


def sas(cloud: AzureCloud, permission: str, days: int = 1) -> str:
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    signed: str = generate_container_sas(
        ACCOUNT,
        CONTAINER,
        KEY,
        permission=ContainerSasPermissions.from_string(permission),
        expiry=datetime.now(UTC) + timedelta(days=days),
        protocol="https,http",
    )
    return signed


def test_an_app_logs_in_with_its_secret(secure: AzureCloud, login: str, certificate: tls.Tls) -> None:
    found = source(secure, authority_url=login, ca_file=str(certificate.ca), **APP)
    assert total(rows(found)) == Decimal("1.5")


def test_a_machine_has_an_identity_of_its_own(
    secure: AzureCloud, login: str, certificate: tls.Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{login}/identity")
    monkeypatch.setenv("IDENTITY_HEADER", "machine")
    found = source(secure, managed_identity=True, ca_file=str(certificate.ca))
    assert total(rows(found)) == Decimal("1.5")
    other = source(secure, managed_identity="wrong", ca_file=str(certificate.ca))
    with pytest.raises(AuthError, match="managed_identity: is there one on this machine"):
        other.test()


def test_a_wrong_secret_is_told_by_where_it_is_set(secure: AzureCloud, login: str, certificate: tls.Tls) -> None:
    wrong = {**APP, "client_secret": "guess~secret"}
    found = source(secure, authority_url=login, ca_file=str(certificate.ca), **wrong)
    with pytest.raises(AuthError, match=r"check AZURE_TENANT_ID, .*AADSTS7000215") as raised:
        found.test()
    assert "guess~secret" not in str(raised.value)


def test_a_login_that_is_not_there_is_no_fault_of_the_secret(secure: AzureCloud, certificate: tls.Tls) -> None:
    found = source(secure, authority_url="https://127.0.0.1:9", ca_file=str(certificate.ca), **APP)
    with pytest.raises(UnreachableError):
        found.test()


@pytest.mark.parametrize("mark", ["", "?"])
def test_a_sas_token_that_may_read_and_list_does(cloud: AzureCloud, mark: str) -> None:
    assert total(rows(source(cloud, sas_token=mark + sas(cloud, "rl")))) == Decimal("1.5")


def test_a_sas_token_in_a_connection_string_does(cloud: AzureCloud) -> None:
    text = f"BlobEndpoint={cloud.url}/{ACCOUNT};SharedAccessSignature={sas(cloud, 'rl')}"
    found = Azure.model_validate({"connection_string": text, "export": {"container": CONTAINER}, "attempts": 1})
    assert total(rows(found)) == Decimal("1.5")


@pytest.mark.parametrize(
    ("permission", "days", "words"), [("r", 1, "sp=rl"), ("rl", -1, "expired")], ids=["no list", "expired"]
)
def test_a_sas_token_that_may_not_is_told(cloud: AzureCloud, permission: str, days: int, words: str) -> None:
    token = sas(cloud, permission, days)
    with pytest.raises(AuthError, match=words) as raised:
        source(cloud, sas_token=token).test()
    assert "sig=" not in str(raised.value)


def test_a_wrong_key_is_told(cloud: AzureCloud) -> None:
    wrong = base64.b64encode(b"k" * 64).decode()
    text = cloud.connection_string().replace(KEY, wrong)
    found = Azure.model_validate({"connection_string": text, "export": {"container": CONTAINER}, "attempts": 1})
    with pytest.raises(AuthError, match=r"the key or the SAS token is wrong") as raised:
        found.test()
    assert wrong not in str(raised.value)


@pytest.mark.parametrize("text", ["nonsense", "AccountName=a;AccountKey"])
def test_a_connection_string_that_is_none_is_told(text: str) -> None:
    found = Azure.model_validate({"connection_string": text, "export": {"container": CONTAINER}, "attempts": 1})
    with pytest.raises(SourceError, match="connection_string") as raised:
        found.test()
    assert text not in str(raised.value)


def test_no_credentials_at_all_names_the_choices(cloud: AzureCloud) -> None:
    with pytest.raises(AuthError, match=r"AZURE_CLIENT_SECRET.*managed_identity"):
        source(cloud).test()


@pytest.mark.parametrize("missing", ["azure.storage.blob", "azure.identity"])
def test_a_missing_extra_says_how_to_install_it(
    cloud: AzureCloud, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SourceError, match=r"pip install 'outlay\[azure\]'"):
        source(cloud, **APP).test()


def test_no_secret_is_shown() -> None:
    secrets = {**APP, "connection_string": "AccountKey=hush-key", "sas_token": "sig=hush-sas"}
    assert "hush" not in repr(Azure.model_validate({**secrets, "export": {"container": CONTAINER}}))
    with pytest.raises(ValidationError) as raised:
        Azure.model_validate({**secrets, "tenant_id": None})
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"client_secret": "alone"},
        {"export": {"container": CONTAINER}},
        {"export": {"container": "NotOne"}},
        {"export": {"container": CONTAINER, "storage_account": "x", "colour": "blue"}},
        {"date_order": "ydm"},
        {"attempts": 0},
        {"unknown": 1},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Azure.model_validate(settings)
