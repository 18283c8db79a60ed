"""Fingerprints of settings: a text that is another one for other settings and secrets, and tells neither."""

from __future__ import annotations

import json
from hashlib import pbkdf2_hmac
from typing import Any

from pydantic import BaseModel, SecretStr

ROUNDS = 20_000  # milliseconds for us; for who would find a weak password by trying, too many


def fingerprint(model: BaseModel, *beside: str) -> str:
    """Of a model's class, its settings, its secrets and the texts beside them."""
    kind = type(model)
    plain = json.dumps([kind.__module__, kind.__qualname__, model.model_dump_json(), *beside])
    secrets = json.dumps(secrets_of(model.model_dump()))
    return pbkdf2_hmac("sha256", secrets.encode(), plain.encode(), ROUNDS, 20).hex()


def secrets_of(dumped: Any) -> list[str]:
    """Every secret in what `model_dump` made, in its order."""
    match dumped:
        case SecretStr():
            return [dumped.get_secret_value()]
        case dict():
            return [found for each in dumped.values() for found in secrets_of(each)]
        case list() | tuple():
            return [found for each in dumped for found in secrets_of(each)]
        case _:
            return []
