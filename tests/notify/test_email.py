"""Mail over a real SMTP server: TLS, passwords, headers that cannot be smuggled in, faults in words."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from outlay.core.errors import NotifyError
from outlay.core.message import Message
from outlay.notify.email import Email
from tests.clouds.tls import Tls
from tests.notify.mails import PASSWORD, USER, Mails, serve
from tests.notify.messages import AT, BARE, ODD, USUAL


@pytest.fixture
def mails() -> Mails:
    return Mails()


@contextmanager
def served(mails: Mails, tls: Tls | None, **how: Any) -> Iterator[Email]:
    controller = serve(mails, tls, whole=how.get("security") == "tls")
    settings = {
        "host": "127.0.0.1",
        "port": controller.port,
        "sender": "Kosten Müller <costs@example.com>",
        "to": ("Ops <ops@example.com>", "cfo@example.com"),
        "user": USER,
        "password": PASSWORD,
        "ca_file": str(tls.ca) if tls else None,
        "timeout": 5,
    }
    try:
        yield Email.model_validate(settings | how)
    finally:
        controller.stop()


PLAIN: dict[str, Any] = {"security": "none", "user": None, "password": None}


def sent(mails: Mails, message: Message) -> EmailMessage:
    with served(mails, None, **PLAIN) as email:
        email.send(message)
    return mails.taken[-1]


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    text: str = found.get_content()
    return text


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_by_tls_with_a_password(mails: Mails, tls: Tls, security: str) -> None:
    with served(mails, tls, security=security) as email:
        email.send(USUAL)
    assert mails.logins == [(USER.encode(), PASSWORD.encode())]
    assert mails.recipients == [["ops@example.com", "cfo@example.com"]]
    mail = mails.taken[0]
    assert mail["Subject"] == "🔴 2,310.45 USD on aws on 20 October, limit 2,000"
    assert mail["From"] == "Kosten Müller <costs@example.com>"
    assert mail["To"] == "Ops <ops@example.com>, cfo@example.com"


def test_the_headers_say_that_a_machine_wrote_it(mails: Mails) -> None:
    mail = sent(mails, USUAL)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Importance"] == "high"
    assert abs(mail["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)
    assert mail.get_content_type() == "multipart/alternative"
    assert [each.get_content_type() for each in mail.iter_parts()] == ["text/plain", "text/html"]


def test_mail_about_one_alert_is_one_conversation_and_a_repeated_attempt_one_mail(mails: Mails) -> None:
    first = sent(mails, USUAL)
    over = sent(mails, replace(USUAL, severity="resolved", at=AT + timedelta(hours=6)))
    other = sent(mails, replace(USUAL, key="daily-gcp/USD"))
    again = sent(mails, USUAL)
    assert first["References"] == first["In-Reply-To"] == over["References"] != other["References"]
    assert first["Message-ID"] == again["Message-ID"]
    assert len({first["Message-ID"], over["Message-ID"], other["Message-ID"]}) == 3
    assert first["Message-ID"].endswith("@example.com>")


def test_no_header_and_no_command_comes_out_of_a_message(mails: Mails) -> None:
    mail = sent(mails, ODD)
    assert mails.recipients == [["ops@example.com", "cfo@example.com"]]
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("🟠 12.00 USD Bcc: victim@example.com <script>")
    assert len(mail["Subject"]) <= 140
    assert mail["Subject"].isprintable()
    assert "QUIT" in part(mail, "plain")


def test_the_text_says_all_that_the_page_does(mails: Mails) -> None:
    text = part(sent(mails, USUAL), "plain")
    assert text.startswith("aws cost 2,310.45 USD on 20 October")
    assert "Most of it: Amazon EC2, 1,502.10 USD\n" in text
    assert "█  2026-09-21 to 2026-10-20, at last 2,310.45 USD\n" in text
    assert "2026-10-20  2,310.45 USD\n" in text
    assert "https://costs.example.com/?provider=aws&days=30\nCritical, noticed 2026-10-21 06:04 UTC" in text


def test_the_page_escapes_what_it_shows_and_loads_nothing(mails: Mails) -> None:
    page = part(sent(mails, ODD), "html")
    assert "<script" not in page
    assert "<img" not in page
    assert "href=" not in page
    assert "url(" not in page
    assert len(page.encode()) < 102_000  # where Gmail cuts
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp;" in page


def test_a_bare_message_is_whole(mails: Mails) -> None:
    mail = sent(mails, BARE)
    assert part(mail, "plain").strip() == "Resolved, noticed 2026-10-21 06:04 UTC; all that stands: outlay alerts"
    assert "0.00 USD: over" in part(mail, "html")


def test_a_refusal_for_now_is_tried_once_more(mails: Mails, waits: list[float]) -> None:
    mails.answers = ["451 try later"]
    with served(mails, None, **PLAIN) as email:
        email.send(USUAL)
    assert len(mails.taken) == 1
    assert waits == [1.0]


@pytest.mark.parametrize(
    ("answers", "tries", "said"),
    [
        (["451 busy", "452 full", "250 never"], 2, r"refused for now \(452\): full"),
        (["554 spam", "250 never"], 1, r"refused the mail \(554\): spam"),
    ],
)
def test_a_refusal_is_told(mails: Mails, answers: list[str], tries: int, said: str) -> None:
    given = len(answers)
    mails.answers = answers
    with served(mails, None, **PLAIN) as email, pytest.raises(NotifyError, match=rf"email: 127\.0\.0\.1:\d+ {said}"):
        email.send(USUAL)
    assert given - len(mails.answers) == tries
    assert mails.taken == []


def test_recipients_that_are_refused(mails: Mails, caplog: pytest.LogCaptureFixture) -> None:
    mails.refused = {"cfo@example.com": "550 no such user"}
    with served(mails, None, **PLAIN) as email, caplog.at_level(logging.WARNING):
        email.send(USUAL)
    assert mails.recipients == [["ops@example.com"]]
    assert "did not take the mail for cfo@example.com" in caplog.text
    mails.refused["ops@example.com"] = "550 gone"
    with served(mails, None, **PLAIN) as email, pytest.raises(NotifyError, match=r"\(550\): (gone|no such user)"):
        email.send(USUAL)


def test_a_wrong_password_is_told_without_it(mails: Mails, tls: Tls) -> None:
    with served(mails, tls, password="wr0ng-secret") as email, pytest.raises(NotifyError) as caught:
        email.send(USUAL)
    assert "refused the user and password (535)" in str(caught.value)
    assert "wr0ng-secret" not in f"{caught.value!r} {email!r}"
    assert len(set(mails.logins)) == 1


def test_a_certificate_that_nobody_signed_is_refused(mails: Mails, tls: Tls) -> None:
    for security in ("starttls", "tls"):
        how: dict[str, Any] = {"security": security, "ca_file": None}
        with served(mails, tls, **how) as email, pytest.raises(NotifyError, match="a certificate that is not valid"):
            email.send(USUAL)
    assert mails.logins == []


def test_a_server_without_tls_gets_no_password(mails: Mails) -> None:
    with served(mails, None) as email, pytest.raises(NotifyError, match="STARTTLS"):
        email.send(USUAL)
    assert mails.logins == []


def test_a_ca_file_that_is_none(mails: Mails, tls: Tls, tmp_path: Path) -> None:
    with served(mails, tls, ca_file=str(tmp_path / "none.pem")) as email, pytest.raises(NotifyError, match="ca_file"):
        email.send(USUAL)


def test_nobody_there_and_a_server_that_says_nothing(waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        email = Email(
            host="127.0.0.1",
            port=silent.getsockname()[1],
            security="none",
            sender="a@example.com",
            to=("b@example.com",),
            timeout=0.2,
        )
        with pytest.raises(NotifyError, match=r"cut the connection or was silent for 0\.2 s"):
            email.send(USUAL)
    with pytest.raises(NotifyError, match="cannot be reached: Connection refused"):
        email.send(USUAL)
    assert waits == [1.0, 1.0]


def test_ports_are_those_of_the_security() -> None:
    email = Email(host="mail", sender="a@example.com", to=("b@example.com",), password=SecretStr("x"), user="u")
    assert email.place == "b@example.com by mail:587"
    assert email.model_copy(update={"security": "tls"}).place.endswith(":465")
