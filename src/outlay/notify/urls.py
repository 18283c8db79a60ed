"""Whatever apprise has a URL for: Telegram, Discord, PagerDuty, Opsgenie, ntfy, Pushover and a hundred more."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from outlay.core.channels import Channel
from outlay.core.errors import NotifyError
from outlay.core.message import Message, Severity
from outlay.notify._tries import PassingError, twice
from outlay.notify._words import plain, title

if TYPE_CHECKING:
    from apprise import Apprise

TITLE_MAX = 140
KINDS: dict[Severity, str] = {"critical": "failure", "warning": "warning", "resolved": "success", "info": "info"}
REFUSED = range(400, 500)
PASSING = frozenset({408, 425, 429})

# What logs while apprise sends, and shows whole URLs and headers where its level lets it.
_TALKERS = ("apprise", "urllib3.connectionpool", "requests_oauthlib", "paho")
_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)


class Urls(Channel):
    """Sends each message by one apprise URL. The URL holds secrets: errors name the channel and a status, no more."""

    url: SecretStr

    @property
    def place(self) -> str:
        """Where messages go, without what is secret."""
        return self.url.get_secret_value().partition("://")[0].lower() + "://"

    def send(self, message: Message) -> None:
        """Hand the message to apprise, once more if that fails for a moment. Raises NotifyError, without secrets."""
        with _listening() as heard:
            service = self._service()
            twice(lambda: self._attempt(service, message, heard))

    def _attempt(self, service: Apprise, message: Message, heard: list[str]) -> None:
        heard.clear()
        try:
            taken = service.notify(
                title=title(message, TITLE_MAX),
                body=plain(message),
                body_format="text",  # escaped where a service reads Markdown or HTML
                notify_type=KINDS[message.severity],
            )
        except Exception as error:  # of what a service's module did not foresee, only the kind is told
            raise PassingError(f"{self.name}: unexpected {type(error).__name__} in apprise") from None
        if not taken:
            raise self._refusal(" ".join(heard))

    def _service(self) -> Apprise:
        apprise = _apprise()
        asset = apprise.AppriseAsset(app_id="Outlay", app_desc="Outlay", async_mode=False, http_redirects=False)
        service: Apprise = apprise.Apprise(asset=asset)
        if not service.add(self.url.get_secret_value()):
            raise NotifyError(f"{self.name}: apprise does not know {self.place} or cannot read what comes behind it")
        return service

    def _refusal(self, said: str) -> NotifyError:
        """What apprise logs may hold secrets: the status is taken out of it, and nothing else."""
        found = re.search(r"error[=: ]+(\d{3})\b", said)
        status = int(found[1]) if found else 0
        if status in REFUSED and status not in PASSING:
            return NotifyError(f"{self.name}: the service behind {self.place} refused the message ({status})")
        told = f"answered {status}" if status else "cannot be reached, or did not take the message"
        return PassingError(f"{self.name}: the service behind {self.place} {told}")


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Keep what is logged while sending out of the log, and give it to the one who sends."""
    for name in _TALKERS:
        logger = logging.getLogger(name)
        if _overhear not in logger.filters:
            logger.addFilter(_overhear)
    heard: list[str] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def _overhear(record: logging.LogRecord) -> bool:
    heard = _heard.get()
    if heard is not None:
        heard.append(record.getMessage())
    return heard is None


def _apprise() -> Any:
    try:
        import apprise
    except ImportError:
        raise NotifyError("URLs need apprise: pip install 'outlay[notify]'") from None
    return apprise
