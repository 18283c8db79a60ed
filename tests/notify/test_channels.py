"""From the settings to channels: names, faults with their places, the test message, and what all channels keep to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from outlay.core import plugins
from outlay.core.channels import Notifications
from outlay.core.config import load
from outlay.core.errors import ConfigError, UsageError
from outlay.core.ports import Notifier
from outlay.notify import channel_named, channels, trial
from tests.notify.messages import AT
from tests.notify.sink import Sink

MANUAL = Path(__file__).parents[2] / "docs" / "configuration.md"

FILE = """
monitoring:
  notifications:
    email:
      host: smtp.example.com
      sender: costs@example.com
      to: ops@example.com, cfo@example.com
      user: outlay
      password: ${SMTP_PASSWORD}
    webhook:
      - name: slack
        url: https://hooks.slack.com/services/${SLACK}
        format: slack
      - url: https://example.com/hook
        headers: {Authorization: "Bearer ${SLACK}"}
    urls: ["tgram://${SLACK}/1", "slack://${SLACK}", "tgram://${SLACK}/2"]
"""


def loaded(tmp_path: Path, text: str) -> tuple[Notifier, ...]:
    (tmp_path / "outlay.yaml").write_text(text, encoding="utf-8")
    settings = load(None, {"SMTP_PASSWORD": "hush-hush", "SLACK": "s3cr3t"}, tmp_path)
    assert "s3cr3t" not in repr(settings)
    return channels(settings.monitoring.notifications)


def test_every_channel_of_the_settings_has_a_name_of_its_own(tmp_path: Path) -> None:
    every = loaded(tmp_path, FILE)
    assert [each.name for each in every] == ["email", "slack", "webhook", "tgram", "slack-2", "tgram-2"]
    assert not any(secret in repr(every) for secret in ("hush-hush", "s3cr3t"))
    assert channel_named(every, "tgram-2") is every[-1]
    with pytest.raises(UsageError, match="no channel named 'sms'; there are: email, slack, webhook, tgram, slack-2"):
        channel_named(every, "sms")
    assert channels(None) == ()
    with pytest.raises(ConfigError, match="no channels: name some under"):
        channel_named((), "email")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("email: {host: h, sender: a@b.c}", "email.to: is required"),
        ("email: {host: h, sender: a@b.c, to: []}", "email.to: should be one address, or several"),
        ("email: {host: h, sender: a@b.c, to: [x]}", "email.to[0]: should be one mail address"),
        ("email: {host: h, sender: 'a@b.c\u2028Bcc: d@e.f', to: [a@b.c]}", "email.sender: should be one mail address"),
        ("email: {host: h, sender: a@b.c, to: [a@b.c], user: u}", "email: user and password go together"),
        (
            "email: {host: h, sender: a@b.c, to: [a@b.c], user: u, password: s3cr3t, security: none}",
            "email: a password is not sent in the clear",
        ),
        ("email: {host: h, sender: a@b.c, to: [a@b.c], form: x}", "email.form: no such key"),
        ("webhook: {url: 'http://example.com/s3cr3t'}", "webhook: url should start with https://"),
        ("webhook: {url: 'https://user:s3cr3t@example.com/'}", "webhook: url should be such as https://host/path"),
        ("webhook: [{url: 'ftp://s3cr3t'}]", "webhook[0]: url should"),
        ("webhook: {url: 'https://a.b/', format: slack, secret: s3cr3t}", "webhook: secret signs the format generic"),
        ("webhook: {url: 'https://a.b/', headers: {Host: s3cr3t}}", "webhook.headers: should have names"),
        (
            "webhook: {url: 'https://a.b/', headers: {X: 's3cr3t\u00e9'}}",
            "webhook.headers: the value of X should be one line",
        ),
        ("webhook: {url: 'https://a.b/', format: teems}", "webhook.format: should be 'generic', 'slack' or 'teams'"),
        ("webhook: [{url: 'https://a.b/'}, {url: 'https://a.b/'}]", "several channels are named webhook"),
        ("urls: [s3cr3t]", "urls: should be apprise URLs"),
    ],
)
def test_faults_name_the_place_and_no_secret(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"monitoring:\n  notifications:\n    {text}\n")
    assert re.match(rf"outlay\.yaml:\d+: monitoring\.notifications(\.|: ){re.escape(told)}", str(caught.value))
    assert "s3cr3t" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_trial_sends_and_says_where() -> None:
    sink = Sink()
    every = channels(Notifications.model_validate({"webhook": {"url": f"{sink.url}/s3cr3t", "allow_private": True}}))
    try:
        assert trial(every[0], AT) == "webhook: a message was handed over to 127.0.0.1"
    finally:
        sink.close()
    document = sink.posts[0].json
    assert document["severity"] == "info"
    assert document["title"] == "123.45 USD: a test of this channel"
    assert document["series"][-1] == {"date": "2026-10-21", "cost": "123.45"}


SETTINGS: dict[str, dict[str, Any]] = {
    "email": {"host": "h", "sender": "a@b.c", "to": ["a@b.c"], "user": "u", "password": "s3cr3t"},
    "urls": {"name": "json", "url": "json://s3cr3t"},
    "webhook": {"url": "https://example.com/s3cr3t", "secret": "s3cr3t", "headers": {"X-Key": "s3cr3t"}},
}


@pytest.mark.parametrize("kind", plugins.names("notify"))
def test_what_all_channels_keep_to(kind: str) -> None:
    model = plugins.load("notify", kind)
    channel = model.model_validate(SETTINGS[kind])
    assert channel.name
    assert model.__doc__
    assert "s3cr3t" not in f"{channel!r} {channel.place}"
    with pytest.raises(ValidationError, match="frozen"):
        channel.name = "other"
    with pytest.raises(ValidationError):
        model.model_validate(SETTINGS[kind] | {"nonsense": 1})


@pytest.mark.parametrize("kind", ["email", "webhook"])
def test_every_key_is_in_the_manual(kind: str) -> None:
    chapter = MANUAL.read_text(encoding="utf-8").split(f"### notifications.{kind}")[1].split("\n##")[0]
    found = re.findall(r"^\| `(\w+)` \|([^|]*)\|", chapter, re.MULTILINE)
    rows = {name: default.strip() for name, default in found}
    model = plugins.load("notify", kind)
    expected = {}
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else field.get_default(call_default_factory=True)
        plain = str(default).lower() if isinstance(default, bool) else str(default)
        expected[name] = default or "" if default in (None, "required") else f"`{plain}`"
    assert rows == expected
