"""An OpenID Connect issuer on loopback: discovery, keys that rotate, tokens of any kind, right and wrong."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.clouds import tls

AUDIENCE = "outlay"


def new_key(algorithm: str) -> Any:
    """A private key for signatures by this algorithm."""
    curves: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}
    if algorithm in curves:
        return ec.generate_private_key(curves[algorithm])
    return ed25519.Ed25519PrivateKey.generate() if algorithm == "EdDSA" else rsa.generate_private_key(65537, 2048)


def public_jwk(key: Any, **more: Any) -> dict[str, Any]:
    """The public half, as a JWK."""
    kinds: dict[str, Any] = {"RSA": RSAAlgorithm, "Ellip": ECAlgorithm, "EC": ECAlgorithm, "Ed": OKPAlgorithm}
    kind = next(found for name, found in kinds.items() if type(key).__name__.lstrip("_").startswith(name))
    return {**kind.to_jwk(key.public_key(), as_dict=True), "use": "sig", **more}


@dataclass
class Issuer:
    """What it signs with and says. `documents` wins over what it would answer at a path."""

    url: str = ""
    ca: str | None = None
    algorithm: str = "RS256"
    kid: str = "one"
    key: Any = None
    keys: list[dict[str, Any]] = field(default_factory=list)
    documents: dict[str, Any] = field(default_factory=dict)
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rotate(self.kid, self.algorithm)

    def rotate(self, kid: str, algorithm: str = "RS256") -> None:
        """Sign with another key from now on, and tell no other."""
        self.kid, self.algorithm, self.key = kid, algorithm, new_key(algorithm)
        self.keys = [public_jwk(self.key, kid=kid, alg=algorithm)]

    def token(self, *, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """A token that is right for five minutes but for what is said here; a claim that is None is left out."""
        now = int(time())
        told = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 300, "scope": "outlay:read"}
        payload = {name: value for name, value in (told | claims).items() if value is not None}
        headers = {"kid": self.kid} | (header or {})
        algorithm = headers.pop("alg", self.algorithm)
        return jwt.encode(payload, key or self.key, algorithm, headers={k: v for k, v in headers.items() if v})

    def pem(self) -> bytes:
        """The public half of its key, as everybody can have it."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        pem: bytes = self.key.public_key().public_bytes(serialization.Encoding.PEM, form)
        return pem

    def answer(self, path: str) -> Any:
        """What it says at a path, None for nothing."""
        own = {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": self.keys},
        }
        return (own | self.documents).get(path)


@contextmanager
def issuing(*, secure: bool = False, algorithm: str = "RS256") -> Iterator[Issuer]:
    """An issuer that answers, over TLS if it is to be."""
    issuer = Issuer(algorithm=algorithm)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            found = None if issuer.down else issuer.answer(self.path)
            body = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(503 if issuer.down else 404 if found is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    files = tls.make() if secure else None
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.cert)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        issuer.ca = str(files.ca)
    issuer.url = f"http{'s' if secure else ''}://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        if files:
            files.close()
