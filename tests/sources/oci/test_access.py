"""Ways of proving who we are, and what is said when they fail."""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from outlay.core.errors import AuthError, SourceError
from outlay.sources.oci import Oci
from tests.clouds import oci as clouds
from tests.clouds.oci import USER
from tests.clouds.oci_reports import REGION, TENANCY, packed
from tests.sources.oci.conftest import Make


@pytest.fixture(autouse=True)
def _a_report(cloud: clouds.Oci, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cloud.put("FOCUS Reports/2026/11/01/a-00001.csv.gz", packed([]))
    monkeypatch.setenv("HOME", str(tmp_path))


def written(cloud: clouds.Oci, folder: Path, **changed: str | None) -> str:
    """A config file with the profile PROD, with these entries changed or (None) left out."""
    (folder / "key.pem").write_text(cloud.pem())
    entries: dict[str, str | None] = {
        "user": USER,
        "tenancy": TENANCY,
        "fingerprint": cloud.fingerprint,
        "key_file": str(folder / "key.pem"),
        "region": REGION,
        **changed,
    }
    lines = [f"{name}={value}" for name, value in entries.items() if value is not None]
    (folder / "config").write_text("\n".join(["[PROD]", *lines]))
    return str(folder / "config")


def by_profile(cloud: clouds.Oci, folder: Path, **changed: str | None) -> Oci:
    return Oci(config_file=written(cloud, folder, **changed), profile="PROD", endpoint_url=cloud.url)


def token(**claims: Any) -> str:
    """A session token of ours: nobody signs it, for nobody looks."""
    parts = {"alg": "none"}, {"exp": int(time.time()) + 3600, "res_tenant": TENANCY, **claims}
    packed_parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return ".".join([*packed_parts, "eA"])


def test_by_a_profile_of_the_config_file(cloud: clouds.Oci, tmp_path: Path) -> None:
    assert "1 reports" in by_profile(cloud, tmp_path).test()


def test_by_settings_and_a_key_file(cloud: clouds.Oci, source: Make, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(cloud.pem())
    assert "1 reports" in source(key_content=None, key_file=str(tmp_path / "key.pem")).test()


def test_by_an_encrypted_key(cloud: clouds.Oci, source: Make) -> None:
    locked = {"key_content": cloud.pem("hush")}
    assert "1 reports" in source(**locked, pass_phrase="hush").test()
    with pytest.raises(AuthError, match="the private key is encrypted; set pass_phrase"):
        source(**locked).test()


def test_by_a_session_of_the_command_line(cloud: clouds.Oci, tmp_path: Path) -> None:
    cloud.token = token()
    (tmp_path / "token").write_text(cloud.token)
    made = by_profile(cloud, tmp_path, security_token_file=str(tmp_path / "token"), user=None)
    assert "1 reports" in made.test()


def test_by_a_resource_principal(cloud: clouds.Oci, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.token = token()
    for name, value in {
        "VERSION": "2.2",
        "RPST": cloud.token,
        "PRIVATE_PEM": cloud.pem(),
        "REGION": REGION,
    }.items():
        monkeypatch.setenv(f"OCI_RESOURCE_PRINCIPAL_{name}", value)
    made = Oci(auth="resource_principal", endpoint_url=cloud.url)
    assert f"1 reports in the bucket {TENANCY}" in made.test()


def test_no_resource_principal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCI_RESOURCE_PRINCIPAL_VERSION", raising=False)
    with pytest.raises(AuthError, match=r"no credentials by resource principal .*OCI_RESOURCE_PRINCIPAL_VERSION"):
        Oci(auth="resource_principal").test()


def test_by_an_instance_principal(cloud: clouds.Oci, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK asks the instance's metadata service, which is nowhere but on an instance: its signer stands in."""
    import oci

    class Signer(oci.auth.signers.SecurityTokenSigner):  # type: ignore[misc] # the SDK ships no types
        region, tenancy_id = REGION, TENANCY

        def __init__(self) -> None:
            super().__init__(token(), cloud.key)

    cloud.token = token()
    monkeypatch.setattr(oci.auth.signers, "InstancePrincipalsSecurityTokenSigner", Signer)
    assert f"1 reports in the bucket {TENANCY}" in Oci(auth="instance_principal", endpoint_url=cloud.url).test()


def test_no_instance_principal(monkeypatch: pytest.MonkeyPatch) -> None:
    import oci

    def nowhere() -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(oci.auth.signers, "InstancePrincipalsSecurityTokenSigner", nowhere)
    with pytest.raises(AuthError, match=r"no credentials by instance principal .*on an OCI instance only"):
        Oci(auth="instance_principal").test()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"fingerprint": None}, "the profile PROD of .*config: fingerprint is missing; it takes tenancy, user"),
        ({"tenancy": "acme"}, "tenancy is malformed"),
        ({"key_file": "/nowhere.pem"}, r"no private key can be read from key_file or key_content \(InvalidKeyFilePath"),
        ({"fingerprint": "00:" * 15 + "00"}, "OCI does not accept the credentials; check that the public key"),
    ],
)
def test_a_profile_that_will_not_do(cloud: clouds.Oci, tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(AuthError, match=words):
        by_profile(cloud, tmp_path, **changed).test()


def test_no_profile(cloud: clouds.Oci, tmp_path: Path) -> None:
    with pytest.raises(AuthError, match=r"there is no profile DEFAULT in ~/.oci/config; write it, or set tenancy"):
        Oci().test()
    with pytest.raises(AuthError, match="there is no profile TEST in"):
        Oci(config_file=written(cloud, tmp_path), profile="TEST").test()


@pytest.mark.parametrize(
    "key", ["hush-hush", "-----BEGIN RSA PRIVATE KEY-----\nhush-hush\n-----END RSA PRIVATE KEY-----"]
)
def test_a_key_that_is_none_is_not_shown(source: Make, key: str) -> None:
    with pytest.raises(AuthError, match="PEM file") as told:
        source(key_content=key).test()
    assert "hush" not in str(told.value)
    assert told.value.__suppress_context__


def test_another_key_is_refused(cloud: clouds.Oci, source: Make) -> None:
    made = source()
    cloud.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(AuthError, match="does not accept the credentials"):
        made.test()


def test_without_the_sdk(source: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "oci", None)
    with pytest.raises(SourceError, match=r"oci: the package oci is missing; pip install 'outlay\[oci\]'"):
        source().test()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"user": USER}, "user takes tenancy, fingerprint and key_file or key_content"),
        ({"fingerprint": "aa"}, "fingerprint and key are for user"),
        ({"key_file": "a", "key_content": "hush-hush"}, "two places for one key"),
        ({"path": "s3://bucket/reports"}, "the source files reads buckets"),
        ({"format": "csv"}, "format"),
        ({"surprise": 1}, "surprise"),
        ({"late_days": -1}, "late_days"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as told:
        Oci(**settings)
    assert "hush" not in str(told.value)


def test_settings_show_no_secret(source: Make) -> None:
    made = source(pass_phrase="hush-hush")
    shown = repr(made) + str(made) + made.model_dump_json()
    assert "hush" not in shown
    assert "PRIVATE KEY" not in shown
    with pytest.raises(ValidationError, match="frozen"):
        made.name = "other"  # type: ignore[misc]
