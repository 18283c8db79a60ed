"""A real SMTP server on 127.0.0.1, with a certificate, a password and faults."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.clouds.tls import Tls

USER, PASSWORD = "outlay", "correct horse battery"


@dataclass
class Mails:
    """What the server took, and what it answers in place of taking: `answers` to DATA, `refused` recipients."""

    answers: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    taken: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.answers:
            return self.answers.pop(0)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.taken.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 taken"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login, given.password))
        known = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=known, handled=known)  # not handled: it answers 535


class _Listening(Controller):
    """On a port that was free."""

    def _trigger_server(self) -> None:
        listening: Any = self.server
        self.port = listening.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call] # the library's


def serve(mails: Mails, tls: Tls | None, *, whole: bool = False) -> Controller:
    """Start it, by STARTTLS, or with `whole` by TLS from the first byte; without `tls` in the clear."""
    context = None
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls.cert)
    controller = _Listening(
        mails,
        hostname="127.0.0.1",
        port=0,
        ssl_context=context if whole else None,
        tls_context=None if whole else context,
        require_starttls=context is not None and not whole,
        auth_require_tls=not whole,
        authenticator=mails.authenticate,
        auth_required=False,
    )
    controller.start()
    return controller
