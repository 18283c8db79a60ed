"""Tokens: a real issuer on loopback, and every way that a token can be wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
from collections.abc import Iterator
from time import time
from typing import Any

import pytest

from outlay.core.access import Oidc
from outlay.core.errors import ConfigError
from outlay.core.limits import EVERYTHING, limits_of
from outlay.serve.access import oidc
from outlay.serve.access.oidc import AGAIN_SECONDS, FRESH_SECONDS, STALE_SECONDS
from outlay.serve.access.refusals import IssuerError, Refused
from outlay.serve.access.who import Asker
from tests.serve.access.issuer import AUDIENCE, Issuer, issuing, new_key, public_jwk


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as found:
        yield found


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def ours(issuer: Issuer, clock: Clock | None = None, **more: Any) -> oidc.Issuer:
    settings = Oidc(issuer=issuer.url, audience=(AUDIENCE,), ca_file=issuer.ca, **more)
    return oidc.Issuer(settings, clock or Clock())


def refused(found: oidc.Issuer, token: str) -> Refused:
    with pytest.raises(Refused) as error:
        found.asker(token)
    return error.value


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "EdDSA"])
def test_a_right_token_over_tls(algorithm: str) -> None:
    with issuing(secure=True, algorithm=algorithm) as issuer:
        assert ours(issuer).asker(issuer.token()) == Asker("ann", "read", EVERYTHING)
        assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


def test_an_issuer_whose_certificate_nobody_signed_is_not_believed() -> None:
    with issuing(secure=True) as issuer:
        token = issuer.token()
        issuer.ca = None
        with pytest.raises(IssuerError):
            ours(issuer).asker(token)
        assert issuer.asked == []


def in_parts(*parts: bytes) -> str:
    return ".".join(base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in parts)


def unsigned(issuer: Issuer, algorithm: str) -> tuple[bytes, bytes]:
    """Header and claims of a token that would be right but for its algorithm."""
    claims = {"iss": issuer.url, "aud": AUDIENCE, "exp": time() + 300, "scope": "outlay:admin", "sub": "eve"}
    return json.dumps({"alg": algorithm, "kid": issuer.kid, "typ": "JWT"}).encode(), json.dumps(claims).encode()


@pytest.mark.parametrize("none", ["none", "None", "NONE", "nOnE", ""])
def test_a_token_without_signature_is_refused(issuer: Issuer, none: str) -> None:
    header, claims = unsigned(issuer, none)
    for signature in (b"", b"x"):
        assert refused(ours(issuer), in_parts(header, claims, signature)).status == 401
    assert issuer.asked == []


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_the_public_key_is_no_secret(issuer: Issuer, algorithm: str) -> None:
    header, claims = unsigned(issuer, algorithm)
    for secret in (issuer.pem(), issuer.pem().strip(), json.dumps(issuer.keys[0]).encode(), b""):
        signed = in_parts(header, claims)
        signature = hmac.new(secret, signed.encode(), getattr(hashlib, f"sha{algorithm[2:]}")).digest()
        assert refused(ours(issuer), f"{signed}.{in_parts(signature)}").status == 401


def test_a_secret_among_the_issuers_keys_is_left_out(issuer: Issuer) -> None:
    issuer.keys.append({"kty": "oct", "kid": "secret", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"})
    assert ours(issuer).asker(issuer.token()).name == "ann"
    forged = issuer.token(key=new_key("RS256"), header={"kid": "secret"})
    assert refused(ours(issuer), forged).status == 401


WRONG: dict[str, dict[str, Any]] = {
    "expired": {"exp": int(time()) - 120},
    "without an end": {"exp": None},
    "not yet": {"nbf": int(time()) + 600},
    "issued in times to come": {"iat": int(time()) + 600},
    "for others": {"aud": "elsewhere"},
    "for others among others": {"aud": ["elsewhere", "there"]},
    "for nobody": {"aud": None},
    "by others": {"iss": "https://evil.example"},
    "by nobody": {"iss": None},
    "an end that is none": {"exp": "soon"},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG)
def test_a_wrong_claim_is_refused(issuer: Issuer, claims: dict[str, Any]) -> None:
    found = refused(ours(issuer), issuer.token(**claims))
    assert (found.status, found.attempt) == (401, True)
    assert 'error="invalid_token"' in found.headers["WWW-Authenticate"]


def test_clocks_may_differ_by_the_leeway(issuer: Issuer) -> None:
    now = int(time())
    late, early = issuer.token(exp=now - 30), issuer.token(nbf=now + 30)
    assert ours(issuer).asker(late) == ours(issuer).asker(early)
    assert refused(ours(issuer, leeway=5), late).detail == "this token has expired"
    refused(ours(issuer, leeway=5), early)


def test_of_several_audiences_one_will_do(issuer: Issuer) -> None:
    assert ours(issuer).asker(issuer.token(aud=["elsewhere", AUDIENCE])).name == "ann"


def test_what_another_key_signed_is_refused(issuer: Issuer) -> None:
    assert refused(ours(issuer), issuer.token(key=new_key("RS256"))).status == 401
    token = issuer.token()
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = in_parts(json.dumps(claims | {"scope": "outlay:admin"}).encode())
    refused(ours(issuer), f"{head}.{changed}.{signature}")


@pytest.mark.parametrize("text", ["..", "a.b.c", "é.é.é", "e30.e30.e30", "bnVsbA.bnVsbA.bnVsbA", "." * 2 + "x" * 9999])
def test_what_is_no_token_is_refused(issuer: Issuer, text: str) -> None:
    assert refused(ours(issuer), text).status == 401


def test_a_header_that_names_a_key_of_its_own_is_not_followed(issuer: Issuer) -> None:
    mine = new_key("RS256")
    forged = {"jwk": public_jwk(mine, kid="mine"), "jku": "http://127.0.0.1:1/keys", "kid": "mine"}
    assert refused(ours(issuer), issuer.token(key=mine, header=forged)).status == 401
    assert refused(ours(issuer), issuer.token(header={"crit": ["x"], "x": 1})).status == 401


def test_a_key_for_another_purpose_or_algorithm_signs_nothing(issuer: Issuer) -> None:
    token = issuer.token()
    for change in ({"use": "enc"}, {"alg": "PS256"}, {"kty": "EC"}, {"n": "!"}):
        right = issuer.keys[0]
        issuer.keys = [right | change]
        refused(ours(issuer), token)
        issuer.keys = [right]
    assert refused(ours(issuer, algorithms=("ES256",)), token).status == 401


def test_a_token_that_names_no_key_is_tried_with_those_that_fit(issuer: Issuer) -> None:
    issuer.keys.insert(0, public_jwk(new_key("RS256"), kid="other"))
    issuer.keys.insert(0, public_jwk(new_key("ES256"), kid="another"))
    assert ours(issuer).asker(issuer.token(header={"kid": None})).name == "ann"


# -- rotation ------------------------------------------------------------------------------------------


def test_keys_are_asked_for_once_in_a_while(issuer: Issuer) -> None:
    clock = Clock()
    found = ours(issuer, clock)
    for _ in range(5):
        found.asker(issuer.token())
    assert len(issuer.asked) == 2
    clock.now += FRESH_SECONDS + 1
    found.asker(issuer.token())
    assert len(issuer.asked) == 4


def test_a_new_key_counts_and_the_old_one_no_more(issuer: Issuer) -> None:
    clock = Clock()
    found = ours(issuer, clock)
    old = issuer.token()
    found.asker(old)
    issuer.rotate("two", "ES256")
    clock.now += AGAIN_SECONDS
    assert found.asker(issuer.token()).name == "ann"
    assert refused(found, old).status == 401


def test_tokens_of_unknown_keys_do_not_have_the_issuer_asked_all_the_time(issuer: Issuer) -> None:
    clock = Clock()
    found = ours(issuer, clock)
    for number in range(20):
        refused(found, issuer.token(header={"kid": f"unknown {number}"}))
        clock.now += AGAIN_SECONDS / 10
    assert len(issuer.asked) <= 2 * 3


def test_an_issuer_out_of_reach_is_done_without_for_a_while(issuer: Issuer) -> None:
    clock = Clock()
    found = ours(issuer, clock)
    found.asker(issuer.token())
    issuer.down = True
    clock.now += FRESH_SECONDS + 1
    assert found.asker(issuer.token()).name == "ann"
    clock.now += STALE_SECONDS
    with pytest.raises(IssuerError, match="cannot be asked for its keys"):
        found.asker(issuer.token())
    issuer.down = False
    clock.now += AGAIN_SECONDS
    assert found.asker(issuer.token()).name == "ann"


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/.well-known/openid-configuration", {"issuer": "https://evil.example", "jwks_uri": "/keys"}),
        ("/.well-known/openid-configuration", {"issuer": None}),
        ("/.well-known/openid-configuration", b"<html>"),
        ("/.well-known/openid-configuration", []),
        ("/.well-known/openid-configuration", None),
        ("/keys", {"keys": "none"}),
        ("/keys", b"{"),
        ("/keys", None),
    ],
)
def test_an_issuer_that_makes_no_sense_is_told_in_the_log(
    issuer: Issuer, path: str, document: object, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.documents[path] = document
    with pytest.raises(IssuerError):
        ours(issuer).asker(issuer.token())
    assert "127.0.0.1" in caplog.text


def test_keys_are_not_taken_from_where_anybody_can_answer(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    elsewhere = {"issuer": issuer.url, "jwks_uri": "http://keys.example/keys"}
    issuer.documents["/.well-known/openid-configuration"] = elsewhere
    with pytest.raises(IssuerError):
        ours(issuer).asker(issuer.token())
    assert "is not https" in caplog.text


# -- what claims allow ---------------------------------------------------------------------------------


def test_the_highest_scope_counts(issuer: Issuer) -> None:
    found = ours(issuer)
    assert found.asker(issuer.token(scope="openid outlay:collect outlay:read profile")).scope == "collect"
    assert found.asker(issuer.token(scope=["outlay:admin"])).scope == "admin"


@pytest.mark.parametrize("scope", [None, "", "openid", "OUTLAY:READ", ["read"], {"outlay:read": True}, 7, "outlay"])
def test_a_token_without_a_scope_of_ours_may_nothing(issuer: Issuer, scope: object) -> None:
    found = refused(ours(issuer), issuer.token(scope=scope))
    assert (found.status, found.code) == (403, "scope")
    assert "outlay:read, outlay:collect, outlay:admin" in found.detail


def test_claims_can_be_called_anything(issuer: Issuer) -> None:
    settings: dict[str, Any] = {
        "name_claim": "preferred_username",
        "scope_claim": "realm_access.roles",
        "scopes": {"cost viewer": "read", "cost boss": "admin"},
        "limits": {"tag:team": "https://example.com/teams", "account": "accounts"},
    }
    claims: dict[str, Any] = {
        "preferred_username": "ann.ü",
        "realm_access": {"roles": ["cost viewer"]},
        "https://example.com/teams": ["core team", "web", 7],
        "accounts": "1111",
    }
    found = ours(issuer, **settings).asker(issuer.token(**claims))
    assert found == Asker("ann.ü", "read", limits_of({"tag:team": ["core team", "web"], "account": ["1111"]}))


def test_a_limiting_claim_that_is_missing_lets_nothing_be_seen(issuer: Issuer) -> None:
    found = ours(issuer, limits={"tag:team": "teams"})
    every: list[Any] = [None, [], "", 7, {"core": True}]
    for said in every:
        assert found.asker(issuer.token(teams=said)).limits == limits_of({"tag:team": []})
    assert found.asker(issuer.token(teams=["core", "*"])).limits == EVERYTHING


@pytest.mark.parametrize("name", ["a\nb", "x" * 999, 7, None, ["a"]])
def test_names_are_fit_for_logs(issuer: Issuer, name: object) -> None:
    found = ours(issuer, name_claim="name").asker(issuer.token(name=name)).name
    assert found.isprintable()
    assert 0 < len(found) <= 100


def test_a_missing_package_is_told(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("jwt", "cryptography"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            with pytest.raises(ConfigError, match=r"pip install 'outlay\[oidc\]'"):
                ours(issuer)


def test_a_trust_that_cannot_be_read_is_told_in_the_log(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    issuer.ca = "/no/such/file.pem"
    with pytest.raises(IssuerError):
        ours(issuer).asker(issuer.token())
    assert "No such file" in caplog.text


def test_who_needs_no_new_key_does_not_wait_for_a_slow_issuer(issuer: Issuer) -> None:
    clock = Clock()
    found = ours(issuer, clock)
    token = issuer.token()
    found.asker(token)
    clock.now += FRESH_SECONDS + 1
    with found._keys._lock:  # another thread is asking
        assert found.asker(token).name == "ann"
    assert len(issuer.asked) == 2
