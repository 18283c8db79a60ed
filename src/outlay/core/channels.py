"""Settings of the channels that tell people: mail, webhooks, and whatever apprise has a URL for.

notify/ makes them able to send. They are here because settings know nothing of what uses them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    field_validator,
    model_validator,
)

_ADDRESS = re.compile(r"[^\s@<>()\[\],:;\"\\]+@[A-Za-z0-9.-]+")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset({"host", "connection", "content-length", "content-type", "transfer-encoding"})
NAME = r"^[a-z0-9][a-z0-9._-]*$"

STRICT = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

T = TypeVar("T")


def _address(text: str) -> str:
    """One mail address, with a name before it or without."""
    name, bracket, rest = text.rpartition("<")
    address = rest.removesuffix(">") if bracket else text
    if not text.isprintable() or not _ADDRESS.fullmatch(address) or (bracket and not rest.endswith(">")):
        raise ValueError("should be one mail address, such as Costs <costs@example.com>")
    if not address.isascii() or set(name) & set('<>"\\,'):
        raise ValueError("should be a mail address of ASCII letters, its name without quotes and commas")
    return text


MailAddress = Annotated[str, AfterValidator(_address)]


class Channel(BaseModel):
    """What all channels have: a name, by which logs and commands call them. Unknown keys are faults."""

    model_config = STRICT

    name: str = Field(pattern=NAME)


class EmailChannel(Channel):
    """Mail by an SMTP server. `port` left out is 587 for `starttls`, 465 for `tls`, 25 for `none`."""

    name: str = Field("email", pattern=NAME)
    host: str = Field(min_length=1)
    port: int | None = Field(None, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: SecretStr | None = None
    sender: MailAddress
    to: tuple[MailAddress, ...]
    ca_file: str | None = None
    timeout: float = Field(30, gt=0, le=300)  # seconds

    @field_validator("to")
    @classmethod
    def _is_for_someone(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("should be one address, or several")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together")
        if self.user is not None and self.security == "none":
            raise ValueError("a password is not sent in the clear: security should be starttls or tls")
        return self


class WebhookChannel(Channel):
    """A JSON document posted to a URL, which may be a secret as Slack's are."""

    name: str = Field("webhook", pattern=NAME)
    url: SecretStr
    format: Literal["generic", "slack", "teams"] = "generic"
    secret: SecretStr | None = None  # signs what is sent, in the format generic
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    allow_private: bool = False
    ca_file: str | None = None
    timeout: float = Field(10, gt=0, le=300)  # seconds

    @field_validator("headers")
    @classmethod
    def _sendable(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, text in value.items():
            if not _TOKEN.fullmatch(name) or name.lower() in _OURS:
                raise ValueError("should have names that a header can have, and none that says how the request is sent")
            if not (text.get_secret_value().isascii() and text.get_secret_value().isprintable()):
                raise ValueError(f"the value of {name} should be one line of ASCII characters")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _refuse_url(self.url.get_secret_value(), plain=self.allow_private)
        if self.secret is not None and self.format != "generic":
            raise ValueError(f"secret signs the format generic; {self.format} does not look at signatures")
        return self


def _refuse_url(url: str, *, plain: bool) -> None:
    """Raises ValueError for a URL that cannot be posted to, without a word of it."""
    try:
        parts = urlsplit(url)
        wrong = not parts.hostname or parts.port == 0 or "@" in parts.netloc
    except ValueError:
        wrong = True
    if wrong or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("url should be such as https://host/path, with what is secret in its path or in headers")
    if parts.scheme != "https" and not (parts.scheme == "http" and plain):
        raise ValueError("url should start with https:// (http:// goes with allow_private: true alone)")


def _how_many(value: Any) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


# A block may be one mapping or a list of them, and its faults then name the place in what was written.
OneOrMore = Annotated[Annotated[T, Tag("one")] | Annotated[tuple[T, ...], Tag("several")], Discriminator(_how_many)]


class Notifications(BaseModel):
    """Who is told: mail, webhooks, and apprise URLs (which hold secrets)."""

    model_config = STRICT

    email: OneOrMore[EmailChannel] = ()
    webhook: OneOrMore[WebhookChannel] = ()
    urls: tuple[SecretStr, ...] = ()

    @field_validator("urls")
    @classmethod
    def _are_urls(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(re.match(r"[A-Za-z][A-Za-z0-9.-]*://.", each.get_secret_value()) for each in value):
            raise ValueError("should be apprise URLs, such as tgram://${TELEGRAM_TOKEN}/${TELEGRAM_CHAT}")
        return value

    @model_validator(mode="after")
    def _apart(self) -> Self:
        names = [each.name for each in (*several(self.email), *several(self.webhook))]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"several channels are named {twice[0]}; give each a name of its own")
        return self


def several(blocks: T | tuple[T, ...]) -> tuple[T, ...]:
    """The blocks of a key that holds one mapping or a list of them."""
    return blocks if isinstance(blocks, tuple) else (blocks,)
