"""Keys and issuers in the settings: what is taken, and what is a fault that tells no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from outlay.core.access import SCOPES
from outlay.core.config import load
from outlay.core.errors import ConfigError
from outlay.core.settings import Api

SECRET = "5ecret-5ecret-5ecret"
KEY = f"{{name: ci, key: '{SECRET}'}}"


def loaded(tmp_path: Path, api: str, **env: str) -> Api:
    """The section `api` of a file with these lines in it."""
    (tmp_path / "outlay.yaml").write_text(f"clouds: {{}}\napi:\n  {api}\n", encoding="utf-8")
    return load(None, env, tmp_path).api


def test_keys(tmp_path: Path) -> None:
    first = "{name: ci, key: '${CI_KEY}'}"
    other = "{name: core, key: another-key-another-key, scope: admin, limits: {source: aws, 'tag:team': [core, web]}}"
    found = loaded(tmp_path, f"keys: [{first}, {other}]", CI_KEY=SECRET)
    assert [(key.name, key.scope, key.limits) for key in found.keys] == [
        ("ci", "read", {}),
        ("core", "admin", {"source": ("aws",), "tag:team": ("core", "web")}),
    ]
    assert found.keys[0].key.get_secret_value() == SECRET
    assert SECRET not in repr(found)


def test_by_the_environment(tmp_path: Path) -> None:
    env = {"OUTLAY__API__KEYS": f"[{{name: ci, key: {SECRET}}}]", "OUTLAY__API__OPEN_LOOPBACK": "no"}
    found = loaded(tmp_path, "port: 1", **env)
    assert (found.keys[0].name, found.open_loopback) == ("ci", False)


@pytest.mark.parametrize(
    ("api", "fault"),
    [
        ("keys: [{name: ci, key: 5ecret}]", "api.keys[0].key: should have 20 characters or more"),
        ("keys: [{name: ci}]", "api.keys[0].key: is required"),
        (f"keys: [{{name: '', key: {SECRET}}}]", "api.keys[0].name"),
        (
            f"keys: [{{name: ci, key: {SECRET}, scope: write}}]",
            "api.keys[0].scope: should be 'read', 'collect' or 'admin'",
        ),
        (f"keys: [{{name: ci, key: {SECRET}, role: x}}]", "api.keys[0].role: no such key"),
        (
            f"keys: [{{name: ci, key: {SECRET}, limits: {{team: x}}}}]",
            "no limit named 'team'; there are: source, account",
        ),
        (f"keys: [{{name: ci, key: {SECRET}, limits: {{source: []}}}}]", "each limit should name at least one value"),
        (f"keys: [{KEY}, {KEY}]", "each key should have a name and a text of its own"),
        ("oidc: {issuer: 'https://a.example', audience: []}", "api.oidc.audience: should name at least one"),
        ("oidc: {issuer: 'https://a.example'}", "api.oidc.audience: is required"),
        ("oidc: {issuer: 'http://a.example', audience: x}", "api.oidc.issuer: should begin with https://"),
        ("oidc: {issuer: 'a.example', audience: x}", "api.oidc.issuer: should be a URL"),
        (
            "oidc: {issuer: 'https://a.example', audience: x, algorithms: HS256}",
            "api.oidc.algorithms[0]: should be 'RS256'",
        ),
        ("oidc: {issuer: 'https://a.example', audience: x, algorithms: none}", "api.oidc.algorithms[0]: should be"),
        ("oidc: {issuer: 'https://a.example', audience: x, limits: {service: a}}", "no limit named 'service'"),
        ("oidc: {issuer: 'https://a.example', audience: x, scopes: {a: root}}", "api.oidc.scopes.a: should be 'read'"),
    ],
)
def test_faults(tmp_path: Path, api: str, fault: str) -> None:
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, api)
    assert fault in str(error.value)
    assert "5ecret" not in str(error.value)


def test_an_issuer(tmp_path: Path) -> None:
    found = loaded(
        tmp_path, "oidc: {issuer: 'https://a.example/realms/x/', audience: 'a, b', limits: {'tag:t': teams}}"
    ).oidc
    assert found is not None
    assert (found.issuer, found.audience) == ("https://a.example/realms/x/", ("a", "b"))
    assert (found.scopes, found.limits, found.scope_claim) == (SCOPES, {"tag:t": "teams"}, "scope")
    here = loaded(tmp_path, "oidc: {issuer: 'http://localhost:8080', audience: a}").oidc
    assert here is not None
