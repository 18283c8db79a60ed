"""Webhooks: a JSON document posted to Slack, Teams, or a server of one's own, which can prove who sent it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from outlay import __version__
from outlay.core.channels import WebhookChannel
from outlay.core.errors import NotifyError
from outlay.core.message import Message
from outlay.notify._generic import generic
from outlay.notify._post import Answer, post
from outlay.notify._slack import slack
from outlay.notify._teams import teams
from outlay.notify._tries import PassingError, twice
from outlay.notify._words import identity, line

FORMATS: dict[str, Callable[[Message], dict[str, Any]]] = {"generic": generic, "slack": slack, "teams": teams}
SAID = 200  # characters of what a server says in an error
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
SECRET_LENGTH_MIN = 6  # shorter pieces of a URL are words that a server may well say

_BASE64_PREFIX = "whsec_"


class Webhook(WebhookChannel):
    """Posts each message to `url` as JSON, in the `format` that the other side reads.

    generic  all of the message, amounts as text; `webhook-id` is the same for all attempts at one message, and with a
             `secret`, `webhook-signature` proves who sent it (standardwebhooks.com)
    slack    blocks, for Slack's incoming webhooks
    teams    an adaptive card, for a Teams workflow that posts what a webhook receives
    """

    @property
    def place(self) -> str:
        """Where messages go, without what is secret."""
        return urlsplit(self.url.get_secret_value()).hostname or ""

    def send(self, message: Message) -> None:
        """Post the message, once more if that fails for a moment. Raises NotifyError, without secrets."""
        body = json.dumps(FORMATS[self.format](message), ensure_ascii=False).encode(errors="replace")
        twice(lambda: self._attempt(body, identity(message)))

    def _attempt(self, body: bytes, key: str) -> None:
        try:
            answer = post(
                self.url.get_secret_value(),
                body,
                self._headers(body, key),
                timeout=self.timeout,
                allow_private=self.allow_private,
                ca_file=self.ca_file,
            )
        except PassingError as error:
            raise PassingError(f"{self.name}: {error}", error.wait) from None
        except NotifyError as error:
            raise NotifyError(f"{self.name}: {error}") from None
        if not 200 <= answer.status < 300:
            raise self._refusal(answer)

    def _headers(self, body: bytes, key: str) -> dict[str, str]:
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": f"outlay/{__version__}"}
        if self.format == "generic":
            headers |= {"Idempotency-Key": key, "webhook-id": key, "webhook-timestamp": str(int(time.time()))}
        if self.secret is not None:
            signed = f"{key}.{headers['webhook-timestamp']}.".encode() + body
            digest = hmac.digest(_key(self.secret.get_secret_value()), signed, hashlib.sha256)
            headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        return headers | {name: value.get_secret_value() for name, value in self.headers.items()}

    def _refusal(self, answer: Answer) -> NotifyError:
        told = f"{self.name}: {self.place} answered {answer.status}"
        if 300 <= answer.status < 400:
            return NotifyError(f"{told}, a redirect; none is followed: name the last address as url")
        said = self._blotted(line(answer.said))[:SAID] if "html" not in answer.headers.get("content-type", "") else ""
        told += f": {said}" if said else ""
        return PassingError(told, _wait(answer.headers)) if answer.status in PASSING else NotifyError(told)

    def _blotted(self, said: str) -> str:
        """What a server says, without the secrets that it may say back to us."""
        parts = urlsplit(self.url.get_secret_value())
        pieces = {*parts.path.split("/"), *parts.query.replace("=", "&").split("&"), f"{parts.path}?{parts.query}"}
        given = [*self.headers.values(), *([self.secret] if self.secret else [])]
        secrets = {each.get_secret_value() for each in given if each.get_secret_value()}
        secrets |= {word for each in secrets for word in each.split()} | pieces
        for each in sorted((each for each in secrets if len(each) >= SECRET_LENGTH_MIN), key=len, reverse=True):
            said = said.replace(each, "***")
        return said


def _key(secret: str) -> bytes:
    """The bytes that sign: those that stand in base64 behind whsec_, else the text itself."""
    if secret.startswith(_BASE64_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_BASE64_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def _wait(headers: Mapping[str, str]) -> float | None:
    """The seconds that `Retry-After` asks for, which is a number or a date."""
    said = headers.get("retry-after", "").strip()
    if said.isdigit():
        return float(said)
    try:
        due = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (due.replace(tzinfo=due.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
