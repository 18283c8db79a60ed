"""Mail by SMTP, as text and as HTML with a small chart."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from typing import TYPE_CHECKING

from outlay import __version__
from outlay.core.channels import EmailChannel
from outlay.core.errors import NotifyError
from outlay.core.message import Message
from outlay.notify._html import html
from outlay.notify._tls import trusting
from outlay.notify._tries import PassingError, twice
from outlay.notify._words import digest, identity, line, plain, title

if TYPE_CHECKING:
    from smtplib import SMTP, SMTPResponseException

PORTS = {"starttls": 587, "tls": 465, "none": 25}
SUBJECT_MAX = 140
SAID = 200  # characters of what a server says in an error

log = logging.getLogger(__name__)


class Email(EmailChannel):
    """Mails each message to all of `to` by the SMTP server `host`.

    All mail about one alert names the same first message, so that mail programs show it as one conversation. An
    attempt that is repeated keeps its Message-ID.
    """

    @property
    def place(self) -> str:
        """Where messages go, without what is secret."""
        return f"{', '.join(self.to)} by {self.host}:{self._port}"

    def send(self, message: Message) -> None:
        """Hand the mail to the server, once more if that fails for a moment. Raises NotifyError, without secrets."""
        mail = self._mail(message)
        twice(lambda: self._attempt(mail))

    @property
    def _port(self) -> int:
        return self.port or PORTS[self.security]

    def _mail(self, message: Message) -> EmailMessage:
        sender = _mailbox(self.sender)
        first = f"<outlay.{digest(message.key)}@{sender.domain}>"
        mail = EmailMessage()
        mail["Subject"] = title(message, SUBJECT_MAX)
        mail["From"] = sender
        mail["To"] = tuple(map(_mailbox, self.to))
        mail["Date"] = datetime.now(UTC)
        mail["Message-ID"] = f"<outlay.{identity(message)}@{sender.domain}>"
        mail["In-Reply-To"] = first
        mail["References"] = first
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"  # Exchange's word for the same
        mail["X-Mailer"] = f"outlay {__version__}"
        if message.severity == "critical":
            mail["Importance"] = "high"
        mail.set_content(plain(message))
        mail.add_alternative(html(message), subtype="html")
        return mail

    def _attempt(self, mail: EmailMessage) -> None:
        try:
            refused = self._handed(mail)
        except OSError as error:  # smtplib's errors are of this kind, too
            raise self._told(error) from None
        if refused:
            log.warning("%s: %s did not take the mail for %s", self.name, self.host, ", ".join(sorted(refused)))

    def _handed(self, mail: EmailMessage) -> Mapping[str, object]:
        """Those of the recipients that the server refused; when it refuses all, that is an error."""
        smtp = self._connected()
        try:
            if self.user is not None and self.password is not None:
                smtp.login(self.user, self.password.get_secret_value())
            refused = smtp.send_message(mail)
        except BaseException:
            smtp.close()
            raise
        with suppress(OSError):  # taken is taken, however the server says goodbye
            smtp.quit()
        return refused

    def _connected(self) -> SMTP:
        from smtplib import SMTP, SMTP_SSL

        if self.security == "tls":
            return SMTP_SSL(self.host, self._port, timeout=self.timeout, context=trusting(self.ca_file))
        smtp = SMTP(self.host, self._port, timeout=self.timeout)
        if self.security == "starttls":
            try:
                smtp.starttls(context=trusting(self.ca_file))
            except BaseException:
                smtp.close()
                raise
        return smtp

    def _told(self, error: OSError) -> NotifyError:
        """The error in words, and whether it may pass."""
        import smtplib

        server = f"{self.name}: {self.host}:{self._port}"
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            error = smtplib.SMTPResponseException(*next(iter(error.recipients.values())))
        if isinstance(error, smtplib.SMTPResponseException):
            return self._refusal(server, error)
        if isinstance(error, ssl.SSLCertVerificationError):
            return NotifyError(f"{server} has a certificate that is not valid: {error.verify_message}")
        if isinstance(error, smtplib.SMTPException) and not isinstance(error, smtplib.SMTPServerDisconnected):
            return NotifyError(f"{server}: {error}")
        if isinstance(error, TimeoutError | smtplib.SMTPServerDisconnected):
            return PassingError(f"{server} cut the connection or was silent for {self.timeout:g} s")
        return PassingError(f"{server} cannot be reached: {error.strerror or type(error).__name__}")

    def _refusal(self, server: str, error: SMTPResponseException) -> NotifyError:
        """Codes from 400 to 499 may pass, those from 500 on are for good."""
        from smtplib import SMTPAuthenticationError

        if error.smtp_code < 500:
            return PassingError(f"{server} refused for now ({error.smtp_code}): {self._said(error)}")
        if isinstance(error, SMTPAuthenticationError):
            return NotifyError(f"{server} refused the user and password ({error.smtp_code})")
        return NotifyError(f"{server} refused the mail ({error.smtp_code}): {self._said(error)}")

    def _said(self, error: SMTPResponseException) -> str:
        said = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        if self.password is not None:
            said = said.replace(self.password.get_secret_value(), "***")
        return line(said)[:SAID]


def _mailbox(written: str) -> Address:
    name, address = parseaddr(written)
    return Address(name, addr_spec=address)
